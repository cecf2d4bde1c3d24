// SPDX-License-Identifier: MIT
#include "cli/session.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>

#include "cli/control_line.h"
#include "cli/process.h"
#include "cli/progress.h"
#include "cli/pump.h"
#include "cli/qemu_process.h"
#include "cli/terminal.h"

namespace gyre::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kTick = 200ms;             // how often deadlines are looked at
constexpr auto kLongestTick = 1s;         // more has passed: it was us who stood still (Ctrl-Z, a terminal after Ctrl-S)
constexpr int kPingsBeforeAHang = 12;
constexpr auto kPowerOffWithin = 10s;     // between the program's end and the machine's
constexpr auto kPanicSpeaksFor = 3s;      // between the panic's first line and the end of its backtrace
constexpr int kMostSignalsPassed = 2;     // the third Ctrl-C ends a machine whose program ignores the others
constexpr size_t kMostQemuWords = 4096;   // of QEMU's own messages

// Cuts a stream into lines.
class Lines {
public:
    template <class Sink>
    void add(std::string_view bytes, const Sink& sink) {
        pending_ += bytes;
        size_t begin = 0;
        for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1) {
            std::string line = pending_.substr(begin, end - begin);
            while (line.ends_with('\r')) line.pop_back();
            sink(line);
        }
        pending_.erase(0, begin);
    }

private:
    std::string pending_;
};

class Session {
public:
    explicit Session(const SessionRequest& request) : request_(request), progress_("starting the machine", Progress::Where::TerminalOnly) {}
    ~Session() {
        if (signals_ != -1) close(signals_);
        if (log_ != -1) close(log_);
        if (qemu_output_[0] != -1) close(qemu_output_[0]);
    }

    Outcome<int> run() {
        if (auto prepared = prepare(); !prepared) return std::unexpected(prepared.error());
        begun_ = last_look_ = Clock::now();
        terminal_size_ = terminal_size();
        if (request_.is_interactive) terminal_.enter();
        while (!is_over()) {
            wait_and_carry();
            look_at_the_clock();
        }
        qemu_.kill();
        int qemu_status = qemu_.wait();
        finish_output();
        terminal_.restore(fatal_signal_.has_value());
        progress_.clear();
        return verdict(qemu_status);
    }

private:
    Outcome<void> prepare();
    Outcome<void> start_qemu();
    void make_pumps();
    void block_signals();
    bool is_over();
    void wait_and_carry();
    void carry(const std::vector<pollfd>& waits);
    void look_at_the_clock();
    void finish_output();
    void on_console(std::string_view bytes);
    void on_console_line(const std::string& line);
    void on_event(const ControlEvent& event);
    void on_signal();
    void tell_guest(const std::string& line);
    void send_window_size();
    Outcome<int> verdict(int qemu_status);
    std::unexpected<Problem> failure(std::string what, int status = kOwnFailure);

    const SessionRequest& request_;
    SocketPair console_, control_, input_, output_, errors_;
    int qemu_output_[2] = {-1, -1};
    int signals_ = -1;
    int log_ = -1;
    QemuProcess qemu_;
    std::list<Pump> pumps_;
    Pump* input_pump_ = nullptr;
    Pump* output_pump_ = nullptr;
    Pump* control_out_ = nullptr;
    RawTerminal terminal_;
    EscapeFilter escape_;
    Progress progress_;
    Lines console_lines_, control_lines_;
    std::string qemu_words_;
    std::optional<WindowSize> terminal_size_;

    Clock::time_point begun_, last_look_, last_pong_, last_ping_, ended_, panicked_;
    bool is_ready_ = false, has_port_ = false, has_panicked_ = false;
    bool qemu_has_ended_ = false, is_input_shut_ = false;
    bool user_ends_it_ = false, console_has_spoken_ = false;
    std::optional<ControlEvent> ending_;      // how the program ended
    std::optional<int> fatal_signal_;         // that hit ourselves
    int signals_passed_ = 0;                  // to the program
    std::string panic_reason_;
    std::optional<std::string> own_failure_;  // a deadline that has passed
    bool is_out_of_time_ = false;             // the one that the user has set
};

