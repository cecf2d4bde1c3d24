// SPDX-License-Identifier: MIT
//
// The out-of-memory policy: the program that asked in vain dies, unless another one counts for at least twice as much; then
// that one dies and the small one tries again. A program counts for its own pages and, as an estimate of what the kernel
// holds for it (full pipes above all), some for each descriptor. oom_score_adj moves the sum, in thousandths of the machine's
// memory; -1000 takes it out of the choice (proc(5)). Init is never chosen.
#include "kernel/linux/out_of_memory.h"

#include "kernel/fs/file_table.h"
#include "kernel/linux/process_tree.h"
#include "kernel/log/log.h"
#include "kernel/memory/page.h"

namespace gyre::linux {
namespace {

constexpr int64_t kRetryNs = 10'000'000;   // how long a victim gets to leave before the next look
constexpr int64_t kNeverChosen = -1000;
constexpr int64_t kPagesOfDescriptor = 8;  // half of what a full pipe holds: it has two ends

struct Candidate {
    Ref<Process> process;
    uint64_t resident_pages = 0;
    int64_t score = INT64_MIN;
    bool is_dying = false;
};

int64_t descriptor_count(const Process& process) {
    const Ref<Task> leader = process.leader();
    const Ref<FileTable> files = leader ? leader->files_reference() : Ref<FileTable>();
    return files ? static_cast<int64_t>(files->slots().count()) : 0;
}

int64_t size_of(const Process& process, uint64_t resident_pages) {
    return static_cast<int64_t>(resident_pages) + descriptor_count(process) * kPagesOfDescriptor;
}

int64_t score_of(const Process& process, uint64_t resident_pages, uint64_t total_pages) {
    const auto adjust = static_cast<int64_t>(process.oom_score_adjust.load(std::memory_order_relaxed));
    if (adjust <= kNeverChosen || process.pid() == kInitPid) return INT64_MIN;
    return size_of(process, resident_pages) + adjust * static_cast<int64_t>(total_pages) / 1000;
}

bool is_dying(Process& process) {
    SpinGuard guard(process.handlers().lock);
    return process.is_group_exiting && !process.execing_task;
}

Candidate find_largest() {
    const uint64_t total_pages = page_allocator::statistics().total_pages;
    Candidate largest;
    const PidNamespace& pids = PidNamespace::initial();
    Pid next = 1;
    while (Ref<Process> process = pids.next_process(next)) {
        next = process->pid() + 1;
        const Ref<AddressSpace> space = process->address_space_reference();
        if (!space) continue;
        const uint64_t resident_pages = space->usage().resident_pages;
        const int64_t score = score_of(*process, resident_pages, total_pages);
        if (score == INT64_MIN || score <= largest.score) continue;
        largest.score = score;
        largest.resident_pages = resident_pages;
        largest.is_dying = is_dying(*process);
        largest.process = std::move(process);
    }
    return largest;
}

void report(const Process& process, uint64_t resident_pages) {
    const Ref<Task> leader = process.leader();
    log_error("Out of memory: Killed process {} ({}) resident:{}kB", process.pid(),
              leader ? leader->name() : std::string_view("?"), resident_pages * (kPageSize / 1024));
}

}  // namespace

memory::OutOfMemoryDecision handle_out_of_memory(AddressSpace& offender) {
    void* const owner = Thread::current().owner();
    if (!owner) return memory::OutOfMemoryDecision::KillOffender;
    Process& self = static_cast<Task*>(owner)->process();
    // One that is on its way out gives back the most by going on.
    if (is_dying(self)) return memory::OutOfMemoryDecision::KillOffender;
    const Candidate largest = find_largest();
    const uint64_t own_pages = offender.usage().resident_pages;
    const bool is_self = !largest.process || largest.process->address_space_reference() == &offender;
    const bool is_spared = self.pid() == kInitPid || size_of(self, own_pages) <= largest.score / 2;
    if (is_self || !is_spared) {
        report(self, own_pages);
        // Here and not where the fault ends: the kernel's own copies into the program's memory end in EFAULT, which a
        // program may well survive.
        if (self.pid() != kInitPid) send_kernel_signal(self, kSigKill);
        return memory::OutOfMemoryDecision::KillOffender;
    }
    if (!largest.is_dying) {
        report(*largest.process, largest.resident_pages);
        send_kernel_signal(*largest.process, kSigKill);
    }
    // A fatal signal to ourselves ends this; then the fault ends in our own death anyway.
    const Status slept = Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + kRetryNs).killable());
    return !slept && slept.error() == Error::Interrupted ? memory::OutOfMemoryDecision::KillOffender
                                                         : memory::OutOfMemoryDecision::Retry;
}

}  // namespace gyre::linux
