// SPDX-License-Identifier: MIT
//
// Names in a tmpfs that is mounted nowhere: making, walking, linking, renaming, removing, and paths
// back.
#include "kernel/fs/names.h"

#include <utility>

#include "kernel/fs/lookup.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

constexpr uint32_t kFolder = file_mode::kDirectory | 0755, kPlain = file_mode::kRegular | 0644;

struct Tree {
    Path root;
    Ref<Credentials> credentials;

    static Result<Tree> make() {
        Ref<TmpfsSuperblock> superblock = TRY(TmpfsSuperblock::create("tmpfs", {}));
        const Ref<Dentry> root = superblock->root();
        Ref<Mount> mount = TRY(Mount::create(std::move(superblock), root, 0, "test"));
        Ref<Credentials> credentials = TRY(Credentials::create({}, {}));
        return Tree{Path(std::move(mount), root), std::move(credentials)};
    }
    Result<Path> find(std::string_view text, LookupFlag flags = LookupFlag::Follow) const {
        PathText path;
        TRY_VOID(path.set(text));
        return look_up({root, root, *credentials}, path, flags);
    }
    Error error_of(std::string_view text, LookupFlag flags = LookupFlag::Follow) const {
        const Result<Path> found = find(text, flags);
        return found ? Error{} : found.error();
    }
    Status add(std::string_view folder, std::string_view name, uint32_t mode,
               std::string_view target = {}) const {
        const Path parent = TRY(find(folder));
        TRY_VOID(names::make(parent, name, {mode, 0, 0, 0, target}, *credentials));
        return {};
    }
    Status rename(std::string_view from_folder, std::string_view from, std::string_view to_folder,
                  std::string_view to, uint32_t flags = 0) const {
        const Path source = TRY(find(from_folder));
        const Path target = TRY(find(to_folder));
        return names::rename({source, from, false}, {target, to, false}, flags, *credentials);
    }
};

bool fails(const Status& status, Error error) {
    return !status && status.error() == error;
}

}  // namespace

KERNEL_TEST(names_walk_finds_what_was_made) {
    const Tree tree = TEST_TRY(Tree::make());
    REQUIRE(tree.add("/", "a", kFolder));
    REQUIRE(tree.add("/a", "a_name_of_more_than_thirty_one_bytes_in_all", kFolder));
    REQUIRE(tree.add("/a/a_name_of_more_than_thirty_one_bytes_in_all", "file", kPlain));
    EXPECT(tree.find("/a/a_name_of_more_than_thirty_one_bytes_in_all/file"));
    EXPECT(tree.find("a//./../a/a_name_of_more_than_thirty_one_bytes_in_all/../../a"));
    EXPECT(tree.find("/.."));
    EXPECT(tree.error_of("/a/none") == Error::NotFound);
    EXPECT(tree.error_of("/a/a_name_of_more_than_thirty_one_bytes_in_all/file/") ==
           Error::NotDirectory);
    EXPECT(tree.error_of("/a/a_name_of_more_than_thirty_one_bytes_in_all/file/x") ==
           Error::NotDirectory);
    EXPECT(fails(tree.add("/", "a", kPlain), Error::Exists));
}

// Every length around the word size, because hashing and comparing go by words.
KERNEL_TEST(names_of_every_length) {
    const Tree tree = TEST_TRY(Tree::make());
    char name[kMostNameBytes];
    for (size_t i = 0; i < sizeof(name); ++i)
        name[i] = static_cast<char>('a' + i % 26);
    for (size_t length = 1; length <= sizeof(name); ++length)
        REQUIRE(tree.add("/", {name, length}, kPlain));
    for (size_t length = 1; length <= sizeof(name); ++length) {
        const Path found = TEST_TRY(tree.find({name, length}));
        EXPECT(found.dentry->name() == std::string_view(name, length));
    }
    name[3] = '#';
    for (size_t length = 4; length <= sizeof(name); ++length)
        EXPECT(tree.error_of({name, length}) == Error::NotFound);
}

