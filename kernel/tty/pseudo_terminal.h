// SPDX-License-Identifier: MIT
//
// Pseudo-terminals (pty(7)): a terminal whose line is another program. The slave side is an ordinary Terminal, /dev/pts/N;
// the master is a MasterFile, made by opening /dev/ptmx. What the slave writes waits in a ring until the master reads;
// what the master writes goes straight into the line discipline.
#pragma once

#include <atomic>

#include "kernel/driver/byte_ring.h"
#include "kernel/fs/file.h"
#include "kernel/tty/terminal.h"

namespace gyre {

class MasterFile;

// Packet mode (ioctl_tty(2), TIOCPKT): what happened, as the first byte of a read.
namespace packet {
constexpr uint8_t kData = 0, kFlushRead = 1, kFlushWrite = 2, kStop = 4, kStart = 8, kNoStop = 16, kDoStop = 32;
}

class PseudoTerminal final : private TerminalDriver, public Terminal {
public:
    static constexpr uint32_t kMost = 1024;
    static constexpr uint32_t kSlaveMajor = 136;
    static constexpr size_t kBufferSize = 4096;

    // A new one with the lowest free number, locked, with its node in devpts. Errors: NoSpace, NoMemory.
    static Result<Ref<PseudoTerminal>> create(uint32_t uid);
    static Ref<PseudoTerminal> find(uint32_t number);   // null when there is none
    PseudoTerminal(uint32_t number);
    ~PseudoTerminal() override;

    uint32_t number() const { return number_; }
    bool is_locked() const { return is_locked_.load(std::memory_order_acquire); }
    void set_locked(bool is_locked) { is_locked_.store(is_locked, std::memory_order_release); }
    Status check_open(bool may_override) override;

    // ---- for the master
    void attach_master(MasterFile& master);
    void close_master();
    // The next bytes that the slave wrote. Zero: there are none.
    size_t take_output(std::span<uint8_t> to);
    bool has_output() const { return output_count_.load(std::memory_order_acquire) > 0; }
    size_t output_count() const { return output_count_.load(std::memory_order_acquire); }
    void flush_output() { discard_output(); }
    void flush_slave_input();
    // All who had the slave open have closed it; opening it again changes that.
    bool is_slave_gone() const { return is_slave_gone_.load(std::memory_order_acquire); }
    bool is_packet_mode() const { return is_packet_mode_.load(std::memory_order_relaxed); }
    void set_packet_mode(bool is_on);
    bool has_packet_status() const { return packet_status_.load(std::memory_order_acquire) != 0; }
    uint8_t take_packet_status() { return packet_status_.exchange(0, std::memory_order_acq_rel); }
    WaitQueue& master_waiting() { return master_waiting_; }

private:
    // ---- TerminalDriver: the slave's line is the ring
    size_t output_room() override;
    void put_output(std::span<const uint8_t> bytes) override;
    void push_output() override;
    size_t output_pending() override { return 0; }   // tcdrain(3) does not wait for the master, as on Linux
    void discard_output() override;
    void set_output_stopped(bool) override {}
    void send_at_once(uint8_t byte) override;
    std::span<const uint8_t> peek_input() override { return {}; }
    void input_wanted() override { tell_master(Signals::Writable); }
    void consume_input(size_t) override {}
    void discard_input() override {}
    void opened() override { is_slave_gone_.store(false, std::memory_order_release); }
    void closed() override;
    void settings_changed(const tty::Settings& settings) override;

    void input_arrived() override {}   // the input thread knows only terminals that live for ever

    bool is_hung_up_by_leader() const override { return false; }

    // ---- Terminal: what packet mode tells
    void flow_changed(bool is_stopped) override;
    void input_flushed() override { add_packet_status(packet::kFlushRead); }

    void add_packet_status(uint8_t bits);
    void tell_master(Signals raised);

    const uint32_t number_;
    char name_text_[16] = {};
    SpinLock master_lock_{LockRank::DriverClient};
    MasterFile* master_ GYRE_GUARDED_BY(master_lock_) = nullptr;
    WaitQueue master_waiting_;
    SpinLock output_lock_{LockRank::DriverQueue};
    driver::ByteRing<kBufferSize> output_ GYRE_GUARDED_BY(output_lock_);
    std::atomic<size_t> output_count_{0};
    std::atomic<bool> is_locked_{true};
    std::atomic<bool> is_slave_gone_{false};
    std::atomic<bool> is_packet_mode_{false};
    std::atomic<uint8_t> packet_status_{0};
};

namespace tty {
// /dev/ptmx, the slaves' numbers, the file system devpts. Errors: NoMemory.
Status start_pseudo_terminals();
}  // namespace tty

}  // namespace gyre
