// SPDX-License-Identifier: MIT
//
// proc(5): what programs read there.
#include "twin.h"

#include <dirent.h>
#include <sys/epoll.h>

using namespace twin;

namespace {

char buffer[65536];

// The value of a line "name:\tvalue" of status, into `value`.
bool field(const char* path, const char* name, char* value, size_t size) {
    if (read_file(path, buffer, sizeof(buffer)) < 0) return false;
    char key[64];
    snprintf(key, sizeof(key), "\n%s:", name);
    const char* at =
        strncmp(buffer, key + 1, strlen(key) - 1) == 0 ? buffer - 1 : strstr(buffer, key);
    if (!at) return false;
    at += strlen(key);
    while (*at == '\t' || *at == ' ')
        ++at;
    size_t length = strcspn(at, "\n");
    if (length >= size) length = size - 1;
    memcpy(value, at, length);
    value[length] = 0;
    return true;
}
long number_field(const char* path, const char* name) {
    char value[64];
    CHECK(field(path, name, value, sizeof(value)));
    return atol(value);
}
bool lists(const char* directory, const char* name) {
    DIR* dir = opendir(directory);
    CHECK(dir);
    bool found = false;
    while (dirent* entry = readdir(dir))
        if (strcmp(entry->d_name, name) == 0) found = true;
    closedir(dir);
    return found;
}

}  // namespace

TEST(proc, self_is_who_asks) {
    char text[64] = {}, pid[16];
    snprintf(pid, sizeof(pid), "%d", getpid());
    CHECK(readlink("/proc/self", text, sizeof(text)) > 0);
    CHECK_STR(text, pid);
    pid_t child = start([] {
        char mine[64] = {}, number[16];
        snprintf(number, sizeof(number), "%d", getpid());
        CHECK(readlink("/proc/self", mine, sizeof(mine)) > 0);
        CHECK_STR(mine, number);
    });
    CHECK_EXITED(status_of(child), 0);
    memset(text, 0, sizeof(text));
    CHECK(readlink("/proc/thread-self", text, sizeof(text)) > 0);
    char want[64];
    snprintf(want, sizeof(want), "%d/task/%d", getpid(), getpid());
    CHECK_STR(text, want);
}
TEST(proc, status_speaks_of_the_process) {
    CHECK_EQ(number_field("/proc/self/status", "Pid"), getpid());
    CHECK_EQ(number_field("/proc/self/status", "Tgid"), getpid());
    CHECK_EQ(number_field("/proc/self/status", "PPid"), getppid());
    CHECK_EQ(number_field("/proc/self/status", "Threads"), 1);
    CHECK_EQ(number_field("/proc/self/status", "Uid"), getuid());
    char value[64];
    CHECK(field("/proc/self/status", "State", value, sizeof(value)));
    CHECK_STR(value, "R (running)");
    umask(027);
    CHECK(field("/proc/self/status", "Umask", value, sizeof(value)));
    CHECK_STR(value, "0027");
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signal(SIGUSR2, SIG_IGN);
    kill(getpid(), SIGUSR1);
    CHECK(field("/proc/self/status", "SigBlk", value, sizeof(value)));
    CHECK_STR(value, "0000000000000200");
    CHECK(field("/proc/self/status", "ShdPnd", value, sizeof(value)));
    CHECK_STR(value, "0000000000000200");
    CHECK(field("/proc/self/status", "SigIgn", value, sizeof(value)));
    CHECK(strtoul(value, nullptr, 16) & 0x800);
}
TEST(proc, stat_has_its_fields) {
    CHECK(read_file("/proc/self/stat", buffer, sizeof(buffer)) > 0);
    int pid, parent, group, session;
    char name[32], state;
    CHECK_EQ(
        sscanf(buffer, "%d (%31[^)]) %c %d %d %d", &pid, name, &state, &parent, &group, &session),
        6);
    CHECK_EQ(pid, getpid());
    CHECK_EQ(state, 'R');
    CHECK_EQ(parent, getppid());
    CHECK_EQ(group, getpgrp());
    CHECK_EQ(session, getsid(0));
    int blanks = 0;
    for (const char* at = strrchr(buffer, ')'); *at; ++at)
        blanks += *at == ' ';
    CHECK_EQ(blanks, 50);  // 52 fields
    CHECK_EQ(buffer[strlen(buffer) - 1], '\n');
}
TEST(proc, who_is_deaf_to_signals_is_shown_as_D) {
    static char value[64];
    const pid_t child = vfork();  // whose parent only a fatal signal wakes
    if (child == 0) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/status", getppid());
        for (int tries = 0; tries < 1000 && value[0] != 'D'; ++tries, sleep_ms(1))
            if (!field(path, "State", value, sizeof(value))) break;
        _exit(0);
    }
    CHECK_EXITED(status_of(child), 0);
    CHECK_STR(value, "D (disk sleep)");
}
TEST(proc, states_of_others) {
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t child = start([&] {
        char c;
        close(fds[1]);
        CHECK(read(fds[0], &c, 1) == 0);
    });
    char path[64], value[64];
    snprintf(path, sizeof(path), "/proc/%d/status", child);
    wait_until_asleep(child);
    CHECK(field(path, "State", value, sizeof(value)));
    CHECK_STR(value, "S (sleeping)");
    kill(child, SIGSTOP);
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(field(path, "State", value, sizeof(value)));
    CHECK_STR(value, "T (stopped)");
    kill(child, SIGCONT);
    close(fds[1]);
    siginfo_t info;
    CHECK_OK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT));
    CHECK(field(path, "State", value, sizeof(value)));
    CHECK_STR(value, "Z (zombie)");
    CHECK_EXITED(status_of(child), 0);
    CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
}
TEST(proc, open_file_of_a_dead_process_says_so) {
    pid_t child = start([] { pause(); });
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", child);
    int fd = open(path, O_RDONLY);
    CHECK_OK(fd);
    kill(child, SIGKILL);
    status_of(child);
    CHECK_ERRNO(read(fd, buffer, 10), ESRCH);
}
TEST(proc, cmdline_and_environ) {
    long length = read_file("/proc/self/cmdline", buffer, sizeof(buffer));
    CHECK(length > 1);
    CHECK_EQ(buffer[length - 1], 0);
    CHECK(strstr(buffer, "twin") != nullptr);
    CHECK(read_file("/proc/self/environ", buffer, sizeof(buffer)) >= 0);
}
TEST(proc, comm_can_be_changed) {
    int fd = open("/proc/self/comm", O_RDWR);
    CHECK_OK(fd);
    CHECK_EQ(write(fd, "a name far too long for it\n", 27), 27);
    char text[32] = {};
    CHECK_EQ(pread(fd, text, 31, 0), 16);
    CHECK_STR(text, "a name far too \n");
}
TEST(proc, links_lead_to_places) {
    char text[4096] = {}, here[4096];
    CHECK(getcwd(here, sizeof(here)) != nullptr);
    CHECK(readlink("/proc/self/cwd", text, sizeof(text) - 1) > 0);
    CHECK_STR(text, here);
    memset(text, 0, sizeof(text));
    CHECK(readlink("/proc/self/exe", text, sizeof(text) - 1) > 0);
    CHECK_STR(text, self_path());
    memset(text, 0, sizeof(text));
    CHECK(readlink("/proc/self/root", text, sizeof(text) - 1) > 0);
    CHECK_STR(text, "/");
    write_file("file", "through the link");
    CHECK(read_file("/proc/self/cwd/file", text, sizeof(text)) > 0);
    CHECK_STR(text, "through the link");
    struct stat a, b;
    CHECK_OK(stat("/proc/self/exe", &a));
    CHECK_OK(stat(self_path(), &b));
    CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}
