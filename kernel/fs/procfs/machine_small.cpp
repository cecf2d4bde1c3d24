// SPDX-License-Identifier: MIT
//
// The machine's small files.
#include "kernel/command_line.h"
#include "kernel/driver/character_device.h"
#include "kernel/fs/procfs/machine_files.h"
#include "kernel/fs/superblock.h"
#include "kernel/linux/host_identity.h"

namespace gyre::procfs::machine_files {

Status version(TextBuilder& out, const Subject&) {
    out.format("{} version {} (gyre) (clang {}.{}.{}) {}\n", linux::kSystemName, linux::kRelease,
               __clang_major__, __clang_minor__, __clang_patchlevel__, linux::kVersion);
    return {};
}

Status filesystems(TextBuilder& out, const Subject&) {
    for (const FilesystemType* type = first_filesystem(); type; type = type->next)
        out.format("{}\t{}\n", type->needs_device ? "" : "nodev", type->name);
    return {};
}

Status command_line(TextBuilder& out, const Subject&) {
    out.text(gyre::command_line::text());
    out.character('\n');
    return {};
}

// A line for each major number, by the first of its devices.
Status devices(TextBuilder& out, const Subject&) {
    out.text("Character devices:\n");
    driver::for_each_character_major(
        [](uint32_t major, std::string_view name, void* argument) {
            static_cast<TextBuilder*>(argument)->format("{3} {}\n", major, name);
        },
        &out);
    out.text("\nBlock devices:\n");
    return {};
}

Status swaps(TextBuilder& out, const Subject&) {
    out.text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return {};
}

// There are no modules and no disks.
Status nothing(TextBuilder&, const Subject&) {
    return {};
}

Status partitions(TextBuilder& out, const Subject&) {
    out.text("major minor  #blocks  name\n\n");
    return {};
}

// The hierarchies of version 1, of which there are none.
Status cgroups(TextBuilder& out, const Subject&) {
    out.text("#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    return {};
}

}  // namespace gyre::procfs::machine_files
