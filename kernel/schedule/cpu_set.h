// SPDX-License-Identifier: MIT
//
// A set of CPUs, as affinity and TLB shootdown use it.
#pragma once

#include <bit>
#include <cstdint>

namespace gyre {

constexpr uint32_t kMaxCpus = 64;

struct CpuSet {
    uint64_t bits = 0;

    static constexpr CpuSet all() { return {~uint64_t{0}}; }
    static constexpr CpuSet of(uint32_t cpu) { return {uint64_t{1} << cpu}; }
    static constexpr CpuSet first(uint32_t count) { return count >= 64 ? all() : CpuSet{(uint64_t{1} << count) - 1}; }
    constexpr bool contains(uint32_t cpu) const { return ((bits >> cpu) & 1) != 0; }
    constexpr bool is_empty() const { return bits == 0; }
    constexpr uint32_t count() const { return static_cast<uint32_t>(std::popcount(bits)); }
    constexpr uint32_t lowest() const { return static_cast<uint32_t>(std::countr_zero(bits)); }
    constexpr CpuSet operator&(CpuSet other) const { return {bits & other.bits}; }
    constexpr CpuSet operator|(CpuSet other) const { return {bits | other.bits}; }
    constexpr CpuSet without(uint32_t cpu) const { return {bits & ~(uint64_t{1} << cpu)}; }
    constexpr bool operator==(const CpuSet&) const = default;
};

}  // namespace gyre
