// SPDX-License-Identifier: MIT
//
// Bringing the devices up, in one place: called once in a thread, after the root file system exists.
#pragma once

namespace gyre::driver {

void initialize();

}  // namespace gyre::driver
