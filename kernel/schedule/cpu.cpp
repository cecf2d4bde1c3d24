// SPDX-License-Identifier: MIT
//
// The CPUs, which of them run, how many threads there are and the load they make.
#include "kernel/schedule/cpu.h"

#include "kernel/schedule/internal.h"
#include "kernel/schedule/run_queue.h"
#include "kernel/schedule/scheduler.h"

namespace gyre {
namespace {

constinit Cpu g_cpus[kMaxCpus];
constinit std::atomic<uint64_t> g_online{0};
constinit std::atomic<uint32_t> g_thread_count{0};

// The boot CPU's data cannot be allocated: it exists before the heap is used.
alignas(64) constinit std::byte g_boot_schedule_data[sizeof(ScheduleData)]{};

// ---- load averages (proc_loadavg(5)): exponentially damped means of the number of runnable threads, one sample every five
// seconds, in 16.16 fixed point as Linux keeps them (2048 is one).
constexpr int64_t kLoadPeriodNs = 5'000'000'000;
constexpr uint64_t kLoadOne = 2048;
constexpr uint64_t kDecay[3] = {1884, 2014, 2037};  // 2048 * e^(-5/60), e^(-5/300), e^(-5/900)
constinit std::atomic<uint64_t> g_load[3]{};

uint32_t count_runnable() {
    uint32_t runnable = 0;
    for (uint32_t i = 0; i < online_cpu_count(); ++i) {
        const ScheduleData& data = *g_cpus[i].schedule;
        runnable += data.queue.waiting() + (data.is_idle.load(std::memory_order_relaxed) ? 0 : 1);
    }
    return runnable;
}

void sample_load(Timer& timer) {
    const uint64_t runnable = count_runnable() * kLoadOne;
    for (size_t i = 0; i < 3; ++i) {
        const uint64_t old = g_load[i].load(std::memory_order_relaxed);
        uint64_t sum = old * kDecay[i] + runnable * (kLoadOne - kDecay[i]);
        if (runnable >= old) sum += kLoadOne - 1;
        g_load[i].store(sum / kLoadOne, std::memory_order_relaxed);
    }
    timer.arm(timer.deadline_ns() + kLoadPeriodNs);
}

Timer g_load_timer{&sample_load};

}  // namespace

Cpu& cpu_by_number(uint32_t number) { return g_cpus[number]; }
CpuSet online_cpus() { return {g_online.load(std::memory_order_acquire)}; }
// CPUs come up in the order of their numbers and never go, so the count is also the first free number.
uint32_t online_cpu_count() { return online_cpus().count(); }

void cpu_set_online(Cpu& cpu) {
    cpu.is_online.store(true, std::memory_order_release);
    g_online.fetch_or(uint64_t{1} << cpu.number, std::memory_order_acq_rel);
}

void count_thread(int difference) {
    g_thread_count.fetch_add(static_cast<uint32_t>(difference), std::memory_order_relaxed);
}
uint32_t thread_count() { return g_thread_count.load(std::memory_order_relaxed); }

LoadAverages load_averages() {
    LoadAverages averages{};
    for (size_t i = 0; i < 3; ++i)  // 11 fraction bits to 16
        averages.fixed_point[i] = g_load[i].load(std::memory_order_relaxed) << 5;
    averages.runnable = count_runnable();
    averages.total = thread_count();
    return averages;
}

void Scheduler::become_idle_thread(Cpu& cpu) {
    Thread* idle = new (std::nothrow) Thread();
    if (!idle) __builtin_trap();  // at boot only
    count_thread(1);
    idle->set_name("idle");
    idle->cpu_number_ = cpu.number;
    idle->affinity_ = CpuSet::of(cpu.number);
    idle->is_on_cpu_.store(true, std::memory_order_relaxed);
    idle->state_.store(ThreadState::Running, std::memory_order_relaxed);
    idle->mode_since_cycles_ = arch::cycle_counter();
    cpu.schedule->idle = idle;
    cpu.schedule->is_idle.store(true, std::memory_order_relaxed);
    arch::set_current_thread(*idle);
    cpu_set_online(cpu);
}

void scheduler_initialize_boot_cpu() {
    Cpu& cpu = arch::this_cpu();
    cpu.schedule = new (g_boot_schedule_data) ScheduleData();
    Scheduler::become_idle_thread(cpu);
    g_load_timer.arm(arch::clock_now_ns() + kLoadPeriodNs);
}

void scheduler_run_idle(Cpu& cpu) {
    if (!cpu.schedule) {
        cpu.schedule = new (std::nothrow) ScheduleData();
        if (!cpu.schedule) __builtin_trap();
        Scheduler::become_idle_thread(cpu);
    }
    Scheduler::run_idle_loop();
}

}  // namespace gyre
