// SPDX-License-Identifier: MIT
//
// Two objects that know each other until one of them goes: the ends of an EventPair or a Channel.
#pragma once

#include <array>

#include "kernel/object/object.h"
#include "kernel/sync/spin_lock.h"
#include "lib/base/ref.h"

namespace gyre {

// Shared by both ends. Each end takes itself out in its destructor, so that what stands here is never gone.
template <class T>
class PeerLink final : public RefCounted {
public:
    void join(T& first, T& second) {
        SpinGuard guard(lock_);
        ends_ = {&first, &second};
    }
    Ref<T> peer_of(const T& end) {
        SpinGuard guard(lock_);
        return Ref<T>::try_from(ends_[0] == &end ? ends_[1] : ends_[0]);
    }
    // The other end is told PeerClosed.
    void leave(const T& end) {
        Ref<T> peer;
        {
            SpinGuard guard(lock_);
            const bool is_first = ends_[0] == &end;
            peer = Ref<T>::try_from(ends_[is_first ? 1 : 0]);
            ends_[is_first ? 0 : 1] = nullptr;
        }
        if (peer) peer->update_signals(Signals::Writable, Signals::PeerClosed);
    }

private:
    SpinLock lock_{LockRank::HandleTable};
    std::array<T*, 2> ends_{};
};

}  // namespace gyre
