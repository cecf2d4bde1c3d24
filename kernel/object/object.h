// SPDX-License-Identifier: MIT
//
// What every capability object is: a kind, a koid, signals that say what it is ready for, and observers that are
// told when they change. poll, select, epoll, a Port and a ring all watch the same signals by the same list.
#pragma once

#include <atomic>
#include <cstdint>

#include <boost/intrusive/list.hpp>

#include "kernel/sync/spin_lock.h"
#include "lib/base/ref.h"

namespace gyre {

enum class ObjectKind : uint8_t {
    Process, Thread, Job, Vmo, Vmar, Channel, Event, EventPair, Port, Timer, Ring,
    File,  // an open file description of the Linux face
};

// Level-triggered conditions. The low bits are those of the Linux face; each kind says which it uses.
enum class Signals : uint32_t {
    None = 0,
    Readable = 1u << 0,
    Writable = 1u << 1,
    PeerClosed = 1u << 2,       // the other end is gone (POLLHUP)
    PeerReadClosed = 1u << 3,   // the other end will write no more (POLLRDHUP)
    Failed = 1u << 4,           // POLLERR
    Urgent = 1u << 5,           // POLLPRI
    Terminated = 1u << 6,       // processes, threads, jobs
    Signaled = 1u << 7,         // events, timers
    All = ~0u,
};
constexpr Signals operator|(Signals a, Signals b) { return Signals(uint32_t(a) | uint32_t(b)); }
constexpr Signals operator&(Signals a, Signals b) { return Signals(uint32_t(a) & uint32_t(b)); }
constexpr Signals operator~(Signals a) { return Signals(~uint32_t(a)); }
constexpr bool any(Signals a) { return a != Signals::None; }

class Object;

// Somebody who wants to know. Linked into one object at a time; the owner keeps it alive until remove_observer.
class Observer {
public:
    // Called with the object's signal lock held and interrupts off: do little (wake, mark, link), take only locks
    // of rank Observer or later, and do not touch the object's observer list. `raised` are the signals that this
    // update asserted (also when they were asserted already: an edge for EPOLLET), `now` the state after it.
    virtual void on_signals(Object& object, Signals raised, Signals now) = 0;
    boost::intrusive::list_member_hook<> observer_hook;

protected:
    ~Observer() = default;
};

class Object : public RefCounted {
public:
    virtual ~Object();
    // Virtual, because a handle knows no more than Object: what is read under an epoch retires itself here.
    virtual void last_reference_gone() { delete this; }
    ObjectKind kind() const { return kind_; }
    uint64_t koid() const { return koid_; }  // never reused

    // The state now. Virtual for the few objects whose readiness is computed (a file that is always ready keeps
    // the default by constructing with those signals set).
    virtual Signals signals() const { return Signals(signals_.load(std::memory_order_acquire)); }
    // Clears, then sets, then tells observers if anything was set. Context: any.
    void update_signals(Signals clear, Signals set);

    // For objects whose state is computed (signals() is overridden, takes no lock): tells the observers, if there are any,
    // that `raised` became true. The state was changed before. Context: any.
    void tell_observers(Signals raised) {
        std::atomic_thread_fence(std::memory_order_seq_cst);  // the counterpart is in add_observer
        if (has_observers()) tell_observers_slowly(raised);
    }
    bool has_observers() const { return observer_count_.load(std::memory_order_relaxed) != 0; }

    void add_observer(Observer& observer);
    // After it the observer is not and will not be called.
    void remove_observer(Observer& observer);

protected:
    explicit Object(ObjectKind kind, Signals initial = Signals::None);
    // For objects that are told by other objects' signals (an epoll): behind theirs.
    void set_signal_rank(LockRank rank) { lock_.set_rank(rank); }

private:
    void tell_observers_slowly(Signals raised);

    using ObserverList =
        boost::intrusive::list<Observer,
                               boost::intrusive::member_hook<Observer, boost::intrusive::list_member_hook<>,
                                                             &Observer::observer_hook>,
                               boost::intrusive::constant_time_size<false>>;

    const ObjectKind kind_;
    std::atomic<uint32_t> signals_;
    const uint64_t koid_;
    SpinLock lock_{LockRank::ObjectSignals};
    std::atomic<uint32_t> observer_count_{0};
    ObserverList observers_;
};

// For /proc/gyre/accounting and the leak tests.
uint64_t live_object_count(ObjectKind kind);

}  // namespace gyre
