// SPDX-License-Identifier: MIT
//
// See rseq.h. The thread (schedule/thread.h) marks itself as moved when it was preempted or came to another CPU; on the way to
// user mode the area is then brought up to date. Left out: the flags of the area and of critical sections, which Linux
// has withdrawn too.
#include "kernel/linux/rseq.h"

#include "call_handlers.h"
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/schedule/cpu.h"

namespace gyre::linux {
namespace {

constexpr uint32_t kOriginalLength = 32, kOriginalAlignment = 32;
constexpr int kUnregister = 1;
constexpr uint32_t kCpuUninitialized = UINT32_MAX;

using Area = abi::RestartableSequence;

Status write_cpu(Task& task, uint32_t cpu) {
    const uint32_t ids[2] = {cpu == kCpuUninitialized ? 0 : cpu, cpu};
    TRY_VOID(user_memory::copy_out(task.rseq_area + offsetof(Area, cpu_at_start), ids, sizeof(ids)));
    // One memory node; a CPU's number serves as concurrency number: no two threads run with the same one.
    const uint32_t node_and_id[2] = {0, ids[0]};
    return user_memory::copy_out(task.rseq_area + offsetof(Area, node), node_and_id, sizeof(node_and_id));
}

// Errors: BadAddress, InvalidArgument (what the program registered makes no sense).
Status leave_critical_section(Task& task, arch::TrapFrame& frame) {
    const UserInOut<uint64_t> pointer(task.rseq_area + offsetof(Area, critical_section));
    const uint64_t address = TRY(pointer.in().read());
    if (address == 0) return {};
    const abi::CriticalSection section = TRY(UserIn<abi::CriticalSection>(address).read());
    if (section.version != 0 || section.start >= kUserEnd || section.abort >= kUserEnd ||
        section.start + section.length < section.start || section.abort - section.start < section.length)
        return fail(Error::InvalidArgument);
    // The word before the abort handler proves that it is meant to be one.
    if (TRY(UserIn<uint32_t>(section.abort - sizeof(uint32_t)).read()) != task.rseq_signature)
        return fail(Error::InvalidArgument);
    TRY_VOID(pointer.out().write(0));
    if (frame.rip - section.start < section.length) frame.rip = section.abort;
    return {};
}

bool is_valid_area(uint64_t area, uint32_t length) {
    if (length == kOriginalLength) return area % kOriginalAlignment == 0;
    return length > kOriginalLength && area % alignof(Area) == 0;
}

CallResult unregister(CallContext& context, uint64_t area, uint32_t length, uint32_t signature) {
    Task& task = context.task;
    if (task.rseq_area != area || area == 0 || task.rseq_length != length) return fail(Error::InvalidArgument);
    if (task.rseq_signature != signature) return fail(Error::NotPermitted);
    TRY_VOID(write_cpu(task, kCpuUninitialized));
    task.rseq_area = task.rseq_length = task.rseq_signature = 0;
    task.thread().stop_telling_moves();
    return 0;
}

}  // namespace

void abort_critical_section(Task& task, arch::TrapFrame& frame) {
    if (task.rseq_area != 0 && !leave_critical_section(task, frame)) force_signal(kSigSegv);
}

void update_restartable_sequence(Task& task, arch::TrapFrame& frame) {
    if (task.rseq_area == 0) {
        task.thread().stop_telling_moves();
        return;
    }
    const uint32_t cpu = arch::this_cpu().number;
    // What was told stands before what is written: a move during the copy (it may sleep) is then seen.
    task.thread().tell_moves_from(cpu);
    if (!leave_critical_section(task, frame) || !write_cpu(task, cpu)) force_signal(kSigSegv);
}

CallResult sys_rseq(CallContext& context, uint64_t area, uint32_t length, int flags, uint32_t signature) {
    Task& task = context.task;
    if (flags & kUnregister) {
        if (flags & ~kUnregister) return fail(Error::InvalidArgument);
        return unregister(context, area, length, signature);
    }
    if (flags != 0) return fail(Error::InvalidArgument);
    if (task.rseq_area != 0) {
        if (task.rseq_area != area || task.rseq_length != length) return fail(Error::InvalidArgument);
        return fail(task.rseq_signature != signature ? Error::NotPermitted : Error::Busy);
    }
    if (!is_valid_area(area, length)) return fail(Error::InvalidArgument);
    if (area >= kUserEnd - length) return fail(Error::BadAddress);
    task.rseq_area = area;
    task.rseq_length = length;
    task.rseq_signature = signature;
    const uint32_t cpu = arch::this_cpu().number;
    task.thread().tell_moves_from(cpu);
    if (Status written = write_cpu(task, cpu); !written) {
        task.rseq_area = task.rseq_length = task.rseq_signature = 0;
        return fail(written.error());
    }
    return 0;
}

}  // namespace gyre::linux
