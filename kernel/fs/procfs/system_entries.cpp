// SPDX-License-Identifier: MIT
//
// /sys: the few facts that C libraries and programs ask for there (sysfs(5),
// sysfs-devices-system-cpu), and the places where other file systems are mounted by custom. There
// is no device tree.
#include "kernel/fs/procfs/entry.h"
#include "kernel/fs/procfs/inode.h"
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
// Those that maxcpus= has left out.
Status offline(TextBuilder& out, const Subject&) {
    append_list(out, CpuSet::first(arch::cpu_count()).bits & ~online_cpus().bits);
    out.character('\n');
    return {};
}

// Pages are mapped one by one: there is nothing to choose.
Status huge_pages(TextBuilder& out, const Subject&) {
    out.text("always madvise [never]\n");
    return {};
}
Status kernel_max(TextBuilder& out, const Subject&) {
    out.format("{}\n", kMaxCpus - 1);
    return {};
}
Status clock_source(TextBuilder& out, const Subject&) {
    out.text("tsc\n");
    return {};
}

constexpr Entry kHugePages[] = {{.name = "enabled", .mode = kFile, .generate = huge_pages}};
constexpr Entry kMemory[] = {
    {.name = "transparent_hugepage", .mode = kFolder, .children = kHugePages},
};
constexpr Entry kClockSource0[] = {
    {.name = "available_clocksource", .mode = kFile, .generate = clock_source},
    {.name = "current_clocksource", .mode = kFile, .generate = clock_source},
};
constexpr Entry kClockSource[] = {
    {.name = "clocksource0", .mode = kFolder, .children = kClockSource0},
};
constexpr Entry kCpu[] = {
    {.name = "kernel_max", .mode = kFile, .generate = kernel_max},
    {.name = "offline", .mode = kFile, .generate = offline},
    {.name = "online", .mode = kFile, .generate = online},
    {.name = "possible", .mode = kFile, .generate = possible},
    {.name = "present", .mode = kFile, .generate = possible},
};
// A folder for each CPU beside the files: programs count them.
class CpuDirectory final : public TableDirectory {
public:
    explicit CpuDirectory(Superblock& superblock)
        : TableDirectory(superblock, inode_number({}, kCpu), kFolder, kCpu, {}) {}

    Result<Ref<Inode>> look_up(std::string_view name) override {
        if (!name.starts_with("cpu")) return TableDirectory::look_up(name);
        const int32_t number = TRY(parse_name_number(name.substr(3)));
        if (static_cast<uint32_t>(number) >= arch::cpu_count()) return fail(Error::NotFound);
        return Ref<Inode>(TRY(make_ref<TableDirectory>(superblock(), number_of(static_cast<uint32_t>(number)), kFolder,
                                                       std::span<const Entry>(), Subject())));
    }

    Status emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument) override {
        if (position < kFirstCpu && !emit_table(position, emit, argument)) return {};
        for (uint64_t i = position < kFirstCpu ? 0 : position - kFirstCpu; i < arch::cpu_count(); ++i) {
            char name[16];
            const size_t length = format_to(name, "cpu{}", i);
            constexpr uint8_t kType = file_mode::kDirectory >> 12;
            const DirectoryEntry entry{number_of(static_cast<uint32_t>(i)), static_cast<int64_t>(kFirstCpu + i + 1), kType,
                                       {name, length}};
            if (!emit(argument, entry)) break;
        }
        return {};
    }

private:
    static constexpr uint64_t kFirstCpu = 256;   // position in the listing; the table comes before it
    static uint64_t number_of(uint32_t cpu) { return inode_number({}, kCpu, cpu + 1); }
};

Result<Ref<Inode>> make_cpus(Superblock& superblock, const Subject&) {
    return Ref<Inode>(TRY(make_ref<CpuDirectory>(superblock)));
}

constexpr Entry kSystemDevices[] = {
    {.name = "clocksource", .mode = kFolder, .children = kClockSource},
    {.name = "cpu", .mode = kFolder, .make = make_cpus},
};
constexpr Entry kDevices[] = {{.name = "system", .mode = kFolder, .children = kSystemDevices}};
constexpr Entry kFilesystems[] = {{.name = "cgroup", .mode = kFolder}};
constexpr Entry kKernel[] = {
    {.name = "debug", .mode = kFolder},
    {.name = "mm", .mode = kFolder, .children = kMemory},
};
constexpr Entry kTop[] = {
    {.name = "devices", .mode = kFolder, .children = kDevices},
    {.name = "fs", .mode = kFolder, .children = kFilesystems},
    {.name = "kernel", .mode = kFolder, .children = kKernel},
};

}  // namespace

constinit const std::span<const Entry> kSystemEntries = kTop;

}  // namespace gyre::procfs
