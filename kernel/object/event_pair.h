// SPDX-License-Identifier: MIT
//
// An EventPair: two ends, each an event; PeerClosed when the other is gone.
#pragma once

#include <utility>

#include "kernel/object/peer.h"
#include "lib/base/result.h"

namespace gyre {

class EventPair final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::EventPair;

    // Errors: NoMemory.
    static Result<std::pair<Ref<EventPair>, Ref<EventPair>>> create();
    // Sets and clears signals of the other end. Errors: BrokenPipe when it is gone.
    Status signal_peer(Signals clear, Signals set);
    explicit EventPair(Ref<PeerLink<EventPair>> link) : Object(kKind), link_(std::move(link)) {}
    ~EventPair() override { link_->leave(*this); }

private:
    const Ref<PeerLink<EventPair>> link_;
};

}  // namespace gyre