KERNEL_TEST(names_symbolic_links) {
    const Tree tree = TEST_TRY(Tree::make());
    REQUIRE(tree.add("/", "d", kFolder));
    REQUIRE(tree.add("/d", "f", kPlain));
    REQUIRE(tree.add("/", "l", file_mode::kSymlink, "d"));
    REQUIRE(tree.add("/d", "up", file_mode::kSymlink, "../l/f"));
    REQUIRE(tree.add("/", "loop", file_mode::kSymlink, "loop"));
    REQUIRE(tree.add("/", "gone", file_mode::kSymlink, "/none"));
    const Path file = TEST_TRY(tree.find("/d/f"));
    EXPECT(TEST_TRY(tree.find("/l/f")) == file);
    EXPECT(TEST_TRY(tree.find("/l/up")) == file);
    EXPECT(TEST_TRY(tree.find("/l", LookupFlag::None)).dentry->inode().is_symlink());
    EXPECT(TEST_TRY(tree.find("/l/", LookupFlag::None)).dentry->inode().is_directory());
    EXPECT(tree.error_of("/loop") == Error::SymlinkLoop);
    EXPECT(tree.error_of("/loop/x") == Error::SymlinkLoop);
    EXPECT(tree.error_of("/gone") == Error::NotFound);
    EXPECT(tree.error_of("/l/f", LookupFlag::NoLinks) == Error::SymlinkLoop);
    EXPECT(tree.error_of("/../d", LookupFlag::Beneath) == Error::CrossDevice);
}

KERNEL_TEST(names_rename_and_its_errors) {
    const Tree tree = TEST_TRY(Tree::make());
    REQUIRE(tree.add("/", "a", kFolder));
    REQUIRE(tree.add("/a", "b", kFolder));
    REQUIRE(tree.add("/", "f", kPlain));
    REQUIRE(tree.add("/", "g", kPlain));
    EXPECT(fails(tree.rename("/", "a", "/a/b", "c"), Error::InvalidArgument));
    EXPECT(fails(tree.rename("/a", "b", "/", "a"), Error::NotEmpty));
    EXPECT(fails(tree.rename("/", "f", "/", "a"), Error::IsDirectory));
    EXPECT(fails(tree.rename("/", "a", "/", "f"), Error::NotDirectory));
    EXPECT(fails(tree.rename("/", "f", "/", "g", names::kNoReplace), Error::Exists));
    EXPECT(fails(tree.rename("/", "none", "/", "x"), Error::NotFound));
    const Path f = TEST_TRY(tree.find("/f"));
    const Path g = TEST_TRY(tree.find("/g"));
    REQUIRE(tree.rename("/", "f", "/", "g"));
    EXPECT(tree.error_of("/f") == Error::NotFound);
    EXPECT(TEST_TRY(tree.find("/g")) == f);
    EXPECT(g.dentry->is_removed());
    EXPECT(g.dentry->inode().link_count() == 0);
    REQUIRE(tree.rename("/", "g", "/a/b", "a_name_of_more_than_thirty_one_bytes_in_all"));
    EXPECT(TEST_TRY(tree.find("/a/b/a_name_of_more_than_thirty_one_bytes_in_all")) == f);
    REQUIRE(tree.rename("/a/b", "a_name_of_more_than_thirty_one_bytes_in_all", "/", "s"));
    EXPECT(TEST_TRY(tree.find("/s")) == f);
    REQUIRE(tree.rename("/", "s", "/a", "b", names::kExchange));
    EXPECT(TEST_TRY(tree.find("/a/b")) == f);
    EXPECT(TEST_TRY(tree.find("/s")).dentry->inode().is_directory());
    EXPECT(TEST_TRY(tree.find("/a")).dentry->inode().link_count() == 2);
    EXPECT(tree.root.dentry->inode().link_count() == 4);
}

