// SPDX-License-Identifier: MIT
//
// See object.h.
#include "kernel/object/object.h"

#include <array>

namespace gyre {
namespace {

constexpr size_t kKinds = static_cast<size_t>(ObjectKind::File) + 1;

constinit std::atomic<uint64_t> g_next_koid{1};
constinit std::array<std::atomic<uint64_t>, kKinds> g_live{};

}  // namespace

Object::Object(ObjectKind kind, Signals initial)
    : kind_(kind),
      signals_(static_cast<uint32_t>(initial)),
      koid_(g_next_koid.fetch_add(1, std::memory_order_relaxed)) {
    g_live[static_cast<size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
}

Object::~Object() { g_live[static_cast<size_t>(kind_)].fetch_sub(1, std::memory_order_relaxed); }

void Object::update_signals(Signals clear, Signals set) {
    SpinGuard guard(lock_);
    const uint32_t now =
        (signals_.load(std::memory_order_relaxed) & ~static_cast<uint32_t>(clear)) | static_cast<uint32_t>(set);
    signals_.store(now, std::memory_order_release);
    if (set == Signals::None) return;
    for (Observer& observer : observers_) observer.on_signals(*this, set, Signals(now));
}

void Object::tell_observers_slowly(Signals raised) {
    SpinGuard guard(lock_);
    if (observers_.empty()) return;
    const Signals now = signals();
    for (Observer& observer : observers_) observer.on_signals(*this, raised, now);
}

void Object::add_observer(Observer& observer) {
    {
        SpinGuard guard(lock_);
        observers_.push_back(observer);
        observer_count_.fetch_add(1, std::memory_order_relaxed);
    }
    // The caller looks at the signals next; that look must not move before the count is visible.
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Object::remove_observer(Observer& observer) {
    SpinGuard guard(lock_);
    if (!observer.observer_hook.is_linked()) return;
    observers_.erase(ObserverList::s_iterator_to(observer));
    observer_count_.fetch_sub(1, std::memory_order_relaxed);
}

uint64_t live_object_count(ObjectKind kind) {
    return g_live[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
}

}  // namespace gyre
