// SPDX-License-Identifier: MIT
//
// Queues of pending signals. A set says which signals are pending; entries hold what is known about each. A signal below
// SIGRTMIN has at most one entry, a real-time one any number (signal(7)). A bit without an entry is a signal whose
// information found no room.
#include <new>
#include <utility>

#include "kernel/linux/signal_parts.h"

namespace gyre::linux {
namespace {

// The entry is not in any queue any more.
void free_entry(QueuedSignal& entry) {
    if (entry.timer) {
        timer_signal_discarded_locked(*entry.timer);
        return;
    }
    entry.account->pending_signals.fetch_sub(1, std::memory_order_relaxed);
    delete &entry;
}

// Unlinks what `*link` points to.
QueuedSignal& take_out(SignalQueue& queue, QueuedSignal** link) {
    QueuedSignal& entry = **link;
    *link = entry.next;
    if (queue.last == &entry.next) queue.last = link;
    entry.next = nullptr;
    return entry;
}

// Errors: WouldBlock, also for want of memory: the caller treats both alike.
Result<QueuedSignal*> make_entry(Process& process, const Task& receiver, const SignalInfo& info) {
    Ref<UserAccount> account = receiver.account_reference();
    // What the kernel itself and kill(2) say of a classical signal is not lost for a limit (Linux: override_rlimit).
    const bool is_important = info.signal < kSigRealtimeFirst && info.code >= 0;
    const uint64_t limit = is_important ? kUnlimited : process.limit(kLimitPendingSignals);
    TRY_VOID(UserAccount::charge(account->pending_signals, limit));
    auto* entry = new (std::nothrow) QueuedSignal{.info = info};
    if (!entry) {
        account->pending_signals.fetch_sub(1, std::memory_order_relaxed);
        return fail(Error::WouldBlock);
    }
    entry->account = std::move(account);
    return entry;
}

}  // namespace

void link_signal_locked(SignalQueue& queue, QueuedSignal& entry) {
    entry.next = nullptr;
    *queue.last = &entry;
    queue.last = &entry.next;
    queue.set |= signal_bit(entry.info.signal);
}

void unlink_signal_locked(SignalQueue& queue, QueuedSignal& entry) {
    const int signal = entry.info.signal;
    bool has_others = false;
    for (QueuedSignal** link = &queue.first; *link;) {
        if (*link == &entry) {
            take_out(queue, link);
            continue;
        }
        has_others |= (*link)->info.signal == signal;
        link = &(*link)->next;
    }
    if (!has_others) queue.set &= ~signal_bit(signal);
}

Status queue_signal_locked(Process& process, const Task& receiver, SignalQueue& queue, const SignalInfo& info) {
    const SignalSet bit = signal_bit(info.signal);
    if (info.signal < kSigRealtimeFirst && (queue.set & bit) != 0) return {};
    // SIGKILL is never looked at, so it needs no entry.
    if (info.signal == kSigKill) {
        queue.set |= bit;
        return {};
    }
    Result<QueuedSignal*> entry = make_entry(process, receiver, info);
    if (entry)
        link_signal_locked(queue, **entry);
    else if (info.signal >= kSigRealtimeFirst && info.code != abi::kSiUser)
        return fail(Error::WouldBlock);
    queue.set |= bit;
    return {};
}

void collect_signal_locked(SignalQueue& queue, int signal, SignalInfo& info) {
    info = {};
    info.signal = signal;
    QueuedSignal* found = nullptr;
    bool has_more = false;
    for (QueuedSignal** link = &queue.first; *link;) {
        if ((*link)->info.signal != signal) {
            link = &(*link)->next;
        } else if (!found) {
            found = &take_out(queue, link);
        } else {
            has_more = true;
            break;
        }
    }
    if (!has_more) queue.set &= ~signal_bit(signal);
    if (!found) return;
    info = found->info;
    if (found->timer)
        timer_signal_taken_locked(*found->timer, info);
    else
        free_entry(*found);
}

void remove_signals_locked(SignalQueue& queue, SignalSet which) {
    if ((queue.set & which) == 0) return;
    queue.set &= ~which;
    for (QueuedSignal** link = &queue.first; *link;) {
        if (signal_bit((*link)->info.signal) & which)
            free_entry(take_out(queue, link));
        else
            link = &(*link)->next;
    }
}

void remove_signals_everywhere_locked(Process& process, SignalSet which) {
    remove_signals_locked(process.shared_pending, which);
    for (Task& task : process.tasks) remove_signals_locked(task.pending, which);
}

void discard_signals(SignalQueue& queue) { remove_signals_locked(queue, ~SignalSet{0}); }

bool SignalHandlers::is_ignored(int signal) const {
    const uint64_t handler = action(signal).handler;
    return handler == abi::kSigIgnore ||
           (handler == abi::kSigDefault && (kIgnoredByDefault & signal_bit(signal)) != 0);
}

void SignalHandlers::last_reference_gone() {
    epoch::retire(node_, [](epoch::Node* node) {
        delete reinterpret_cast<SignalHandlers*>(reinterpret_cast<char*>(node) - offsetof(SignalHandlers, node_));
    });
}

}  // namespace gyre::linux
