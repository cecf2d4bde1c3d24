// SPDX-License-Identifier: MIT
#include "kernel/object/event_pair.h"

namespace gyre {

Result<std::pair<Ref<EventPair>, Ref<EventPair>>> EventPair::create() {
    auto link = TRY(make_ref<PeerLink<EventPair>>());
    auto first = TRY(make_ref<EventPair>(link));
    auto second = TRY(make_ref<EventPair>(link));
    link->join(*first, *second);
    return std::pair(std::move(first), std::move(second));
}

Status EventPair::signal_peer(Signals clear, Signals set) {
    const Ref<EventPair> peer = link_->peer_of(*this);
    if (!peer) return fail(Error::BrokenPipe);
    peer->update_signals(clear, set);
    return {};
}

}  // namespace gyre
