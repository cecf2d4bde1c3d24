// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "user/init/init.h"

namespace gyre::init {
namespace {

constexpr int kMostWaits = 20;            // for processes to leave after SIGTERM
constexpr long kWait_ns = 25 * 1000000;

struct Mount {
    const char* type;
    const char* target;
    unsigned long flags;
    const char* options;
    mode_t mode;       // of the folder, where it has to be made
    bool is_required;  // for a machine that is of use
};

constexpr Mount kMounts[] = {
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755", 0755, true},
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr, 0555, true},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666", 0755, true},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", 01777, true},
    // /tmp and /run stay on the root file system, which is a tmpfs, too: what the host has sent along may lie there.
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr, 0555, false},
};

struct Link {
    const char* target;
    const char* path;
};

constexpr Link kLinks[] = {{"/proc/self/fd", "/dev/fd"},
                           {"/proc/self/fd/0", "/dev/stdin"},
                           {"/proc/self/fd/1", "/dev/stdout"},
                           {"/proc/self/fd/2", "/dev/stderr"}};

// Linux opens /dev/console for process 1 where the initramfs has it; without it there is no output.
void open_standard_descriptors() {
    if (fcntl(0, F_GETFD) != -1) return;
    int fd = open("/dev/console", O_RDWR | O_NOCTTY);
    while (fd >= 0 && fd < 2) fd = dup(fd);
}

}  // namespace

void complain(const char* what, const char* detail) { dprintf(2, "init: %s %s: %s\n", what, detail, strerror(errno)); }

void mount_everything() {
    for (const Mount& mount_point : kMounts) {
        mkdir(mount_point.target, mount_point.mode);
        if (mount(mount_point.type, mount_point.target, mount_point.type, mount_point.flags, mount_point.options) == 0)
            continue;
        // Busy: the kernel has mounted it already.
        if (errno != EBUSY && mount_point.is_required) complain("cannot mount", mount_point.target);
    }
    open_standard_descriptors();
    for (const Link& link : kLinks)
        if (symlink(link.target, link.path) == -1 && errno != EEXIST) complain("cannot make", link.path);
}

void set_host_name() {
    size_t length = 0;
    char* name = read_whole_file("/etc/hostname", &length);
    if (!name) return;
    length = strcspn(name, "\n");
    if (sethostname(name, length) == -1) complain("cannot set", "the host name");
    free(name);
}

void shut_down(PowerAction action) {
    // A signal to -1 spares process 1 itself.
    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
    for (int waits = 0; waits < kMostWaits; waits++) {
        pid_t pid;
        while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) {
        }
        if (pid == -1 && errno == ECHILD) break;
        timespec pause = {0, kWait_ns};
        nanosleep(&pause, nullptr);
    }
    kill(-1, SIGKILL);
    sync();
    tcdrain(1);
    switch (action) {
        case PowerAction::Off: reboot(RB_POWER_OFF); break;
        case PowerAction::Reboot: reboot(RB_AUTOBOOT); break;
        case PowerAction::Halt:
            tell_host("halt\n");
            reboot(RB_HALT_SYSTEM);
            break;
    }
    complain("the machine cannot be", "switched off");
    for (;;) pause();
}

char* read_whole_file(const char* path, size_t* length) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    size_t size = 0, capacity = 4096;
    char* content = static_cast<char*>(malloc(capacity));
    while (content) {
        ssize_t count = read(fd, content + size, capacity - 1 - size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        size += static_cast<size_t>(count);
        if (size + 1 < capacity) continue;
        capacity *= 2;
        char* larger = static_cast<char*>(realloc(content, capacity));
        if (!larger) free(content);
        content = larger;
    }
    close(fd);
    if (!content) {
        errno = ENOMEM;
        complain("cannot read", path);
        return nullptr;
    }
    content[size] = '\0';
    *length = size;
    return content;
}

bool read_strings(const char* path, Strings& strings) {
    strings.count = 0;
    strings.items[0] = nullptr;
    size_t length = 0;
    char* content = read_whole_file(path, &length);
    if (!content) return false;
    for (char* next = content; next < content + length; next += strlen(next) + 1) {
        if (strings.count == kMostStrings) {
            errno = E2BIG;
            complain("too many strings in", path);
            break;
        }
        strings.items[strings.count++] = next;
    }
    strings.items[strings.count] = nullptr;
    return true;
}

}  // namespace gyre::init
