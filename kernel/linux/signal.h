// SPDX-License-Identifier: MIT
//
// Signals: what is pending, for whom, and what becomes of it (signal(7)). Sending puts an entry into a queue and
// interrupts a thread that may take it; taking happens in the receiving thread, on its way to user mode (delivery) or in a
// call that reads signals (sigtimedwait, signalfd).
// Everything here is under SignalHandlers::lock of the receiving process unless a comment says otherwise.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/linux/abi_signal.h"
#include "kernel/linux/pid_table.h"
#include "kernel/sync/epoch.h"
#include "kernel/sync/spin_lock.h"
#include "lib/base/ref.h"
#include "lib/base/result.h"

namespace gyre {
class Thread;
class Credentials;
}  // namespace gyre

namespace gyre::linux {

struct CallContext;
class PosixTimer;
class UserAccount;

using SignalInfo = abi::SignalInfo;
using SignalSet = uint64_t;

enum : int {
    kSigHup = 1, kSigInt, kSigQuit, kSigIll, kSigTrap, kSigAbort, kSigBus, kSigFpe, kSigKill, kSigUser1, kSigSegv, kSigUser2,
    kSigPipe, kSigAlarm, kSigTerm, kSigStackFault, kSigChild, kSigContinue, kSigStop, kSigTerminalStop, kSigTtyIn,
    kSigTtyOut, kSigUrgent, kSigCpuLimit, kSigFileLimit, kSigVirtualAlarm, kSigProfile, kSigWindow, kSigIo, kSigPower,
    kSigSys, kSigRealtimeFirst = 32, kSigLast = 64,
};
constexpr SignalSet signal_bit(int signal) { return SignalSet{1} << (signal - 1); }
constexpr SignalSet kUnblockable = signal_bit(kSigKill) | signal_bit(kSigStop);
constexpr SignalSet kStopSignals =
    signal_bit(kSigStop) | signal_bit(kSigTerminalStop) | signal_bit(kSigTtyIn) | signal_bit(kSigTtyOut);
constexpr SignalSet kSynchronousSignals = signal_bit(kSigSegv) | signal_bit(kSigBus) | signal_bit(kSigIll) |
                                          signal_bit(kSigTrap) | signal_bit(kSigFpe) | signal_bit(kSigSys);
constexpr SignalSet kIgnoredByDefault = signal_bit(kSigChild) | signal_bit(kSigUrgent) | signal_bit(kSigWindow) |
                                        signal_bit(kSigContinue);
constexpr SignalSet kCoreSignals = signal_bit(kSigQuit) | signal_bit(kSigIll) | signal_bit(kSigTrap) |
                                   signal_bit(kSigAbort) | signal_bit(kSigFpe) | signal_bit(kSigSegv) |
                                   signal_bit(kSigBus) | signal_bit(kSigSys) | signal_bit(kSigCpuLimit) |
                                   signal_bit(kSigFileLimit);
constexpr bool is_signal_number(int signal) { return signal >= 1 && signal <= kSigLast; }

// One queued signal.
struct QueuedSignal {
    QueuedSignal* next = nullptr;
    SignalInfo info;
    Ref<UserAccount> account;         // whose RLIMIT_SIGPENDING it counts against (a timer's: while the timer lives)
    PosixTimer* timer = nullptr;      // the timer that owns this entry; it is not freed but handed back
};

struct SignalQueue {
    SignalSet set = 0;
    QueuedSignal* first = nullptr;
    QueuedSignal** last = &first;
};

// What a process does with each signal; shared by CLONE_SIGHAND. Its lock is that of all signal state of its processes.
class SignalHandlers final : public RefCounted {
public:
    SpinLock lock{LockRank::SignalState};
    std::array<abi::SigAction, kSigLast> actions{};
    abi::SigAction& action(int signal) { return actions[static_cast<size_t>(signal - 1)]; }
    const abi::SigAction& action(int signal) const { return actions[static_cast<size_t>(signal - 1)]; }
    // By SIG_IGN, or by SIG_DFL where that means nothing to do.
    bool is_ignored(int signal) const;

    // An exec that leaves shared handlers may race with a sender that just read which they are: they outlive that.
    void last_reference_gone();

private:
    epoch::Node node_;
};

// ---- sending. Context: any, unless the receiver's signal lock is held. No permission check here.
// To a process: any of its threads that does not block the signal takes it. A full queue is WouldBlock (real-time signals
// with information of their own only; others are sent without theirs, as Linux does).
Status send_signal(Process& process, const SignalInfo& info);
Status send_signal(Task& task, const SignalInfo& info);
Status send_signal_to_group(ProcessGroup& group, const SignalInfo& info);   // under the tree lock
// A signal from the kernel itself (SI_KERNEL).
void send_kernel_signal(Process& process, int signal);
// To the running task, for what its own instruction did; blocked or ignored, it kills.
void force_signal(const SignalInfo& info);
void force_signal(int signal);
// The information of kill(2) by the given task.
SignalInfo user_signal_info(int signal, const Task& sender, int code = abi::kSiUser);
// Whether the caller may send to the target (kill(2)). Errors: NotPermitted.
Status check_kill(CallContext& context, Process& target, int signal);

// Frees what is queued; the signal lock held.
void discard_signals(SignalQueue& queue);
// A task that was to stop with its process ends instead: when all others have stopped, the stop is complete. No lock held.
void complete_group_stop(Process& process);

// ---- taking, in the receiving thread.
// Takes the first pending signal of `wanted` (a set) from the thread's or the process's queue; 0 when there is none.
int take_signal(Task& task, SignalSet wanted, SignalInfo& info);
// What is pending for this task, its own and its process's.
SignalSet pending_signals(Task& task);
// Changes the mask of the running task and looks again whether something became deliverable.
void set_blocked_signals(Task& task, SignalSet blocked);

// For ppoll, pselect and epoll_pwait: the mask for the time of the call. A null set changes nothing.
// Errors: InvalidArgument (size), BadAddress. After the wait: finish_temporary_mask(context, was_interrupted): when a signal
// ended the wait, the old mask comes back after its handler ran, else at once.
Status set_temporary_mask(CallContext& context, uint64_t set_address, size_t set_size);
void finish_temporary_mask(CallContext& context, bool was_interrupted);

// Makes signals work: installs handle_interruptions, the scheduler's interruption handler. Once, at bring-up.
void initialize_signals();
void handle_interruptions(Thread& thread);

}  // namespace gyre::linux
