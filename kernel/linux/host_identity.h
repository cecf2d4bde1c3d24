// SPDX-License-Identifier: MIT
//
// What the machine calls itself: uname(2), sethostname(2), /proc/sys/kernel. The release is the
// Linux release whose calls we keep, so programs that ask for a version find what they need.
#pragma once

#include <span>
#include <string_view>

#include "lib/base/result.h"

namespace gyre::linux {

constexpr std::string_view kSystemName = "Linux", kRelease = "6.12.0-gyre",
                           kVersion = "#1 SMP Gyre", kMachine = "x86_64";
constexpr size_t kMostHostNameBytes = 64;  // __NEW_UTS_LEN

// The text goes into `buffer` (at least kMostHostNameBytes); its length comes back.
size_t host_name(std::span<char> buffer);
size_t domain_name(std::span<char> buffer);
// Errors: InvalidArgument (too long).
Status set_host_name(std::string_view name);
Status set_domain_name(std::string_view name);

}  // namespace gyre::linux
