// SPDX-License-Identifier: MIT
//
// The order in which devices come up, and how their output is finished before the machine goes off.
#include "kernel/driver/drivers.h"

#include "kernel/arch/contract.h"
#include "kernel/driver/drain.h"
#include "kernel/driver/serial_16550.h"
#include "kernel/driver/virtio/console.h"
#include "kernel/log/log.h"
#include "kernel/tty/tty.h"

namespace gyre::driver {

void initialize() {
    if (const Status started = tty::start(); !started)
        log_error("terminals cannot be used (error {})", uint32_t(started.error()));
    initialize_serial_16550();
    virtio::initialize();
    tty::choose_console();
}

void drain_output() {
    constexpr int64_t kMostNs = 2'000'000'000;
    const int64_t deadline_ns = arch::clock_now_ns() + kMostNs;
    virtio::drain_until_ns(deadline_ns);
    drain_serial_until_ns(deadline_ns);
}

}  // namespace gyre::driver
