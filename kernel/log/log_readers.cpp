// SPDX-License-Identifier: MIT
#include "kernel/log/log_readers.h"

#include <atomic>

#include "kernel/arch/contract.h"
#include "kernel/log/log.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {
namespace {

constinit SpinLock g_lock{LockRank::FileList};
boost::intrusive::list<LogReader, boost::intrusive::constant_time_size<false>> g_readers;
constinit WaitQueue g_growth;
constinit std::atomic<uint32_t> g_interested{0};   // readers, and threads in log_wait_for

}  // namespace

void log_add_reader(LogReader& reader) {
    SpinGuard guard(g_lock);
    g_readers.push_back(reader);
    g_interested.fetch_add(1, std::memory_order_seq_cst);
}

void log_remove_reader(LogReader& reader) {
    SpinGuard guard(g_lock);
    g_readers.erase(g_readers.iterator_to(reader));
    g_interested.fetch_sub(1, std::memory_order_relaxed);
}

Status log_wait_for(uint64_t sequence, Patience patience) {
    g_interested.fetch_add(1, std::memory_order_seq_cst);
    const Status waited = g_growth.wait(patience, [&] { return log_next_sequence() > sequence; });
    g_interested.fetch_sub(1, std::memory_order_relaxed);
    return waited;
}

void tell_log_readers() {
    // Either we see who became interested, or he sees the record that was just written.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (g_interested.load(std::memory_order_relaxed) == 0) return;
    const arch::InterruptState state = arch::disable_interrupts();  // we stay on this CPU
    arch::send_ipi(arch::this_cpu().number, arch::IpiKind::LogReaders);
    arch::restore_interrupts(state);
}

void on_log_readers_ipi() {
    g_growth.wake_all();
    SpinGuard guard(g_lock);
    for (LogReader& reader : g_readers) reader.on_log_grown();
}

}  // namespace gyre
