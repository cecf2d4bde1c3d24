// SPDX-License-Identifier: MIT
//
// A terminal's readiness, its open files, its input from the driver, hang-up; see terminal.h. Reading and writing are in
// terminal_io.cpp.
//
// How news travels: whatever changes the line discipline holds lock_ and ends with refresh_locked, which writes what
// waiters look at without a lock (readable_) and tells waiters and files. A driver's interrupt cannot take lock_; input is
// fetched by the input thread, and room for output is what output_room() says at the moment.
#include "kernel/tty/terminal.h"

#include "kernel/linux/process_tree.h"
#include "kernel/linux/signal.h"
#include "kernel/tty/input_thread.h"
#include "kernel/tty/terminal_file.h"

namespace gyre {

namespace {
// Below it a write could wait although there is room: a byte may become eight (a tab).
constexpr size_t kWritableRoom = 8;
}  // namespace

Terminal::Terminal(TerminalDriver& driver, uint64_t device, std::string_view name, const tty::Settings& first)
    : driver_(driver), device_(device), name_(name) {
    line_.set_settings(first);
}

Terminal::~Terminal() {
    Ref<linux::Session> session;
    Ref<linux::ProcessGroup> foreground;
    SpinGuard guard(linux::g_tree_lock);
    if (session_ && session_->terminal == this) session_->terminal = nullptr;
    session = std::move(session_);
    foreground = std::move(foreground_);
}

// ---- open files

Status Terminal::check_open(bool may_override) {
    if (is_exclusive_.load(std::memory_order_relaxed) && !may_override) return fail(Error::Busy);
    return {};
}

void Terminal::add_file(TerminalFile& file) {
    MutexGuard guard(lock_);
    {
        SpinGuard files(files_lock_);
        file.next_of_terminal = first_file_;
        first_file_ = &file;
    }
    if (open_count_++ == 0) {
        driver_.opened();
        driver_.settings_changed(line_.settings());
    }
    refresh_locked(true);
}

void Terminal::remove_file(TerminalFile& file) {
    MutexGuard guard(lock_);
    {
        SpinGuard files(files_lock_);
        TerminalFile** link = &first_file_;
        while (*link && *link != &file) link = &(*link)->next_of_terminal;
        if (!*link) return;  // was never added
        *link = file.next_of_terminal;
    }
    if (--open_count_ > 0) return;
    is_exclusive_.store(false, std::memory_order_relaxed);
    driver_.closed();
}

void Terminal::tell_files(Signals raised) {
    SpinGuard guard(files_lock_);
    for (TerminalFile* file = first_file_; file; file = file->next_of_terminal) file->tell_observers(raised);
}

// ---- readiness

bool Terminal::is_writable() const {
    return !is_output_stopped_.load(std::memory_order_acquire) && driver_.output_room() >= kWritableRoom;
}

Signals Terminal::readiness() const {
    Signals now = polls_readable_.load(std::memory_order_acquire) ? Signals::Readable : Signals::None;
    if (is_writable()) now = now | Signals::Writable;
    if (is_other_side_closed_.load(std::memory_order_acquire)) now = now | Signals::PeerClosed;
    return now;
}

void Terminal::refresh_locked(bool has_news) {
    const uint32_t before = readable_.load(std::memory_order_relaxed);
    const uint32_t now = line_.is_readable() ? std::max(line_.readable_count(), 1u) : 0;
    readable_.store(now, std::memory_order_release);
    const bool takes_input = line_.can_receive();
    if (!takes_input_.exchange(takes_input, std::memory_order_acq_rel) && takes_input) driver_.input_wanted();
    has_waiting_echo_.store(line_.has_waiting_echo(), std::memory_order_relaxed);
    const bool polls_readable = line_.is_readable_for_poll();
    const bool polled_readable = polls_readable_.exchange(polls_readable, std::memory_order_acq_rel);
    const bool has_input = now > before || (has_news && now > 0);
    if (polls_readable && (has_input || !polled_readable)) tell_files(Signals::Readable);
    if (has_input) readers_.wake_all();
    if (!is_writable()) driver_.progress_wanted();
}

void Terminal::output_progressed() {
    if (has_waiting_echo_.load(std::memory_order_relaxed)) input_arrived();
    if (is_output_stopped_.load(std::memory_order_acquire)) return;
    tell_files(Signals::Writable);
    writers_.wake_all();
}

// ---- input

void Terminal::input_arrived() { tty::schedule_input(*this); }

void Terminal::fetch_input() {
    MutexGuard guard(lock_);
    line_.flush_echo();
    fetch_input_locked();
    driver_.push_output();
    refresh_locked(true);
}

size_t Terminal::deliver(std::span<const uint8_t> bytes) {
    MutexGuard guard(lock_);
    const bool is_wanted = line_.settings().control & tty::control::kCread;
    const size_t taken = is_wanted ? line_.receive(bytes) : bytes.size();
    driver_.push_output();
    refresh_locked(true);
    return taken;
}

void Terminal::flush_input() {
    MutexGuard guard(lock_);
    line_.flush_input();
    refresh_locked(true);
}

void Terminal::fetch_input_locked() {
    if (driver_.take_break()) line_.receive_break();
    for (;;) {
        const std::span<const uint8_t> arrived = driver_.peek_input();
        if (arrived.empty()) return;
        const bool is_wanted = line_.settings().control & tty::control::kCread;
        const size_t taken = is_wanted ? line_.receive(arrived) : arrived.size();
        driver_.consume_input(taken);
        if (taken < arrived.size()) return;  // programs must read first
    }
}

void Terminal::set_window_size(const tty::WindowSize& size) {
    {
        MutexGuard guard(lock_);
        if (window_size_ == size) return;
        window_size_ = size;
    }
    signal_foreground_group(linux::kSigWindow);
}

// ---- LineHost: what the line discipline asks for

size_t Terminal::sink_room() {
    return is_output_stopped_.load(std::memory_order_relaxed) ? 0 : driver_.output_room();
}

void Terminal::sink_put(std::span<const uint8_t> bytes) { driver_.put_output(bytes); }

void Terminal::signal_foreground(tty::LineSignal signal) {
    constexpr int kNumbers[] = {linux::kSigInt, linux::kSigQuit, linux::kSigTerminalStop};
    signal_foreground_group(kNumbers[size_t(signal)]);
}

void Terminal::drop_output() {
    driver_.discard_output();
    tell_files(Signals::Writable);
    writers_.wake_all();
}

void Terminal::output_stopped(bool is_stopped) {
    is_output_stopped_.store(is_stopped, std::memory_order_release);
    driver_.set_output_stopped(is_stopped);
    flow_changed(is_stopped);
    if (is_stopped) return;
    tell_files(Signals::Writable);
    writers_.wake_all();
}

void Terminal::send_urgently(uint8_t byte) { driver_.send_at_once(byte); }

// ---- the other side goes

void Terminal::set_other_side_closed(bool is_closed) {
    is_other_side_closed_.store(is_closed, std::memory_order_release);
    if (!is_closed) return;
    readers_.wake_all();
    writers_.wake_all();
    tell_files(Signals::Readable | Signals::Writable | Signals::PeerClosed);
}

void Terminal::hang_up() {
    {
        MutexGuard guard(lock_);
        line_.reset();
        driver_.discard_output();
        is_output_stopped_.store(false, std::memory_order_release);
        refresh_locked(true);
        SpinGuard files(files_lock_);
        for (TerminalFile* file = first_file_; file; file = file->next_of_terminal) {
            if (file->is_console()) continue;
            file->set_hung_up();
            file->tell_observers(TerminalFile::kHungUp);
        }
    }
    readers_.wake_all();
    writers_.wake_all();
    release_session(Release::HungUp);
}

}  // namespace gyre
