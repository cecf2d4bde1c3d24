// SPDX-License-Identifier: MIT
//
// /proc/PID/mounts and mountinfo: the mounts as the process sees them from its root.
#include "kernel/fs/dentry.h"
#include "kernel/fs/filesystem_context.h"
#include "kernel/fs/lookup.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/task.h"
#include "lib/base/vector.h"

namespace gyre::procfs::process_files {
namespace {

constexpr std::string_view kSpecial = " \t\n\\#";
constexpr size_t kMostOptionBytes = 256;

struct Seen {
    Ref<Mount> mount;
    Path place;       // where it is mounted; empty for the namespace's root
    uint32_t parent;  // its number
};

Result<Vector<Seen>> collect() {
    Vector<Seen> all;
    Status outcome;
    // Under the table's spin lock: allocating is allowed there, sleeping is not.
    initial_mount_namespace()->for_each([&](Mount& mount) {
        if (!outcome) return;
        Seen seen{Ref<Mount>(mount), Path(), mount.number()};
        if (mount.parent() && mount.mount_point()) {
            seen.place = Path(Ref<Mount>(mount.parent()), Ref<Dentry>(mount.mount_point()));
            seen.parent = mount.parent()->number();
        }
        outcome = all.try_push_back(std::move(seen));
    });
    if (!outcome) return fail(outcome.error());
    return all;
}

Result<Path> root_of(const Subject& subject) {
    if (!subject.is_process()) return linux::Task::current().filesystem().root();
    const Ref<linux::Task> task = TRY(subject.task());
    const Ref<FilesystemContext> places = task->filesystem_reference();
    if (!places) return fail(Error::InvalidArgument);  // as Linux for a zombie
    return places->root();
}

void mount_options(TextBuilder& out, const Mount& mount) {
    using namespace mount_flags;
    const struct {
        uint32_t flag;
        std::string_view text;
    } words[] = {
        {kNoSetUid, ",nosuid"},
        {kNoDevices, ",nodev"},
        {kNoExecute, ",noexec"},
        {kNoAccessTime, ",noatime"},
        {kNoDirectoryAccessTime, ",nodiratime"},
    };
    out.text(mount.flags() & kReadOnly ? "ro" : "rw");
    for (const auto& word : words)
        if (mount.flags() & word.flag) out.text(word.text);
    if (!(mount.flags() & (kNoAccessTime | kStrictAccessTime))) out.text(",relatime");
}

void superblock_options(TextBuilder& out, const Superblock& superblock) {
    char options[kMostOptionBytes];
    out.text({options, superblock.options(options)});
}

// False when the place is not to be seen from the root.
bool place_text(TextBuilder& out, const Seen& seen, const Path& root) {
    char buffer[PathText::kMostBytes];
    const Path& place = seen.place.is_empty() ? root : seen.place;
    const Result<std::string_view> text = path_text(place, root, buffer, PathStyle::Plain);
    if (!text) return false;
    out.escaped(*text, kSpecial);
    return true;
}

std::string_view source_of(const Mount& mount) {
    return mount.source().empty() ? "none" : mount.source();
}

}  // namespace

Status mounts(TextBuilder& out, const Subject& subject) {
    const Path root = TRY(root_of(subject));
    const Vector<Seen> all = TRY(collect());
    for (const Seen& seen : all) {
        const size_t before = out.length();
        out.escaped(source_of(*seen.mount), kSpecial);
        out.character(' ');
        if (!place_text(out, seen, root)) {
            out.shrink_to(before);
            continue;
        }
        out.format(" {} ", seen.mount->superblock().type_name());
        mount_options(out, *seen.mount);
        superblock_options(out, seen.mount->superblock());
        out.text(" 0 0\n");
    }
    return {};
}

Status mount_info(TextBuilder& out, const Subject& subject) {
    const Path root = TRY(root_of(subject));
    const Vector<Seen> all = TRY(collect());
    for (const Seen& seen : all) {
        const size_t before = out.length();
        const Superblock& superblock = seen.mount->superblock();
        out.format("{} {} {}:{} ", seen.mount->number(), seen.parent,
                   device_major(superblock.device()), device_minor(superblock.device()));
        // What of the file system is shown: its root, or a part of it (MS_BIND).
        char buffer[PathText::kMostBytes];
        const Path shown(Ref<Mount>(seen.mount), Ref<Dentry>(seen.mount->root()));
        const Result<std::string_view> part =
            seen.mount->root().is_root() ? std::string_view("/")
                                         : path_text(shown, Path(), buffer, PathStyle::Plain);
        out.escaped(part ? *part : std::string_view("/"), kSpecial);
        out.character(' ');
        if (!place_text(out, seen, root)) {
            out.shrink_to(before);
            continue;
        }
        out.character(' ');
        mount_options(out, *seen.mount);
        out.format(" - {} ", superblock.type_name());
        out.escaped(source_of(*seen.mount), kSpecial);
        out.text(superblock.is_read_only() ? " ro" : " rw");
        superblock_options(out, superblock);
        out.character('\n');
    }
    return {};
}

}  // namespace gyre::procfs::process_files