Outcome<void> Session::prepare() {
    for (SocketPair* pair : {&console_, &control_}) {
        auto made = SocketPair::make();
        if (!made) return std::unexpected(made.error());
        *pair = std::move(*made);
    }
    if (!request_.is_interactive)
        for (SocketPair* pair : {&input_, &output_, &errors_}) {
            auto made = SocketPair::make();
            if (!made) return std::unexpected(made.error());
            *pair = std::move(*made);
        }
    std::error_code ignored;
    std::filesystem::create_directories(request_.log.parent_path(), ignored);
    log_ = open(request_.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (log_ == -1) return problem("cannot write '" + request_.log.string() + "': " + std::strerror(errno));
    block_signals();
    // One that came while the kernel was built, or just now.
    if (was_interrupted()) return problem("interrupted", "", 128 + interrupting_signal());
    if (auto started = start_qemu(); !started) return started;
    make_pumps();
    return {};
}

Outcome<void> Session::start_qemu() {
    if (pipe2(qemu_output_, O_CLOEXEC) == -1) return problem(std::string("no pipe: ") + std::strerror(errno));
    MachineRequest machine = request_.machine;
    machine.channels = {.console = console_.theirs(),
                        .control = control_.theirs(),
                        .input = input_.theirs(),
                        .output = output_.theirs(),
                        .errors = errors_.theirs()};
    std::vector<int> inherited;
    for (SocketPair* pair : {&console_, &control_, &input_, &output_, &errors_})
        if (pair->theirs() != -1) inherited.push_back(pair->theirs());
    auto started = qemu_.start(qemu_command(machine), inherited, qemu_output_[1]);
    close(qemu_output_[1]);
    for (SocketPair* pair : {&console_, &control_, &input_, &output_, &errors_}) pair->close_theirs();
    return started;
}

// In program mode these are for the program, in interactive mode the terminal makes none of them
// (but SIGTERM and SIGHUP still come from outside).
void Session::block_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) sigaddset(&set, signal);
    // Started with nohup: a hangup is not ours. (A blocked signal would arrive even so.)
    struct sigaction hangup {};
    sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler == SIG_IGN) sigdelset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
}

void Session::make_pumps() {
    // Console and QEMU's own words.
    const bool shows = request_.is_interactive || request_.shows_console;
    Pump& console = pumps_.emplace_back(console_.ours(), !shows ? -1 : request_.is_interactive ? STDOUT_FILENO : STDERR_FILENO);
    console.transform = [this](std::string_view bytes) {
        on_console(bytes);
        return std::string(bytes);
    };
    Pump& words = pumps_.emplace_back(qemu_output_[0], -1);
    words.transform = [this](std::string_view bytes) {
        if (qemu_words_.size() < kMostQemuWords) qemu_words_ += bytes;
        return std::string();
    };
    Pump& control = pumps_.emplace_back(control_.ours(), control_.ours());
    control.transform = [this](std::string_view bytes) {
        control_lines_.add(bytes, [this](const std::string& line) {
            if (auto event = parse_control_line(line)) {
                has_port_ = true;
                on_event(*event);
            }
        });
        return std::string();
    };
    control_out_ = &control;
    if (request_.is_interactive) {
        input_pump_ = &pumps_.emplace_back(STDIN_FILENO, console_.ours());
        input_pump_->transform = [this](std::string_view bytes) {
            std::string rest;
            user_ends_it_ |= escape_.filter(bytes, rest);
            return rest;
        };
    } else {
        input_pump_ = &pumps_.emplace_back(STDIN_FILENO, input_.ours());
        output_pump_ = &pumps_.emplace_back(output_.ours(), STDOUT_FILENO);
        pumps_.emplace_back(errors_.ours(), STDERR_FILENO);
    }
}

