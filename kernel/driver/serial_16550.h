// SPDX-License-Identifier: MIT
//
// The 16550 UART of PCs as a terminal, driven by interrupts both ways (National Semiconductor PC16550D data sheet).
// Leaves out modem lines and hardware flow control; a full receive buffer turns the receiver's interrupt off, so that the
// FIFO fills and the other side (QEMU) waits.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernel/driver/byte_ring.h"
#include "kernel/sync/spin_lock.h"
#include "kernel/tty/terminal.h"

namespace gyre::driver {

class Serial16550 final : public TerminalDriver {
public:
    constexpr Serial16550(uint16_t port, uint32_t interrupt) : port_(port), interrupt_(interrupt) {}

    // Whether a UART answers at the port. Changes nothing that a polled console needs.
    bool is_present() const;
    // Takes the UART over for this terminal. Errors: those of registering the interrupt.
    Status attach(Terminal& terminal);

    size_t output_room() override;
    void put_output(std::span<const uint8_t> bytes) override;
    void push_output() override;
    size_t output_pending() override;
    void progress_wanted() override;
    void discard_output() override;
    void set_output_stopped(bool is_stopped) override;
    void send_at_once(uint8_t byte) override;
    std::span<const uint8_t> peek_input() override;
    void consume_input(size_t count) override;
    void discard_input() override;
    bool take_break() override;
    void settings_changed(const tty::Settings& settings) override;
    void set_break(bool is_on) override;

    // A line of the kernel's log, whole, between what programs write; by polling. Context: any.
    void write_log(std::string_view line);
    // Waits by polling until everything is on the wire or the moment has come. For power-off.
    void drain_until_ns(int64_t deadline_ns);

private:
    static constexpr size_t kBufferSize = 4096;

    void on_interrupt();
    void receive_locked() GYRE_REQUIRES(lock_);
    void send_polled_locked(uint8_t byte) GYRE_REQUIRES(lock_);
    void transmit_locked() GYRE_REQUIRES(lock_);
    void update_interrupts_locked() GYRE_REQUIRES(lock_);
    uint8_t read(uint8_t reg) const;
    void write(uint8_t reg, uint8_t value) const;

    const uint16_t port_;
    const uint32_t interrupt_;
    Terminal* terminal_ = nullptr;
    // Of the last rank, because a log line may be printed while any other lock is held.
    mutable SpinLock lock_{LockRank::ConsoleLine};
    ByteRing<kBufferSize> output_ GYRE_GUARDED_BY(lock_);
    ByteRing<kBufferSize> input_ GYRE_GUARDED_BY(lock_);
    uint8_t enabled_interrupts_ GYRE_GUARDED_BY(lock_) = 0;
    uint8_t urgent_byte_ GYRE_GUARDED_BY(lock_) = 0;   // XON or XOFF, goes first
    bool has_urgent_byte_ GYRE_GUARDED_BY(lock_) = false;
    bool is_stopped_ GYRE_GUARDED_BY(lock_) = false;
    bool is_progress_wanted_ GYRE_GUARDED_BY(lock_) = false;
    uint8_t last_byte_ GYRE_GUARDED_BY(lock_) = '\n';
    bool has_break_ GYRE_GUARDED_BY(lock_) = false;
};

// Finds COM1 and makes it /dev/ttyS0. Context: bring-up thread.
void initialize_serial_16550();
// The terminal of COM1, null when there is none.
Terminal* serial_terminal();
void drain_serial_until_ns(int64_t deadline_ns);

}  // namespace gyre::driver
