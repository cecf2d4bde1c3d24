// SPDX-License-Identifier: MIT
//
// Process 1 of a machine that `gyre run` has started; also works without `gyre`, as an ordinary init.
//
//   main.cpp     the order of things, signals, reaping
//   system.cpp   mounts, host name, switching off
//   control.cpp  the line to the host (virtio port gyre.control, or the console in its place)
//   launch.cpp   the shell with its terminal, or the program with its ports
//
// What to run comes in the initramfs: /run/gyre/argv and /run/gyre/env (strings that end in NUL) and
// /run/gyre/cwd. Without argv it is a login shell on the console.
// Plain C++ on musl: no exceptions, no C++ library. Leaves out: services, run levels, inittab.
#pragma once

#include <stddef.h>
#include <sys/types.h>

namespace gyre::init {

constexpr size_t kMostStrings = 4096;   // arguments or variables
constexpr size_t kControlLine = 128;    // the longest line of the control port

// A list of strings as execve wants it; points into memory that lives as long as the process.
struct Strings {
    char* items[kMostStrings + 1];
    size_t count;
};

// --- system.cpp
void mount_everything();
void set_host_name();
enum class PowerAction { Off, Reboot, Halt };
// Ends all other processes (SIGTERM, then SIGKILL) and the machine. Does not return.
[[noreturn]] void shut_down(PowerAction action);
void complain(const char* what, const char* detail);  // on the console, with errno
// Reads a whole file; null when there is none. `length` gets its size; a NUL is appended.
char* read_whole_file(const char* path, size_t* length);
// Splits a file of NUL-terminated strings. False when there is no such file.
bool read_strings(const char* path, Strings& strings);

// --- control.cpp
void open_control();
int control_fd();                                    // -1 without a port
void tell_host(const char* format, ...) __attribute__((format(printf, 1, 2)));
// Reads what the host has sent and does it: winsize, signal, ping. False when the host has hung up.
bool handle_control(pid_t program);

// --- launch.cpp
bool is_program_mode();
// Starts the shell or the program. -1 when that failed (the host has been told).
pid_t launch();
// Waits until what the program has written is with the host.
void flush_program_output();
// The device that is the console: "/dev/ttyS0".
const char* console_path();

}  // namespace gyre::init
