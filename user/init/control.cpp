// SPDX-License-Identifier: MIT
//
// Lines to the host:   ready, exit N, signal N, exec-failed ERRNO, halt, pong
// Lines from the host: winsize ROWS COLUMNS, signal N, ping
// Without the port the lines to the host go to the console with "gyre-control: " before them, and
// nothing comes from the host.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/init/init.h"

namespace gyre::init {
namespace {

int g_control = -1;
char g_line[kControlLine];
size_t g_line_length;

void set_window_size(unsigned short rows, unsigned short columns) {
    int console = open(console_path(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (console < 0) return complain("cannot open", console_path());
    winsize size = {rows, columns, 0, 0};
    if (ioctl(console, TIOCSWINSZ, &size) == -1) complain("cannot set the window size of", console_path());
    close(console);
}

void obey(const char* line, pid_t program) {
    unsigned first = 0, second = 0;
    if (sscanf(line, "winsize %u %u", &first, &second) == 2)
        set_window_size(static_cast<unsigned short>(first), static_cast<unsigned short>(second));
    else if (sscanf(line, "signal %u", &first) == 1) kill(-program, static_cast<int>(first));
    else if (strcmp(line, "ping") == 0) tell_host("pong\n");
}

}  // namespace

void open_control() { g_control = open("/dev/virtio-ports/gyre.control", O_RDWR | O_CLOEXEC); }

int control_fd() { return g_control; }

void tell_host(const char* format, ...) {
    char text[kControlLine];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (g_control >= 0 && write(g_control, text, static_cast<size_t>(length)) == length) return;
    dprintf(1, "gyre-control: %s", text);
}

bool handle_control(pid_t program) {
    char bytes[256];
    ssize_t count = read(g_control, bytes, sizeof bytes);
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) return false;
    for (ssize_t i = 0; i < count; i++) {
        if (bytes[i] != '\n') {
            // A line that is too long is no line of ours: it is cut and will not be understood.
            if (g_line_length < sizeof g_line - 1) g_line[g_line_length++] = bytes[i];
            continue;
        }
        g_line[g_line_length] = '\0';
        g_line_length = 0;
        obey(g_line, program);
    }
    return true;
}

}  // namespace gyre::init