bool Session::is_over() {
    if (qemu_has_ended_ || own_failure_ || user_ends_it_ || fatal_signal_) return true;
    // A program is over when it says so: its output is with us by then. A shell's machine
    // is left the time to switch itself off.
    return ending_ && !request_.is_interactive;
}

void Session::wait_and_carry() {
    std::vector<pollfd> waits;
    for (Pump& pump : pumps_) {
        waits.push_back(pump.read_wait());
        waits.push_back(pump.write_wait());
    }
    waits.push_back({signals_, POLLIN, 0});
    waits.push_back({qemu_.descriptor(), POLLIN, 0});
    if (poll(waits.data(), waits.size(), static_cast<int>(kTick.count())) <= 0) return;
    carry(waits);
    if (waits[waits.size() - 2].revents) on_signal();
    if (waits.back().revents) qemu_has_ended_ = true;
}

void Session::carry(const std::vector<pollfd>& waits) {
    size_t index = 0;
    for (Pump& pump : pumps_) {
        if (waits[index++].revents) pump.on_readable();
        if (waits[index++].revents) pump.on_writable();
        // The reader of our output has gone: so do we, as any program in a pipeline.
        if (pump.is_sink_broken() && (pump.sink() == STDOUT_FILENO || pump.sink() == STDERR_FILENO)) fatal_signal_ = SIGPIPE;
    }
    // The end of the input is told to the guest by shutting down our half of the connection.
    if (!request_.is_interactive && !input_pump_->is_source_open() && input_pump_->is_drained() && !is_input_shut_) {
        shutdown(input_.ours(), SHUT_WR);
        is_input_shut_ = true;
    }
}

// What is still in the sockets when the machine is gone.
void Session::finish_output() {
    for (Pump& pump : pumps_) {
        if (&pump == input_pump_ || &pump == control_out_) continue;
        for (;;) {
            pollfd reading = pump.read_wait();
            pollfd writing = pump.write_wait();
            if (reading.fd == -1 && writing.fd == -1) break;
            pollfd waits[3] = {reading, writing, {signals_, POLLIN, 0}};
            // A reader that takes nothing is waited for, but not after a signal that ends us.
            bool must_wait = writing.fd != -1 && !fatal_signal_;
            if (poll(waits, 3, must_wait ? -1 : 0) <= 0) break;
            if (waits[2].revents) on_signal();
            if (waits[0].revents) pump.on_readable();
            if (waits[1].revents) pump.on_writable();
        }
    }
}

void Session::on_console(std::string_view bytes) {
    if (!console_has_spoken_ && (request_.is_interactive || request_.shows_console)) progress_.clear();
    console_has_spoken_ = true;
    [[maybe_unused]] ssize_t written = write(log_, bytes.data(), bytes.size());
    console_lines_.add(bytes, [this](const std::string& line) { on_console_line(line); });
}

void Session::on_console_line(const std::string& line) {
    if (auto event = parse_console_control_line(line)) {
        on_event(*event);
    } else if (is_ready_ && !has_port_ && !request_.is_interactive && !ending_) {
        // A machine without virtio ports: the program speaks on the console, output and errors in one.
        output_pump_->insert(line + "\n");
    }
    if (panic_reason_.empty())
        if (auto reason = panic_reason(line)) {
            panic_reason_ = ": " + *reason;
            panicked_ = Clock::now();
            // A user's terminal may show such a line for other reasons (dmesg of a crash, say).
            has_panicked_ = !request_.is_interactive;
        }
}

void Session::on_event(const ControlEvent& event) {
    switch (event.kind) {
        case ControlEvent::Kind::Ready:
            is_ready_ = true;
            last_pong_ = last_ping_ = Clock::now();
            progress_.clear();
            send_window_size();
            break;
        case ControlEvent::Kind::Pong: last_pong_ = Clock::now(); break;
        default:
            if (!ending_) {
                ending_ = event;
                ended_ = Clock::now();
            }
    }
}