TEST(proc, descriptors_are_listed) {
    write_file("file", "content");
    int fd = open("file", O_RDWR | O_CLOEXEC);
    CHECK_OK(dup2(fd, 77));
    CHECK(lists("/proc/self/fd", "77"));
    close(77);
    CHECK(!lists("/proc/self/fd", "77"));
    char path[64], text[4096] = {}, here[4096], want[4200];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK(readlink(path, text, sizeof(text)) > 0);
    CHECK(getcwd(here, sizeof(here)) != nullptr);
    snprintf(want, sizeof(want), "%s/file", here);
    CHECK_STR(text, want);
    CHECK_OK(unlink("file"));
    memset(text, 0, sizeof(text));
    CHECK(readlink(path, text, sizeof(text)) > 0);
    strcat(want, " (deleted)");
    CHECK_STR(text, want);
    CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    CHECK_EQ(number_field(path, "pos"), 3);
    char flags[32];
    CHECK(field(path, "flags", flags, sizeof(flags)));
    CHECK_EQ(strtol(flags, nullptr, 8), O_RDWR | O_CLOEXEC | 0100000);
    int pipes[2];
    CHECK_OK(pipe(pipes));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[0]);
    memset(text, 0, sizeof(text));
    CHECK(readlink(path, text, sizeof(text)) > 0);
    CHECK(strncmp(text, "pipe:[", 6) == 0);
    struct stat status;
    CHECK_OK(fstat(pipes[1], &status));
    CHECK_EQ(strtoul(text + 6, nullptr, 10), status.st_ino);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", epoll_create1(0));
    memset(text, 0, sizeof(text));
    CHECK(readlink(path, text, sizeof(text)) > 0);
    CHECK_STR(text, "anon_inode:[eventpoll]");
    CHECK_ERRNO(open(path, O_RDONLY), ENXIO);
}
TEST(proc, maps_show_the_memory) {
    char* map =
        static_cast<char*>(mmap(nullptr, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(map + 4096, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    char want[64];
    snprintf(want, sizeof(want), "%lx-%lx rwxp", (long)map + 4096, (long)map + 8192);
    CHECK(read_file("/proc/self/maps", buffer, sizeof(buffer)) > 0);
    CHECK(strstr(buffer, want) != nullptr);
    CHECK(strstr(buffer, "[stack]\n") != nullptr);
    CHECK(strstr(buffer, "[vdso]\n") != nullptr);
    CHECK(strstr(buffer, self_path()) != nullptr);
    munmap(map, 3 * 4096);
    CHECK(read_file("/proc/self/maps", buffer, sizeof(buffer)) > 0);
    CHECK(strstr(buffer, want) == nullptr);
}
TEST(proc, reading_in_small_pieces_is_one_text) {
    CHECK(read_file("/proc/self/limits", buffer, sizeof(buffer)) > 0);
    int fd = open("/proc/self/limits", O_RDONLY);
    static char pieces[8192];
    size_t length = 0;
    for (long count; (count = read(fd, pieces + length, 7)) > 0;)
        length += static_cast<size_t>(count);
    CHECK_EQ(length, strlen(buffer));
    CHECK(memcmp(pieces, buffer, length) == 0);
    char part[16] = {};
    CHECK_EQ(pread(fd, part, 10, 5), 10);
    CHECK(memcmp(part, buffer + 5, 10) == 0);
    CHECK_EQ(pread(fd, part, 10, 1 << 30), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(read(fd, part, 5), 5);
    CHECK(memcmp(part, "Limit", 5) == 0);
    CHECK_ERRNO(write(fd, "x", 1), EBADF);
}
TEST(proc, the_machine) {
    CHECK(read_file("/proc/meminfo", buffer, sizeof(buffer)) > 0);
    const char* const names[] = {
        "MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapTotal:"};
    for (const char* name : names)
        CHECK(strstr(buffer, name) != nullptr);
    CHECK(read_file("/proc/cpuinfo", buffer, sizeof(buffer)) > 0);
    CHECK(strncmp(buffer, "processor\t: 0\n", 14) == 0);
    CHECK(read_file("/proc/stat", buffer, sizeof(buffer)) > 0);
    CHECK(strncmp(buffer, "cpu  ", 5) == 0 && strstr(buffer, "\ncpu0 ") &&
          strstr(buffer, "\nbtime "));
    CHECK(read_file("/proc/version", buffer, sizeof(buffer)) > 0);
    CHECK(strncmp(buffer, "Linux version ", 14) == 0);
    double up, idle;
    CHECK(read_file("/proc/uptime", buffer, sizeof(buffer)) > 0);
    CHECK_EQ(sscanf(buffer, "%lf %lf", &up, &idle), 2);
    double one, five, fifteen;
    int running, all, last;
    CHECK(read_file("/proc/loadavg", buffer, sizeof(buffer)) > 0);
    CHECK_EQ(sscanf(buffer, "%lf %lf %lf %d/%d %d", &one, &five, &fifteen, &running, &all, &last),
             6);
    CHECK(running >= 1 && all >= 1);
    CHECK(read_file("/proc/filesystems", buffer, sizeof(buffer)) > 0);
    CHECK(strstr(buffer, "nodev\tproc\n") && strstr(buffer, "nodev\ttmpfs\n"));
    CHECK(read_file("/proc/mounts", buffer, sizeof(buffer)) > 0);
    CHECK(strstr(buffer, " /proc proc rw") != nullptr);
    CHECK(read_file("/proc/self/mountinfo", buffer, sizeof(buffer)) > 0);
    CHECK(strstr(buffer, " - proc proc ") != nullptr);
}
TEST(proc, system_controls) {
    CHECK(read_file("/proc/sys/kernel/ostype", buffer, sizeof(buffer)) > 0);
    CHECK_STR(buffer, "Linux\n");
    char host[128] = {};
    CHECK_OK(gethostname(host, sizeof(host) - 1));
    strcat(host, "\n");
    CHECK(read_file("/proc/sys/kernel/hostname", buffer, sizeof(buffer)) > 0);
    CHECK_STR(buffer, host);
    char first[64], second[64];
    CHECK_EQ(read_file("/proc/sys/kernel/random/uuid", first, sizeof(first)), 37);
    CHECK_EQ(read_file("/proc/sys/kernel/random/uuid", second, sizeof(second)), 37);
    CHECK(strcmp(first, second) != 0);
    CHECK(first[8] == '-' && first[13] == '-' && first[14] == '4');
    CHECK_EQ(read_file("/proc/sys/kernel/random/boot_id", first, sizeof(first)), 37);
    CHECK_EQ(read_file("/proc/sys/kernel/random/boot_id", second, sizeof(second)), 37);
    CHECK_STR(first, second);
    CHECK(read_file("/proc/sys/fs/nr_open", buffer, sizeof(buffer)) > 0);
    CHECK(atol(buffer) >= 1024);
    CHECK(read_file("/proc/sys/fs/pipe-max-size", buffer, sizeof(buffer)) > 0);
    CHECK_EQ(atol(buffer), 1048576);
}
TEST(proc, names_that_are_not_there) {
    const char* const paths[] = {"/proc/0",
                                 "/proc/01",
                                 "/proc/-1",
                                 "/proc/999999999",
                                 "/proc/99999999999999999999",
                                 "/proc/self/x",
                                 "/proc/self/fd/999",
                                 "/proc/self/fd/x",
                                 "/proc/self/task/1x",
                                 "/proc/self/task/0",
                                 "/proc/nothing"};
    for (const char* path : paths)
        CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
    CHECK_ERRNO(mkdir("/proc/x", 0755), ENOENT);
    CHECK_ERRNO(unlink("/proc/version"), EPERM);
}
TEST(proc, directories_list_processes_and_tasks) {
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", getpid());
    CHECK(lists("/proc", pid));
    CHECK(lists("/proc", "1"));
    CHECK(lists("/proc", "version"));
    CHECK(lists("/proc/self/task", pid));
    CHECK(lists("/proc/self", "status"));
    struct stat status;
    CHECK_OK(stat("/proc/self", &status));
    CHECK(S_ISDIR(status.st_mode));
    CHECK_OK(lstat("/proc/self", &status));
    CHECK(S_ISLNK(status.st_mode));
    CHECK_OK(stat("/proc/version", &status));
    CHECK(S_ISREG(status.st_mode) && status.st_size == 0 && (status.st_mode & 07777) == 0444);
}
TEST(proc, others_may_not_look_inside) {
    if (getuid() != 0) SKIP("not root");
    pid_t target = start([] { pause(); });
    char path[64];
    pid_t child = start([&] {
        become_user();
        snprintf(path, sizeof(path), "/proc/%d/environ", target);
        CHECK_ERRNO(open(path, O_RDONLY), EACCES);
        snprintf(path, sizeof(path), "/proc/%d/fd", target);
        CHECK_ERRNO(open(path, O_RDONLY | O_DIRECTORY), EACCES);
        snprintf(path, sizeof(path), "/proc/%d/exe", target);
        char text[64];
        CHECK_ERRNO(readlink(path, text, sizeof(text)), EACCES);
        snprintf(path, sizeof(path), "/proc/%d/stat", target);
        CHECK(read_file(path, buffer, sizeof(buffer)) > 0);
        // Who gave up root is not dumpable, so what is secret of it belongs to root.
        CHECK_ERRNO(open("/proc/self/environ", O_RDONLY), EACCES);
    });
    CHECK_EXITED(status_of(child), 0);
    kill(target, SIGKILL);
    status_of(target);
}
TEST(proc, mem_reads_and_writes_memory) {
    static volatile int value = 1234;
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t child = start([&] {
        char c;
        close(fds[1]);
        CHECK(read(fds[0], &c, 1) == 0);
        _exit(value == 4321 ? 7 : 8);
    });
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", child);
    int fd = open(path, O_RDWR);
    CHECK_OK(fd);
    int seen = 0, wanted = 4321;
    off_t address = reinterpret_cast<off_t>(&value);
    CHECK_EQ(pread(fd, &seen, sizeof(seen), address), 4);
    CHECK_EQ(seen, 1234);
    CHECK_EQ(pwrite(fd, &wanted, sizeof(wanted), address), 4);
    CHECK_ERRNO(pread(fd, &seen, sizeof(seen), 16), EIO);
    close(fds[1]);
    CHECK_EXITED(status_of(child), 7);
    CHECK_EQ(value, 1234);
}
TEST(pidfd, a_descriptor_can_be_copied) {
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t child = start([&] {
        write_file("file", "of the child");
        CHECK_OK(dup2(open("file", O_RDONLY), 50));
        CHECK_EQ(write(fds[1], "x", 1), 1);
        pause();
    });
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 1);
    int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    CHECK_OK(pidfd);
    int copy = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, 50, 0));
    CHECK_OK(copy);
    char text[32] = {};
    CHECK_EQ(read(copy, text, 31), 12);
    CHECK_STR(text, "of the child");
    CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, 51, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, 50, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fds[0], 50, 0), EBADF);
    kill(child, SIGKILL);
    status_of(child);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, 50, 0), ESRCH);
}
