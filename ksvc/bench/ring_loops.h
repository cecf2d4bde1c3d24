// SPDX-License-Identifier: MIT
//
// The loops that `gyre bench rings` times: calls by trap and by Tier 0, and NOPs in batches through
// hand-written liburing and through both APIs of libksvc. Each reads every completion. They are
// compiled at -O2, as a program that cares would be. What is timed and how often is the caller's.
#pragma once

#include <expected>
#include <memory>

namespace ksvc::bench {

// The three rings side by side: 256 entries each, with the same set-up flags.
class Rings {
public:
    // 0, or the errno of the ring that could not be had.
    static std::expected<std::unique_ptr<Rings>, int> open();
    ~Rings();
    Rings(const Rings&) = delete;
    Rings& operator=(const Rings&) = delete;

    // `calls` NOPs, `batch` (1..256) between one submission and the next.
    void liburing_nops(unsigned batch, unsigned calls);
    void cpp_nops(unsigned batch, unsigned calls);
    void c_nops(unsigned batch, unsigned calls);

private:
    struct Parts;
    explicit Rings(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

void getpids_by_trap(unsigned calls);
void getpids_by_tier0(unsigned calls);

}  // namespace ksvc::bench
