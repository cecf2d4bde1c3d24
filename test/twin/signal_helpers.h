// SPDX-License-Identifier: MIT
//
// What the files of signal tests share.
#pragma once

#include "twin.h"

namespace twin {

inline volatile sig_atomic_t g_count, g_last;
inline siginfo_t g_info;

inline void count(int signal) {
    g_count = g_count + 1;
    g_last = signal;
}
inline void keep_info(int signal, siginfo_t* info, void*) {
    g_info = *info;
    count(signal);
}
inline void on(int signal, void (*handler)(int), int flags = 0) {
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
inline void on_info(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
inline sigset_t set_of(int a, int b = 0, int c = 0) {
    sigset_t set;
    sigemptyset(&set);
    const int each_list[] = {a, b, c};
    for (int each : each_list)
        if (each) sigaddset(&set, each);
    return set;
}
inline void block(int a, int b = 0, int c = 0) {
    sigset_t set = set_of(a, b, c);
    CHECK_OK(sigprocmask(SIG_BLOCK, &set, nullptr));
}
inline void unblock(int a, int b = 0, int c = 0) {
    sigset_t set = set_of(a, b, c);
    CHECK_OK(sigprocmask(SIG_UNBLOCK, &set, nullptr));
}
inline bool is_pending(int signal) {
    sigset_t set;
    CHECK_OK(sigpending(&set));
    return sigismember(&set, signal) == 1;
}

}  // namespace twin