KERNEL_TEST(names_removed_directories_take_nothing) {
    const Tree tree = TEST_TRY(Tree::make());
    REQUIRE(tree.add("/", "d", kFolder));
    const Path folder = TEST_TRY(tree.find("/d"));
    REQUIRE(names::remove_directory(tree.root, "d", *tree.credentials));
    EXPECT(tree.error_of("/d") == Error::NotFound);
    const Result<Ref<Dentry>> made = names::make(folder, "x", {kPlain, 0, 0}, *tree.credentials);
    EXPECT(!made && made.error() == Error::NotFound);
    EXPECT(folder.dentry->inode().link_count() == 0);
}

KERNEL_TEST(names_hard_links_share_an_inode) {
    const Tree tree = TEST_TRY(Tree::make());
    REQUIRE(tree.add("/", "f", kPlain));
    const Path file = TEST_TRY(tree.find("/f"));
    REQUIRE(names::link(file, tree.root, "g", *tree.credentials));
    EXPECT(&TEST_TRY(tree.find("/g")).dentry->inode() == &file.dentry->inode());
    EXPECT(file.dentry->inode().link_count() == 2);
    EXPECT(fails(names::link(file, tree.root, "g", *tree.credentials), Error::Exists));
    EXPECT(fails(names::link(tree.root, tree.root, "h", *tree.credentials), Error::NotPermitted));
    REQUIRE(names::unlink(tree.root, "f", false, *tree.credentials));
    EXPECT(file.dentry->inode().link_count() == 1);
    EXPECT(tree.find("/g"));
}

KERNEL_TEST(names_path_text_leads_back) {
    const Tree tree = TEST_TRY(Tree::make());
    REQUIRE(tree.add("/", "a", kFolder));
    REQUIRE(tree.add("/a", "b", kFolder));
    const Path place = TEST_TRY(tree.find("/a/b"));
    char buffer[32];
    EXPECT(TEST_TRY(path_text(place, tree.root, buffer, PathStyle::Plain)) == "/a/b");
    EXPECT(TEST_TRY(path_text(tree.root, tree.root, buffer, PathStyle::Plain)) == "/");
    EXPECT(TEST_TRY(path_text(place, TEST_TRY(tree.find("/a")), buffer, PathStyle::GetCwd)) ==
           "/b");
    char small[4];
    EXPECT(path_text(place, tree.root, small, PathStyle::Plain).error_or(Error{}) ==
               Error::NameTooLong ||
           path_text(place, tree.root, small, PathStyle::Plain).has_value());
    REQUIRE(names::remove_directory(TEST_TRY(tree.find("/a")), "b", *tree.credentials));
    EXPECT(TEST_TRY(path_text(place, tree.root, buffer, PathStyle::Plain)) == "/a/b (deleted)");
}

KERNEL_TEST(names_rights_of_others) {
    const Tree tree = TEST_TRY(Tree::make());
    CredentialValues values;
    values.uid = values.effective_uid = values.filesystem_uid = 1000;
    values.gid = values.effective_gid = values.filesystem_gid = 1000;
    values.effective = values.permitted = 0;
    const Ref<Credentials> other = TEST_TRY(Credentials::create(values, {}));
    REQUIRE(tree.add("/", "mine", file_mode::kDirectory | 0700));
    REQUIRE(tree.add("/", "sticky", file_mode::kDirectory | 01777));
    REQUIRE(tree.add("/sticky", "f", kPlain));
    PathText path;
    REQUIRE(path.set("/mine/x"));
    const Result<Path> found = look_up({tree.root, tree.root, *other}, path, LookupFlag::None);
    EXPECT(!found && found.error() == Error::AccessDenied);
    const Path sticky = TEST_TRY(tree.find("/sticky"));
    EXPECT(fails(names::unlink(sticky, "f", false, *other), Error::NotPermitted));
    EXPECT(names::make(sticky, "g", {kPlain, 1000, 1000}, *other));
    EXPECT(names::unlink(sticky, "g", false, *other));
}

}  // namespace gyre
