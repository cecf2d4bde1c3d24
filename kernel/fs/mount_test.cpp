// SPDX-License-Identifier: MIT
//
// Mounts in a namespace of their own: covering, crossing both ways, moving, and when one is busy.
#include "kernel/fs/mount.h"

#include <utility>

#include "kernel/fs/lookup.h"
#include "kernel/fs/names.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

Result<Ref<Mount>> make_mount() {
    Ref<TmpfsSuperblock> superblock = TRY(TmpfsSuperblock::create("tmpfs", {}));
    const Ref<Dentry> root = superblock->root();
    return Mount::create(std::move(superblock), root, 0, "test");
}

struct World {
    Ref<MountNamespace> mounts;
    Path root;
    Ref<Credentials> credentials;

    static Result<World> make() {
        Ref<Mount> mount = TRY(make_mount());
        const Path root(mount, Ref<Dentry>(mount->root()));
        Ref<Credentials> credentials = TRY(Credentials::create({}, {}));
        return World{TRY(MountNamespace::create(std::move(mount))), root, std::move(credentials)};
    }
    Result<Path> find(std::string_view text, LookupFlag flags = LookupFlag::None) const {
        PathText path;
        TRY_VOID(path.set(text));
        return look_up({root, root, *credentials}, path, flags);
    }
    Status make_folder(const Path& parent, std::string_view name) const {
        TRY_VOID(names::make(parent, name, {file_mode::kDirectory | 0755, 0, 0}, *credentials));
        return {};
    }
};

}  // namespace

KERNEL_TEST(mounts_cover_and_are_crossed) {
    const World world = TEST_TRY(World::make());
    REQUIRE(world.make_folder(world.root, "a"));
    REQUIRE(world.make_folder(world.root, "b"));
    const Path covered = TEST_TRY(world.find("/a"));
    REQUIRE(world.make_folder(covered, "below"));
    const Ref<Mount> mount = TEST_TRY(make_mount());
    REQUIRE(world.mounts->attach(mount, covered));

    const Path top = TEST_TRY(world.find("/a"));
    EXPECT(top.mount == mount);
    EXPECT(!world.find("/a/below"));
    REQUIRE(world.make_folder(top, "inside"));
    EXPECT(TEST_TRY(world.find("/a/inside/../../b")).mount == world.root.mount);
    const Result<Path> crossing = world.find("/a/inside", LookupFlag::NoCrossMounts);
    EXPECT(!crossing && crossing.error() == Error::CrossDevice);
    char buffer[32];
    const Path inside = TEST_TRY(world.find("/a/inside"));
    EXPECT(TEST_TRY(path_text(inside, world.root, buffer, PathStyle::Plain)) == "/a/inside");
    const Status removed = names::remove_directory(world.root, "a", *world.credentials);
    EXPECT(!removed && removed.error() == Error::Busy);

    // What is in use does not go, unless it is asked to go from sight only.
    const Status busy = world.mounts->detach(*mount, false);
    EXPECT(!busy && busy.error() == Error::Busy);
    REQUIRE(world.mounts->detach(*mount, true));
    EXPECT(world.find("/a/below"));
    EXPECT(!inside.mount->parent());
}

KERNEL_TEST(mounts_move) {
    const World world = TEST_TRY(World::make());
    REQUIRE(world.make_folder(world.root, "a"));
    REQUIRE(world.make_folder(world.root, "b"));
    Ref<Mount> mount = TEST_TRY(make_mount());
    REQUIRE(world.mounts->attach(mount, TEST_TRY(world.find("/a"))));
    REQUIRE(world.make_folder(TEST_TRY(world.find("/a")), "in"));
    const Status below = world.mounts->move(*mount, TEST_TRY(world.find("/a/in")));
    EXPECT(!below && below.error() == Error::SymlinkLoop);
    REQUIRE(world.mounts->move(*mount, TEST_TRY(world.find("/b"))));
    EXPECT(world.find("/b/in"));
    EXPECT(!world.find("/a/in"));
    int count = 0;
    world.mounts->for_each([&](Mount&) { ++count; });
    EXPECT(count == 2);
    REQUIRE(world.mounts->detach(*mount, false));
    EXPECT(!world.find("/b/in"));
}

KERNEL_TEST(mounts_bind_alone_and_with_what_is_below) {
    const World world = TEST_TRY(World::make());
    for (const std::string_view name : {"a", "b", "c"})
        REQUIRE(world.make_folder(world.root, name));
    REQUIRE(world.make_folder(TEST_TRY(world.find("/a")), "m"));
    REQUIRE(world.mounts->attach(TEST_TRY(make_mount()), TEST_TRY(world.find("/a/m"))));
    REQUIRE(world.make_folder(TEST_TRY(world.find("/a/m")), "deep"));
    REQUIRE(world.mounts->bind(TEST_TRY(world.find("/a")), TEST_TRY(world.find("/b")), false));
    EXPECT(world.find("/b/m"));
    EXPECT(!world.find("/b/m/deep"));
    REQUIRE(world.mounts->bind(TEST_TRY(world.find("/a")), TEST_TRY(world.find("/c")), true));
    EXPECT(world.find("/c/m/deep"));
    EXPECT(TEST_TRY(world.find("/c/m/deep")).dentry == TEST_TRY(world.find("/a/m/deep")).dentry);
    EXPECT(TEST_TRY(world.find("/c/m/../..")).dentry == world.root.dentry);
    // The root into itself: what the bind adds is not copied again.
    REQUIRE(world.mounts->bind(world.root, TEST_TRY(world.find("/b/m")), true));
    EXPECT(world.find("/b/m/a/m/deep"));
    EXPECT(world.find("/b/m/b/m"));
    EXPECT(!world.find("/b/m/b/m/a"));
}

KERNEL_TEST(mounts_detach_lazily_with_what_is_upon_them) {
    const World world = TEST_TRY(World::make());
    REQUIRE(world.make_folder(world.root, "a"));
    const Ref<Mount> outer = TEST_TRY(make_mount());
    REQUIRE(world.mounts->attach(outer, TEST_TRY(world.find("/a"))));
    REQUIRE(world.make_folder(TEST_TRY(world.find("/a")), "in"));
    REQUIRE(world.mounts->attach(TEST_TRY(make_mount()), TEST_TRY(world.find("/a/in"))));
    const Status busy = world.mounts->detach(*outer, false);
    EXPECT(!busy && busy.error() == Error::Busy);
    REQUIRE(world.mounts->detach_tree(*outer));
    EXPECT(!world.find("/a/in"));
    int count = 0;
    world.mounts->for_each([&](Mount&) { ++count; });
    EXPECT(count == 1);
}

KERNEL_TEST(mounts_read_only) {
    const World world = TEST_TRY(World::make());
    REQUIRE(world.make_folder(world.root, "a"));
    REQUIRE(world.root.mount->set_flags(mount_flags::kReadOnly));
    const Status made = world.make_folder(world.root, "b");
    EXPECT(!made && made.error() == Error::ReadOnlyFilesystem);
    const Status again = world.make_folder(world.root, "a");
    EXPECT(!again && again.error() == Error::Exists);
    REQUIRE(world.root.mount->set_flags(0));
    EXPECT(world.make_folder(world.root, "b"));
}

}  // namespace gyre
