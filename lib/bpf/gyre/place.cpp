// SPDX-License-Identifier: MIT
//
// See place.h.
#include "lib/bpf/gyre/place.h"

#include "lib/bpf/linux/linux.h"

namespace gyre::bpf::gyre_place {
namespace {

using linux_tables::kHelperPrototypeCount;
using linux_tables::kHelperPrototypes;

// Numbers of helpers and rows of linux/helper_prototypes.cpp.
constexpr HelperChoice kOwn[] = {
    {1, 0}, {2, 1}, {3, 2}, {195, 255},                              // maps
    {12, 12}, {164, 215}, {181, 240},                                // control
    {26, 34}, {68, 98},                                              // the packet
    {130, 177}, {131, 178}, {132, 179}, {133, 180}, {134, 181},      // ring buffers
    {5, 4}, {125, 172}, {160, 210},                                  // clocks
    {7, 6}, {8, 7}, {14, 14},                                        // random, processor, process
    {105, 144}, {106, 145}, {165, 216}, {182, 241},                  // text
};
constexpr HelperSet kHelpers = {kOwn, nullptr, nullptr, nullptr, true};

// struct __sk_buff: len, pkt_type; protocol; ingress_ifindex, ifindex; cb.
constexpr ContextField kRead[] = {
    {0, 8, kNarrow}, {16, 20, kNarrow}, {36, 44, kNarrow}, {48, 68, kAnySize}};
constexpr ContextField kWrite[] = {{48, 68, kAnySize}};
const ContextLayout kPacket = {
    .read = kRead, .write = kWrite, .size = 192, .user_type = "__sk_buff"};

constexpr u64 bit(MapType type) { return u64{1} << static_cast<u32>(type); }
constexpr u64 kMapTypes = bit(MapType::Hash) | bit(MapType::Array) | bit(MapType::PercpuHash) |
                          bit(MapType::PercpuArray) | bit(MapType::LruHash) |
                          bit(MapType::ProgArray) | bit(MapType::Ringbuf);

const ProgramRules kRules[] = {
    {"unspecified"},
    {"socket_filter", &kHelpers, &kPacket, false, false, true},
};

}  // namespace

Environment environment(const Target& target) {
    return {target, {kHelperPrototypes, kHelperPrototypeCount}, kRules, nullptr, kMapTypes};
}

}  // namespace gyre::bpf::gyre_place
