// SPDX-License-Identifier: MIT
//
// The UART; see serial_16550.h.
#include "kernel/driver/serial_16550.h"

#include "kernel/arch/x86_64/io.h"
#include "kernel/driver/character_device.h"
#include "kernel/fs/inode.h"
#include "kernel/log/log.h"
#include "kernel/tty/terminal_file.h"

namespace gyre::driver {

namespace {
// Registers, and their bits (data sheet, table II).
constexpr uint8_t kData = 0, kInterruptEnable = 1, kDivisorLow = 0, kDivisorHigh = 1, kInterruptIdentity = 2,
                  kFifoControl = 2, kLineControl = 3, kModemControl = 4, kLineStatus = 5, kScratch = 7;
constexpr uint8_t kEnableReceive = 1, kEnableTransmit = 2, kEnableLineStatus = 4;
constexpr uint8_t kNoInterrupt = 1;
constexpr uint8_t kFifoOnTrigger8 = 0x81;      // enabled, interrupt at 8 received bytes
constexpr uint8_t kDivisorAccess = 0x80, kSendBreak = 0x40;
constexpr uint8_t kModemReady = 0x0b;          // DTR, RTS, and OUT2, which lets the interrupt out
constexpr uint8_t kDataReady = 1, kParityError = 4, kFramingError = 8, kBreakSeen = 0x10, kTransmitEmpty = 0x20,
                  kTransmitterIdle = 0x40;
constexpr uint32_t kClockHz = 115200;          // divided by the divisor: bits per second
constexpr size_t kFifoSize = 16;
constexpr int kMostPolls = 100'000;
constexpr int kMostInterruptRounds = 64;       // then a stuck line may interrupt again, but cannot hang the CPU
}  // namespace

uint8_t Serial16550::read(uint8_t reg) const { return arch::in8(uint16_t(port_ + reg)); }
void Serial16550::write(uint8_t reg, uint8_t value) const { arch::out8(uint16_t(port_ + reg), value); }

bool Serial16550::is_present() const {
    write(kScratch, 0x5a);
    if (read(kScratch) != 0x5a) return false;
    write(kScratch, 0xa5);
    return read(kScratch) == 0xa5;
}

Status Serial16550::attach(Terminal& terminal) {
    terminal_ = &terminal;
    {
        SpinGuard guard(lock_);
        write(kInterruptEnable, 0);
        write(kFifoControl, kFifoOnTrigger8);
        write(kModemControl, kModemReady);
    }
    constexpr bool kEdge = false;
    TRY_VOID(arch::register_interrupt(
        interrupt_, [](void* serial) { static_cast<Serial16550*>(serial)->on_interrupt(); }, this, kEdge));
    SpinGuard guard(lock_);
    enabled_interrupts_ = kEnableReceive | kEnableLineStatus;
    write(kInterruptEnable, enabled_interrupts_);
    return {};
}

// ---- interrupts

void Serial16550::on_interrupt() {
    bool has_input, has_progress;
    {
        SpinGuard guard(lock_);
        const size_t before = input_.count();
        // An edge-triggered line tells of nothing new until all reasons are gone.
        for (int round = 0; round < kMostInterruptRounds && !(read(kInterruptIdentity) & kNoInterrupt); ++round) {
            receive_locked();
            transmit_locked();
        }
        has_input = input_.count() != before || has_break_;
        has_progress = is_progress_wanted_ && output_.count() <= kBufferSize / 2;
        // Who waits for room is told at half, who waits for the end is told again at the end.
        if (has_progress) is_progress_wanted_ = !output_.is_empty();
        update_interrupts_locked();
    }
    if (has_input) terminal_->input_arrived();
    if (has_progress) terminal_->output_progressed();
}

void Serial16550::receive_locked() {
    for (size_t i = 0; i < kBufferSize && input_.room() > 0; ++i) {
        const uint8_t status = read(kLineStatus);
        if (!(status & kDataReady)) break;
        const uint8_t byte = read(kData);
        if (status & kBreakSeen)
            has_break_ = true;
        else if (!(status & (kParityError | kFramingError)))
            input_.put(byte);
    }
    update_interrupts_locked();
}

void Serial16550::transmit_locked() {
    if (read(kLineStatus) & kTransmitEmpty) {
        size_t sent = 0;
        if (has_urgent_byte_) {
            has_urgent_byte_ = false;
            write(kData, urgent_byte_);
            ++sent;
        }
        for (; sent < kFifoSize && !is_stopped_ && !output_.is_empty(); ++sent) {
            last_byte_ = output_.take();
            write(kData, last_byte_);
        }
    }
    update_interrupts_locked();
}

void Serial16550::update_interrupts_locked() {
    uint8_t wanted = 0;
    if (input_.room() > 0) wanted |= kEnableReceive | kEnableLineStatus;
    if (has_urgent_byte_ || (!is_stopped_ && !output_.is_empty())) wanted |= kEnableTransmit;
    if (is_progress_wanted_) wanted |= kEnableTransmit;  // the news comes from the interrupt only
    if (wanted == enabled_interrupts_) return;
    enabled_interrupts_ = wanted;
    write(kInterruptEnable, wanted);
}

// ---- output

size_t Serial16550::output_room() {
    SpinGuard guard(lock_);
    return output_.room();
}

void Serial16550::put_output(std::span<const uint8_t> bytes) {
    SpinGuard guard(lock_);
    output_.put_all(bytes);
}

void Serial16550::push_output() {
    SpinGuard guard(lock_);
    if (!(enabled_interrupts_ & kEnableTransmit)) transmit_locked();
}

size_t Serial16550::output_pending() {
    SpinGuard guard(lock_);
    return output_.count();
}

void Serial16550::progress_wanted() {
    SpinGuard guard(lock_);
    is_progress_wanted_ = !output_.is_empty();
}

void Serial16550::discard_output() {
    SpinGuard guard(lock_);
    output_.clear();
}

void Serial16550::set_output_stopped(bool is_stopped) {
    SpinGuard guard(lock_);
    is_stopped_ = is_stopped;
    transmit_locked();
}

void Serial16550::send_at_once(uint8_t byte) {
    SpinGuard guard(lock_);
    urgent_byte_ = byte;
    has_urgent_byte_ = true;
    transmit_locked();
}

// ---- input

std::span<const uint8_t> Serial16550::peek_input() {
    SpinGuard guard(lock_);
    return input_.front();  // stays in place until it is consumed: interrupts only add behind it
}

void Serial16550::consume_input(size_t count) {
    SpinGuard guard(lock_);
    const bool was_full = input_.room() == 0;
    input_.drop(count);
    if (was_full) receive_locked();
}

void Serial16550::discard_input() {
    SpinGuard guard(lock_);
    input_.clear();
    receive_locked();
    input_.clear();
}

bool Serial16550::take_break() {
    SpinGuard guard(lock_);
    return std::exchange(has_break_, false);
}

// ---- the line

void Serial16550::settings_changed(const tty::Settings& settings) {
    using namespace tty::control;
    uint8_t line = uint8_t((settings.control & kCsize) >> 4);  // 5 to 8 bits are 0 to 3 in both encodings
    if (settings.control & kCstopb) line |= 4;
    if (settings.control & kParenb) line |= settings.control & kParodd ? 8 : 0x18;
    const uint32_t divisor = settings.output_speed ? std::clamp(kClockHz / settings.output_speed, 1u, 0xffffu) : 0;
    SpinGuard guard(lock_);
    if (divisor > 0) {
        write(kLineControl, line | kDivisorAccess);
        write(kDivisorLow, uint8_t(divisor));
        write(kDivisorHigh, uint8_t(divisor >> 8));
    }
    write(kLineControl, line);
    write(kModemControl, divisor > 0 ? kModemReady : kModemReady & ~1);  // B0 hangs up: DTR falls
}

void Serial16550::set_break(bool is_on) {
    SpinGuard guard(lock_);
    const uint8_t line = read(kLineControl);
    write(kLineControl, is_on ? line | kSendBreak : line & ~kSendBreak);
}

void Serial16550::send_polled_locked(uint8_t byte) {
    // A line that never gets ready must not hang the kernel.
    for (int tries = 0; tries < kMostPolls && !(read(kLineStatus) & kTransmitEmpty); ++tries) arch::pause();
    write(kData, byte);
    last_byte_ = byte;
}

void Serial16550::write_log(std::string_view line) {
    SpinGuard guard(lock_);
    if (last_byte_ != '\n') {  // a program's line is cut, but not mixed
        send_polled_locked('\r');
        send_polled_locked('\n');
    }
    for (const char c : line) {
        if (c == '\n') send_polled_locked('\r');
        send_polled_locked(uint8_t(c));
    }
}

void Serial16550::drain_until_ns(int64_t deadline_ns) {
    while (arch::clock_now_ns() < deadline_ns) {
        SpinGuard guard(lock_);
        if (is_stopped_) return;
        transmit_locked();
        if (output_.is_empty() && (read(kLineStatus) & kTransmitterIdle)) return;
    }
}

// ---- COM1

namespace {
constexpr uint16_t kCom1Port = 0x3f8;
constexpr uint32_t kCom1Interrupt = 4;
constexpr uint32_t kMajor = 4, kMinor = 64, kMode = 0620;
constexpr uint32_t kTtyGroup = 5;

constinit Serial16550 g_serial(kCom1Port, kCom1Interrupt);
Terminal* g_terminal = nullptr;

Result<Ref<File>> open_serial(const Path& path, uint32_t flags, uint64_t, void* terminal) {
    return TerminalFile::open(Ref(static_cast<Terminal*>(terminal)), path, flags, TerminalFile::Through::OwnDevice);
}

Status attach_com1() {
    tty::Settings settings;
    settings.control = tty::control::kB115200 | tty::control::kCs8 | tty::control::kCread | tty::control::kHupcl |
                       tty::control::kClocal;
    settings.input_speed = settings.output_speed = 115200;
    // Lives for ever: interrupts refer to it.
    Terminal* terminal =
        TRY(make_ref<Terminal>(g_serial, make_device(kMajor, kMinor), "ttyS0", settings)).leak();
    TRY_VOID(g_serial.attach(*terminal));
    TRY_VOID(register_character_device(kMajor, kMinor, "ttyS0", kMode, &open_serial, terminal, kTtyGroup));
    g_terminal = terminal;
    log_set_sink([](std::string_view line) { g_serial.write_log(line); });
    return {};
}
}  // namespace

void initialize_serial_16550() {
    if (!g_serial.is_present()) return;
    if (const Status attached = attach_com1(); !attached)
        log_error("ttyS0: cannot be driven (error {})", uint32_t(attached.error()));
}

Terminal* serial_terminal() { return g_terminal; }

void drain_serial_until_ns(int64_t deadline_ns) {
    if (g_terminal) g_serial.drain_until_ns(deadline_ns);
}

}  // namespace gyre::driver
