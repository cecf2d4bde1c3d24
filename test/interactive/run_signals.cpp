// SPDX-License-Identifier: MIT
//
// What becomes of `gyre run` when it is sent a signal, when its time is over, and when its terminal goes away: who ends, with
// which status, and that the terminal is left as it was. Prints TAP. Arguments are further options for `gyre run`.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "test/interactive/terminal_session.h"

namespace gyre::interactive {
namespace {

using namespace std::chrono_literals;

constexpr auto kBootTime = 120s;
constexpr auto kEndTime = kPatience;
constexpr const char* kPrompt = "# ";

std::vector<std::string> g_options;

// A shell on the terminal, which runs gyre and then says with which status it ended and how the terminal is set.
class Run {
public:
    explicit Run(const std::vector<std::string>& words) : session_(command(words), 24, 80) {
        session_.expect("PID=");
        pid_ = std::atoi(session_.rest_of_line().c_str());
    }

    TerminalSession& session() { return session_; }
    pid_t pid() const { return pid_; }
    bool send(int signal) { return pid_ > 0 && kill(pid_, signal) == 0; }
    bool ends_with(int status) { return session_.expect("status=", kEndTime) && session_.rest_of_line() == std::to_string(status); }
    bool has_its_terminal_back() {
        return session_.expect("isig icanon") && session_.expect(" echo ") && session_.expect("the end");
    }

private:
    static std::vector<std::string> command(const std::vector<std::string>& words) {
        const char* tool = std::getenv("GYRE");
        std::vector<std::string> all = {"/bin/sh", "-c",
                                        "trap '' INT; sh -c 'trap - INT; echo PID=$$; exec \"$@\"' sh \"$@\"; echo status=$?; stty -a; echo the end",
                                        "sh", tool ? tool : "build/host/cli/gyre", "run", "--no-build"};
        all.insert(all.end(), g_options.begin(), g_options.end());
        all.insert(all.end(), words.begin(), words.end());
        return all;
    }

    TerminalSession session_;
    pid_t pid_ = -1;
};

int g_count;
bool g_has_failed;

void check(bool is_ok, const std::string& name, Run& run) {
    std::printf("%s %d - %s\n", is_ok ? "ok" : "not ok", ++g_count, name.c_str());
    if (!is_ok) {
        g_has_failed = true;
        std::string seen = run.session().pending().substr(0, 600);
        for (char& c : seen)
            if (c < ' ' || c > '~') c = '.';
        std::printf("# seen: %s\n", seen.c_str());
    }
    std::fflush(stdout);
}

// A machine with a shell has nobody to pass a signal on to.
void signal_to_a_shells_machine(int signal, const char* name) {
    Run run({"--timeout", "800"});
    const bool is_up = run.session().expect(kPrompt, kBootTime);
    check(is_up && run.send(signal) && run.ends_with(128 + signal), std::string(name) + " ends a shell's machine", run);
    check(run.has_its_terminal_back(), "the terminal is as it was", run);
}

void timeout_of_a_shells_machine() {
    Run run({"--timeout", "2"});
    check(run.ends_with(124), "--timeout ends a shell's machine", run);
    check(run.has_its_terminal_back(), "the terminal is as it was", run);
}

void signal_to_a_program(int signal, const char* name) {
    Run run({"--timeout", "800", "--", "sh", "-c", "echo re\"\"ady; sleep 1000"});
    const bool is_up = run.session().expect("ready", kBootTime);
    check(is_up && run.send(signal) && run.ends_with(128 + signal), std::string(name) + " goes to the program, which dies of it", run);
}

void program_that_catches() {
    Run run({"--timeout", "800", "--", "sh", "-c", "trap 'echo caught; exit 9' TERM; echo re\"\"ady; while :; do sleep 0.1; done"});
    const bool is_up = run.session().expect("ready", kBootTime);
    check(is_up && run.send(SIGTERM) && run.session().expect("caught", kEndTime) && run.ends_with(9), "a program may catch SIGTERM", run);
}

// It says what it hears, since two that follow each other too closely are one: signals do not queue.
void deaf_program() {
    Run run({"--timeout", "800", "--", "sh", "-c", "trap 'echo no' INT TERM; echo re\"\"ady; while :; do sleep 0.1; done"});
    bool lives = run.session().expect("ready", kBootTime);
    for (int heard = 0; heard < 2; ++heard) {
        run.session().type("\x03");
        lives = lives && run.session().expect("no\r\n");
    }
    lives = lives && run.session().pending().find("status=") == std::string::npos;
    run.session().type("\x03");
    check(lives && run.ends_with(130), "the third Ctrl-C ends the machine of a program that is deaf to it", run);
}

constexpr int kMostTries = 1200;  // of a tenth of a second

// The machine that `gyre` has started: its only child.
pid_t child_of(pid_t pid) {
    std::ifstream list("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
    pid_t child = -1;
    list >> child;
    return child;
}

void lost_terminal() {
    Run run({"--timeout", "800"});
    const bool is_up = run.session().expect(kPrompt, kBootTime);
    const pid_t machine = child_of(run.pid());
    run.session().hang_up();
    bool are_gone = false;
    for (int tries = 0; tries < kMostTries && !are_gone; ++tries) {
        usleep(100'000);
        while (waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        are_gone = kill(run.pid(), 0) == -1 && kill(machine, 0) == -1;
    }
    check(is_up && machine > 0 && are_gone, "nothing is left when the terminal goes away", run);
}

void killed() {
    Run run({"--timeout", "800", "--", "sh", "-c", "echo re\"\"ady; sleep 1000"});
    const bool is_up = run.session().expect("ready", kBootTime);
    const pid_t machine = child_of(run.pid());
    run.send(SIGKILL);
    bool is_gone = false;
    for (int tries = 0; tries < kMostTries && !is_gone; ++tries) {
        usleep(100'000);
        while (waitpid(machine, nullptr, WNOHANG) > 0) {
        }
        is_gone = kill(machine, 0) == -1;
    }
    check(is_up && machine > 0 && is_gone, "SIGKILL takes the machine along", run);
}

}  // namespace
}  // namespace gyre::interactive

int main(int argc, char** argv) {
    using namespace gyre::interactive;
    g_options.assign(argv + 1, argv + argc);
    prctl(PR_SET_CHILD_SUBREAPER, 1);  // what is orphaned here is reaped here
    std::printf("TAP version 13\n");
    signal_to_a_shells_machine(SIGTERM, "SIGTERM");
    signal_to_a_shells_machine(SIGINT, "SIGINT");
    signal_to_a_shells_machine(SIGHUP, "SIGHUP");
    timeout_of_a_shells_machine();
    signal_to_a_program(SIGTERM, "SIGTERM");
    signal_to_a_program(SIGHUP, "SIGHUP");
    program_that_catches();
    deaf_program();
    lost_terminal();
    killed();
    std::printf("1..%d\n", g_count);
    return g_has_failed ? 1 : 0;
}
