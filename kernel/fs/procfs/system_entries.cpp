// SPDX-License-Identifier: MIT
//
// /sys: the few facts that C libraries and programs ask for there (sysfs(5),
// sysfs-devices-system-cpu), and the places where other file systems are mounted by custom. There
// is no device tree.
#include "kernel/fs/procfs/entry.h"
#include "kernel/schedule/cpu.h"

namespace gyre::procfs {

void append_list(TextBuilder& out, uint64_t bits) {
    bool is_first = true;
    for (uint32_t from = 0; from < 64; ++from) {
        if (!(bits >> from & 1)) continue;
        uint32_t to = from;
        while (to + 1 < 64 && (bits >> (to + 1) & 1))
            ++to;
        if (!is_first) out.character(',');
        is_first = false;
        if (to == from)
            out.format("{}", from);
        else
            out.format("{}-{}", from, to);
        from = to;
    }
}

namespace {

Status online(TextBuilder& out, const Subject&) {
    append_list(out, online_cpus().bits);
    out.character('\n');
    return {};
}
Status possible(TextBuilder& out, const Subject&) {
    append_list(out, CpuSet::first(arch::cpu_count()).bits);
    out.character('\n');
    return {};
}

constexpr Entry kCpu[] = {
    {.name = "online", .mode = kFile, .generate = online},
    {.name = "possible", .mode = kFile, .generate = possible},
    {.name = "present", .mode = kFile, .generate = possible},
};
constexpr Entry kSystemDevices[] = {{.name = "cpu", .mode = kFolder, .children = kCpu}};
constexpr Entry kDevices[] = {{.name = "system", .mode = kFolder, .children = kSystemDevices}};
constexpr Entry kFilesystems[] = {{.name = "cgroup", .mode = kFolder}};
constexpr Entry kKernel[] = {{.name = "debug", .mode = kFolder}};
constexpr Entry kTop[] = {
    {.name = "devices", .mode = kFolder, .children = kDevices},
    {.name = "fs", .mode = kFolder, .children = kFilesystems},
    {.name = "kernel", .mode = kFolder, .children = kKernel},
};

}  // namespace

constinit const std::span<const Entry> kSystemEntries = kTop;

}  // namespace gyre::procfs
