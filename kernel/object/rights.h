// SPDX-License-Identifier: MIT
//
// What a handle allows. Rights never grow: a copy has the same or fewer.
#pragma once

#include <cstdint>

namespace gyre {

enum class Rights : uint32_t {
    None = 0,
    Duplicate = 1u << 0,   // make another handle to the object
    Transfer = 1u << 1,    // send it through a channel
    Read = 1u << 2,        // bytes, messages, packets
    Write = 1u << 3,
    Execute = 1u << 4,     // map executable
    Map = 1u << 5,
    Wait = 1u << 6,        // observe the signals
    Signal = 1u << 7,      // set and clear them
    SignalPeer = 1u << 8,
    Inspect = 1u << 9,     // ask for facts
    Manage = 1u << 10,     // kill, set limits, make children
};
constexpr Rights operator|(Rights a, Rights b) { return Rights(uint32_t(a) | uint32_t(b)); }
constexpr Rights operator&(Rights a, Rights b) { return Rights(uint32_t(a) & uint32_t(b)); }
constexpr bool includes(Rights all, Rights wanted) { return (all & wanted) == wanted; }

// What the maker of an object gets.
constexpr Rights kBasicRights = Rights::Duplicate | Rights::Transfer | Rights::Wait | Rights::Inspect;
constexpr Rights kStreamRights = kBasicRights | Rights::Read | Rights::Write | Rights::Signal | Rights::SignalPeer;
constexpr Rights kEventRights = kBasicRights | Rights::Signal;
constexpr Rights kMemoryRights = kBasicRights | Rights::Read | Rights::Write | Rights::Execute | Rights::Map;
constexpr Rights kTaskRights = kBasicRights | Rights::Manage | Rights::Signal;

}  // namespace gyre
