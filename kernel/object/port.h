// SPDX-License-Identifier: MIT
//
// A Port: a queue of packets. A packet is put there by a program, or by the kernel when an object raises signals that
// somebody asked for: one wait, one packet.
#pragma once

#include <cstdint>

#include <boost/intrusive/list.hpp>

#include "kernel/object/object.h"
#include "kernel/schedule/patience.h"
#include "kernel/schedule/wait_queue.h"
#include "lib/base/result.h"

namespace gyre {

struct PortPacket {
    uint64_t key = 0;        // chosen by whoever asked
    Signals signals{};       // what the object raised; None for a packet of a program
    uint64_t payload = 0;    // of a program's packet
};

class Port final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Port;
    static constexpr size_t kMostPackets = 4096;  // of programs, that wait

    Port() : Object(kKind) {}
    ~Port() override;

    // Errors: NoMemory, WouldBlock (full).
    Status queue(uint64_t key, uint64_t payload);
    // The first packet. Errors: WouldBlock, TimedOut, Interrupted.
    Result<PortPacket> wait(Patience patience);
    // Asks for one packet when `object` next has any of `wanted` (at once when it has). The wait keeps the object alive.
    // Errors: NoMemory.
    Status wait_for(Ref<Object> object, Signals wanted, uint64_t key);
    // Drops waits for the object with this key, and their packets that nobody took. True when there were any.
    bool cancel(const Object& object, uint64_t key);

private:
    class Wait;
    struct Item {
        boost::intrusive::list_member_hook<> all_hook, ready_hook;
        PortPacket packet;
        Wait* wait = nullptr;     // null for a program's packet
    };
    using AllList = boost::intrusive::list<Item, boost::intrusive::member_hook<Item, boost::intrusive::list_member_hook<>, &Item::all_hook>,
                                           boost::intrusive::constant_time_size<false>>;
    using ReadyList = boost::intrusive::list<Item, boost::intrusive::member_hook<Item, boost::intrusive::list_member_hook<>, &Item::ready_hook>,
                                             boost::intrusive::constant_time_size<false>>;
    void unlink_locked(Item& item);
    static void destroy(Item* item);

    SpinLock lock_{LockRank::Observer};   // both lists; waits that fire take it under their object's lock
    AllList waits_;                       // every wait that has not been taken
    ReadyList ready_;
    size_t queued_ = 0;
    WaitQueue waiters_;
};

}  // namespace gyre