void Session::tell_guest(const std::string& line) {
    if (has_port_) control_out_->insert(line + "\n");
}

void Session::send_window_size() {
    if (!request_.is_interactive || !terminal_size_) return;
    tell_guest("winsize " + std::to_string(terminal_size_->rows) + " " + std::to_string(terminal_size_->columns));
}

void Session::on_signal() {
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof info) == sizeof info) {
        int signal = static_cast<int>(info.ssi_signo);
        if (signal == SIGWINCH) {
            terminal_size_ = terminal_size();
            send_window_size();
        } else if (request_.is_interactive || !is_ready_ || ending_ || !has_port_ || ++signals_passed_ > kMostSignalsPassed) {
            fatal_signal_ = signal;
        } else {
            tell_guest("signal " + std::to_string(signal));
        }
    }
}

void Session::look_at_the_clock() {
    auto now = Clock::now();
    // The machine could not be heard meanwhile, which says nothing about its health.
    if (now - last_look_ > kLongestTick) last_pong_ += now - last_look_;
    last_look_ = now;
    if (request_.timeout.count() && now - begun_ > request_.timeout) {
        own_failure_ = "the machine did not end within " + std::to_string(request_.timeout.count()) + " s (--timeout)";
        is_out_of_time_ = true;
    } else if (!is_ready_ && request_.boot_timeout.count() && now - begun_ > request_.boot_timeout)
        own_failure_ = "the machine has not come up within " + std::to_string(request_.boot_timeout.count()) + " s";
    else if (has_panicked_ && now - panicked_ > kPanicSpeaksFor) own_failure_ = "the kernel panicked" + panic_reason_;
    else if (ending_ && now - ended_ > kPowerOffWithin) qemu_has_ended_ = true;
    else if (is_ready_ && has_port_ && !ending_) {
        if (now - last_ping_ > request_.hang_timeout / kPingsBeforeAHang) {
            tell_guest("ping");
            last_ping_ = now;
        }
        if (now - last_pong_ > request_.hang_timeout)
            own_failure_ = "the machine hangs: it has not answered for " + std::to_string(request_.hang_timeout.count()) + " s (--hang-timeout)";
    }
    if (!is_ready_ && !console_has_spoken_) progress_.update("");
}

std::unexpected<Problem> Session::failure(std::string what, int status) {
    return problem(std::move(what), "The kernel's log is in " + request_.log.string(), status);
}

Outcome<int> Session::verdict(int qemu_status) {
    if (has_panicked_ || qemu_status == debug_exit_status(kPanicExitValue)) return failure("the kernel panicked" + panic_reason_);
    if (own_failure_) return failure(*own_failure_, is_out_of_time_ ? kTimedOut : kOwnFailure);
    std::error_code ignored;
    if (ending_) {
        std::filesystem::remove(request_.log, ignored);
        if (ending_->kind == ControlEvent::Kind::ExecFailed)
            dprintf(STDERR_FILENO, "gyre: error: cannot run '%s': %s\n", request_.program_name.c_str(), std::strerror(ending_->number));
        return exit_status_of(*ending_);
    }
    if (fatal_signal_ || user_ends_it_) {
        std::filesystem::remove(request_.log, ignored);
        return fatal_signal_ ? 128 + *fatal_signal_ : 0;
    }
    // QEMU ended by itself: switched off from inside (0), or it has something to say.
    if (qemu_status == 0 && is_ready_) {
        std::filesystem::remove(request_.log, ignored);
        return 0;
    }
    while (qemu_words_.ends_with('\n')) qemu_words_.pop_back();
    if (!qemu_words_.empty() && qemu_status != 0) return failure(qemu_words_);
    if (qemu_status != 0) return failure("QEMU ended with status " + std::to_string(qemu_status));
    return failure("the machine switched itself off before it was up");
}

}  // namespace

Outcome<int> run_session(const SessionRequest& request) { return Session(request).run(); }

}  // namespace gyre::cli
