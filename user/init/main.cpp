// SPDX-License-Identifier: MIT
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/init/init.h"

namespace gyre::init {
namespace {

constexpr int kPowerSignals[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

volatile sig_atomic_t g_power_signal;

void on_power_signal(int signal) { g_power_signal = signal; }
void on_child(int) {}

// The signals by which BusyBox's poweroff, reboot and halt ask process 1.
void install_signal_handlers() {
    struct sigaction action = {};
    action.sa_handler = on_power_signal;
    for (int signal : kPowerSignals) sigaction(signal, &action, nullptr);
    action.sa_handler = on_child;
    sigaction(SIGCHLD, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

PowerAction action_of(int signal) {
    switch (signal) {
        case SIGUSR1: return PowerAction::Halt;
        case SIGUSR2: return PowerAction::Off;
        default: return PowerAction::Reboot;
    }
}

// Reaps everybody; when `program` is among them its status is left behind and true returned.
bool reap(pid_t program, int* status) {
    for (;;) {
        int one = 0;
        pid_t pid = waitpid(-1, &one, WNOHANG);
        if (pid <= 0) return false;
        if (pid == program) {
            *status = one;
            return true;
        }
    }
}

// The signals that end a wait are blocked outside of it, so that none comes between looking and waiting.
int wait_for_program(pid_t program) {
    sigset_t blocked, original;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    for (int signal : kPowerSignals) sigaddset(&blocked, signal);
    sigprocmask(SIG_BLOCK, &blocked, &original);
    bool is_listening = control_fd() >= 0;
    for (;;) {
        int status = 0;
        if (reap(program, &status)) return status;
        if (g_power_signal) shut_down(action_of(g_power_signal));
        pollfd port = {is_listening ? control_fd() : -1, POLLIN, 0};
        if (ppoll(&port, 1, nullptr, &original) > 0) is_listening = handle_control(program);
    }
}

}  // namespace
}  // namespace gyre::init

int main() {
    using namespace gyre::init;
    mount_everything();
    set_host_name();
    install_signal_handlers();
    open_control();
    pid_t program = launch();
    if (program > 0) {
        int status = wait_for_program(program);
        flush_program_output();
        if (WIFSIGNALED(status)) tell_host("signal %d\n", WTERMSIG(status));
        else tell_host("exit %d\n", WEXITSTATUS(status));
    }
    shut_down(PowerAction::Off);
}
