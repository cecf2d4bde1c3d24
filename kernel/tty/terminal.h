// SPDX-License-Identifier: MIT
//
// A terminal (tty_ioctl(4), credentials(7)): a line discipline over a driver, with what the kernel adds - readers and
// writers who wait, the session it controls, signals to the foreground group, hang-up. Open descriptions of it are
// TerminalFiles (terminal_file.h). Its implementation is in terminal.cpp (reading, writing, input), job_control.cpp and
// terminal_ioctl.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "kernel/linux/pid_table.h"
#include "kernel/memory/io_cursor.h"
#include "kernel/object/object.h"
#include "kernel/schedule/patience.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/mutex.h"
#include "kernel/tty/line_discipline.h"
#include "kernel/tty/terminal_driver.h"
#include "lib/base/ref.h"

namespace gyre::linux {
class Process;
class ProcessGroup;
class Session;
struct CallContext;
}  // namespace gyre::linux

namespace gyre {

class TerminalFile;

class Terminal : public RefCounted, private tty::LineHost {
public:
    // `name` (without /dev/) must outlive it. The driver too; it is told the first settings at the first
    // open.
    Terminal(TerminalDriver& driver, uint64_t device, std::string_view name, const tty::Settings& first = {});
    virtual ~Terminal();

    uint64_t device() const { return device_; }
    std::string_view name() const { return name_; }

    // ---- news from the driver. Context: any, without the driver's lock.
    virtual void input_arrived();   // the input thread will fetch it
    void output_progressed();   // there is room again
    // The same at once, in the calling thread (the master of a pseudo-terminal). May sleep.
    void fetch_input();
    size_t deliver(std::span<const uint8_t> bytes);   // the same of bytes in hand; the result is how many were taken
    void flush_input();
    bool takes_input() const { return takes_input_.load(std::memory_order_acquire); }
    void set_window_size(const tty::WindowSize& size);  // signals SIGWINCH when it changed. Context: thread

    // ---- for files
    // Errors: WouldBlock, Interrupted, InputOutput (background, or the other side is gone), BadAddress, RestartSystemCall
    // (stopped by SIGTTIN or SIGTTOU).
    Result<size_t> read(TerminalFile& file, IoCursor& to, Patience patience);
    Result<size_t> write(TerminalFile& file, IoCursor& from, Patience patience);
    Result<long> ioctl(TerminalFile& file, linux::CallContext& context, uint32_t command, uintptr_t argument);
    void add_file(TerminalFile& file);
    void remove_file(TerminalFile& file);
    Signals readiness() const;   // for poll. Context: any
    // Errors: Busy (TIOCEXCL), InputOutput (a pseudo-terminal that is locked or gone).
    virtual Status check_open(bool may_override);

    // ---- hang-up: every open file turns dead (reads give end of file), the session loses its terminal and gets SIGHUP.
    void hang_up();
    // The other side is closed: reads and writes fail with InputOutput (pseudo-terminals).
    void set_other_side_closed(bool is_closed);

    // ---- job control (job_control.cpp)
    // May the calling process read or write? Sends `signal` to its group when not. Errors: RestartSystemCall, InputOutput.
    Status check_foreground(int signal);
    // Makes it the controlling terminal of the session of `process`. `may_steal`: also from another session.
    // Errors: NotPermitted.
    Status control(linux::Process& process, bool may_steal);
    // A session leader without terminal that opens one gets it (unless O_NOCTTY).
    void control_if_free(linux::Process& process);
    void signal_foreground_group(int signal);
    struct Relations {
        uint64_t device;
        linux::Pid foreground;  // -1 for none
    };
    Relations relations_locked() const;   // under the tree lock
    enum class Release : uint8_t { HungUp, LeaderExited, GivenUp };
    // The session loses it; the foreground group gets SIGHUP, and who is to go on SIGCONT.
    void release_session(Release reason);
    // Whether it ends with the session (a line does) or only changes hands (a pseudo-terminal, as on Linux).
    virtual bool is_hung_up_by_leader() const { return true; }

    // Waits until all output has been sent. Errors: Interrupted.
    Status drain(Patience patience);

protected:
    void set_name(std::string_view name) { name_ = name; }   // by the constructor
    bool is_other_side_closed() const { return is_other_side_closed_.load(std::memory_order_acquire); }
    void push_waiting_echo() {
        if (has_waiting_echo_.load(std::memory_order_relaxed)) fetch_input();
    }
    Mutex& lock() { return lock_; }
    tty::LineDiscipline& line() { return line_; }
    virtual void flow_changed(bool) {}         // packet mode
    virtual void input_flushed() {}
    void tell_files(Signals raised);
    tty::WindowSize window_size_;   // under lock()
    tty::Settings locked_settings_ = tty::kNoSettings;  // under lock()

private:
    friend class TerminalInputThread;
    friend struct TerminalIoctl;

    // ---- LineHost, called by line_ with lock_ held
    size_t sink_room() override;
    void sink_put(std::span<const uint8_t> bytes) override;
    void signal_foreground(tty::LineSignal signal) override;
    void drop_output() override;
    void output_stopped(bool is_stopped) override;
    void send_urgently(uint8_t byte) override;

    bool is_writable() const;
    void fetch_input_locked();
    void refresh_locked(bool has_news);   // recomputes readiness, wakes and tells
    Status wait_readable(const TerminalFile& file, Patience patience);
    Status wait_writable(const TerminalFile& file, Patience patience);
    Result<size_t> write_chunk(TerminalFile& file, std::span<const uint8_t> chunk, Patience patience);

    TerminalDriver& driver_;
    const uint64_t device_;
    std::string_view name_;
    Mutex lock_{LockRank::Terminal};
    tty::LineDiscipline line_{*this};
    uint32_t open_count_ = 0;                  // under lock_
    bool is_user_stopped_ = false;             // TCOOFF, under lock_

    // Readable without lock_: what waiters look at.
    std::atomic<uint32_t> readable_{0};        // bytes that a read may take now (canonical: 0 without a whole line)
    std::atomic<bool> polls_readable_{false};
    std::atomic<bool> takes_input_{true};
    std::atomic<bool> is_output_stopped_{false};
    std::atomic<bool> is_other_side_closed_{false};
    std::atomic<bool> is_exclusive_{false};
    std::atomic<bool> has_waiting_echo_{false};
    WaitQueue readers_, writers_;

    SpinLock files_lock_{LockRank::Terminals};
    TerminalFile* first_file_ = nullptr;       // under files_lock_

    // Under the tree lock. The terminal keeps its session.
    Ref<linux::Session> session_;
    Ref<linux::ProcessGroup> foreground_;

    // The input thread's list of terminals with news.
    std::atomic<bool> has_news_{false};
    Terminal* next_with_news_ = nullptr;
};

}  // namespace gyre
