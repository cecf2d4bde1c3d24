// SPDX-License-Identifier: MIT
//
// The CPUs and their time. How a CPU's busy time divides into user and system is known of threads,
// not of CPUs; so the division of the whole machine is shown for each.
#include <algorithm>

#include "kernel/arch/x86_64/cpu_identity.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/procfs/machine_files.h"
#include "kernel/linux/process.h"
#include "kernel/linux/usage.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/scheduler.h"

namespace gyre::procfs::machine_files {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000, kHundredthNs = 10'000'000;

template <class Body>
void for_each_cpu(Body&& body) {
    const CpuSet online = online_cpus();
    for (uint32_t number = 0; number < kMaxCpus; ++number)
        if (online.contains(number)) body(cpu_by_number(number));
}

int64_t cycles_per_second() {
    constexpr int64_t kSampleCycles = 1'000'000'000;
    const int64_t ns = arch::cycles_to_ns(kSampleCycles);
    return ns > 0 ? kSampleCycles * kSecondNs / ns : 0;
}

struct MachineTimes {
    int64_t user_ns = 0, system_ns = 0, idle_ns = 0, uptime_ns = 0;
};

// User time of all who live, and of the dead whom they waited for.
int64_t all_user_ns() {
    int64_t total = 0;
    linux::Pid next = 0;
    while (const Ref<linux::Process> process = linux::PidNamespace::initial().next_process(next)) {
        next = process->pid() + 1;
        total += process->usage().user_ns + process->children_usage().user_ns;
        Thread::preemption_point();
    }
    return total;
}

MachineTimes machine_times() {
    MachineTimes times;
    times.uptime_ns = arch::clock_now_ns();
    for_each_cpu([&](const Cpu& cpu) { times.idle_ns += cpu.idle_time_ns; });
    const int64_t busy_ns =
        std::max<int64_t>(times.uptime_ns * online_cpu_count() - times.idle_ns, 0);
    times.user_ns = std::min(all_user_ns(), busy_ns);
    times.system_ns = busy_ns - times.user_ns;
    return times;
}

void cpu_line(TextBuilder& out, int64_t user_ns, int64_t system_ns, int64_t idle_ns) {
    out.format(" {} 0 {} {} 0 0 0 0 0 0\n", linux::to_ticks(user_ns), linux::to_ticks(system_ns),
               linux::to_ticks(idle_ns));
}

}  // namespace

Status cpu_info(TextBuilder& out, const Subject&) {
    const arch::CpuIdentity identity = arch::cpu_identity();
    char names[512];
    const std::string_view features = arch::cpu_feature_names(names);
    const int64_t khz = cycles_per_second() / 1000;
    const uint32_t count = online_cpu_count();
    for_each_cpu([&](const Cpu& cpu) {
        out.format("processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\n",
                   cpu.number, identity.vendor, identity.family, identity.model);
        out.format("model name\t: {}\nstepping\t: {}\ncpu MHz\t\t: {}.{03}\n", identity.brand,
                   identity.stepping, khz / 1000, khz % 1000);
        if (identity.cache_kib != 0) out.format("cache size\t: {} KB\n", identity.cache_kib);
        out.format("physical id\t: 0\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\n", count,
                   cpu.number, count);
        out.format(
            "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t: ",
            identity.most_leaf);
        out.text(features);
        out.format("\nbogomips\t: {}.{02}\nclflush size\t: {}\ncache_alignment\t: {}\n",
                   khz * 2 / 1000, khz * 2 / 10 % 100, identity.cache_line_bytes,
                   identity.cache_line_bytes);
        out.format("address sizes\t: {} bits physical, {} bits virtual\n\n", identity.physical_bits,
                   identity.virtual_bits);
    });
    return {};
}

Status interrupts(TextBuilder& out, const Subject&) {
    out.text("    ");
    for_each_cpu([&](const Cpu& cpu) { out.format("       CPU{}", cpu.number); });
    out.text("\nTOT:");
    for_each_cpu([&](const Cpu& cpu) { out.format(" {10}", cpu.interrupt_count); });
    out.text("   All interrupts\n");
    return {};
}

Status stat(TextBuilder& out, const Subject&) {
    const MachineTimes times = machine_times();
    uint64_t interrupt_count = 0, switch_count = 0;
    out.text("cpu ");
    cpu_line(out, times.user_ns, times.system_ns, times.idle_ns);
    constexpr int64_t kWhole = 1024;
    const int64_t all_busy_ns = std::max<int64_t>(times.user_ns + times.system_ns, 1);
    const int64_t user_share = times.user_ns / std::max<int64_t>(all_busy_ns / kWhole, 1);
    for_each_cpu([&](const Cpu& cpu) {
        const int64_t idle_ns = std::min(cpu.idle_time_ns, times.uptime_ns);
        const int64_t busy_ns = times.uptime_ns - idle_ns;
        const int64_t user_ns = std::min(busy_ns / kWhole * user_share, busy_ns);
        out.format("cpu{}", cpu.number);
        cpu_line(out, user_ns, busy_ns - user_ns, idle_ns);
        interrupt_count += cpu.interrupt_count;
        switch_count += cpu.switch_count;
    });
    const LoadAverages load = load_averages();
    out.format("intr {}\nctxt {}\nbtime {}\nprocs_running {}\nprocs_blocked 0\n", interrupt_count,
               switch_count, (wall_clock_ns() - times.uptime_ns) / kSecondNs, load.runnable);
    return {};
}

Status uptime(TextBuilder& out, const Subject&) {
    const int64_t up_ns = arch::clock_now_ns();
    int64_t idle_ns = 0;
    for_each_cpu([&](const Cpu& cpu) { idle_ns += cpu.idle_time_ns; });
    out.format("{}.{02} {}.{02}\n", up_ns / kSecondNs, up_ns % kSecondNs / kHundredthNs,
               idle_ns / kSecondNs, idle_ns % kSecondNs / kHundredthNs);
    return {};
}

Status load_average(TextBuilder& out, const Subject&) {
    const LoadAverages load = load_averages();
    for (const uint64_t average : load.fixed_point)
        out.format("{}.{02} ", average >> 16, (average & 0xffff) * 100 >> 16);
    out.format("{}/{} {}\n", load.runnable, load.total,
               linux::PidNamespace::initial().last_given());
    return {};
}

}  // namespace gyre::procfs::machine_files
