// SPDX-License-Identifier: MIT
#pragma once

namespace gyre::driver {

// Waits, at most two seconds, until serial line and virtio ports have sent what programs wrote: before power-off.
// Context: thread.
void drain_output();

}  // namespace gyre::driver
