// SPDX-License-Identifier: MIT
//
// Walks the paths that memory running out opens: each scenario of common calls runs again and again in a child, the first time
// with its first allocation in the kernel failing, then the second, and so on, until a run needs no allocation that has not
// failed once. What must hold: the machine lives, no child hangs, and nothing is left behind. What the calls answer is theirs:
// an error where memory was needed. Needs /proc/gyre/fail_allocation (the debug kernel). Prints TAP.
//   fault_injection [SCENARIO]
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "test/accounting.h"

enum { kMostFailures = 3000, kChildMs = 30000, kPatienceMs = 20000, kRounds = 3, kHeapSlack = 2048, kPageSlack = 96 };
static const char kFolder[] = "/tmp/fault_injection";
static int fail_fd;
static char* self_path;

static void say(const char* number) { (void)!pwrite(fail_fd, number, strlen(number), 0); }

// --- Scenarios. They go on after errors: what follows one is worth a try as well. -------------------------------------

static void files(void) {
    int fd = open("a", O_CREAT | O_RDWR | O_TRUNC, 0600);
    char block[8192] = {1};
    for (int i = 0; i < 4; ++i) (void)!write(fd, block, sizeof(block));
    (void)!pwrite(fd, block, 100, 1 << 20);
    (void)!pread(fd, block, sizeof(block), 4096);
    (void)!ftruncate(fd, 100);
    (void)!fallocate(fd, 0, 0, 65536);
    (void)!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192);
    struct stat status;
    stat("a", &status);
    int copy = open("b", O_CREAT | O_RDWR, 0600);
    lseek(fd, 0, SEEK_SET);
    (void)!sendfile(copy, fd, NULL, 20000);
    (void)!copy_file_range(fd, NULL, copy, NULL, 1000, 0);
    unlink("a"), unlink("b");
    close(fd), close(copy);
}
static void names(void) {
    mkdir("d", 0700), mkdir("d/e", 0700);
    symlink("d/e", "l"), link("d", "x");
    close(open("d/f", O_CREAT | O_RDWR, 0600));
    link("d/f", "d/g");
    rename("d/g", "l/h");
    rename("d/e", "m");
    renameat2(AT_FDCWD, "m", AT_FDCWD, "d", 2 /* RENAME_EXCHANGE */);
    mknod("p", S_IFIFO | 0600, 0);
    char text[4096];
    (void)!readlink("l", text, sizeof(text));
    (void)!realpath("l/..", text);
    (void)!chdir("d");
    (void)!getcwd(text, sizeof(text));
    (void)!chdir(kFolder);
    DIR* folder = opendir(".");
    while (folder && readdir(folder)) {}
    if (folder) closedir(folder);
    chmod("d", 0755), chown("d", 1, 1);
    setxattr("d", "user.x", "abc", 3, 0), listxattr("d", text, sizeof(text)), removexattr("d", "user.x");
    utimensat(AT_FDCWD, "d", NULL, 0);
    const char* const kFiles[] = {"l", "p", "m/f", "d/f", "m/h", "d/h", "m/g", "d/g", "d/e/h", "m/e/h"};
    for (size_t i = 0; i < sizeof(kFiles) / sizeof(kFiles[0]); ++i) unlink(kFiles[i]);
    rmdir("d/e"), rmdir("m/e"), rmdir("d"), rmdir("m");
}
static void pipes(void) {
    int pair[2] = {-1, -1}, other[2] = {-1, -1};
    char block[20000] = {1};
    if (pipe2(pair, O_NONBLOCK) != 0 || pipe2(other, O_NONBLOCK) != 0) return;
    fcntl(pair[1], F_SETPIPE_SZ, 1 << 20);
    for (int i = 0; i < 3; ++i) (void)!write(pair[1], block, sizeof(block));
    (void)!tee(pair[0], other[1], 9000, SPLICE_F_NONBLOCK);
    (void)!splice(pair[0], NULL, other[1], NULL, 5000, SPLICE_F_NONBLOCK);
    struct iovec vector = {block, 6000};
    (void)!vmsplice(pair[1], &vector, 1, SPLICE_F_NONBLOCK);
    (void)!read(other[0], block, sizeof(block));
    struct pollfd polled[20];
    for (int i = 0; i < 20; ++i) polled[i] = (struct pollfd){i % 2 ? pair[0] : other[0], POLLIN, 0};
    poll(polled, 20, 1);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    struct timeval brief = {0, 1000};
    select(pair[0] + 1, &set, NULL, NULL, &brief);
    mkfifo("fifo", 0600);
    int fifo = open("fifo", O_RDWR | O_NONBLOCK);
    (void)!write(fifo, block, 100);
    close(fifo), unlink("fifo");
    close(pair[0]), close(pair[1]), close(other[0]), close(other[1]);
}
static void events(void) {
    int event = eventfd(0, EFD_NONBLOCK), epoll = epoll_create1(0), outer = epoll_create1(0);
    sigset_t signals;
    sigemptyset(&signals), sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_file = signalfd(-1, &signals, SFD_NONBLOCK), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec soon = {{0, 0}, {0, 100000}};
    timerfd_settime(timer, 0, &soon, NULL);
    raise(SIGUSR1);
    const int fds[] = {event, signal_file, timer, epoll};
    for (int i = 0; i < 4; ++i) {
        struct epoll_event wanted = {EPOLLIN | (i % 2 ? EPOLLET : 0), {0}};
        epoll_ctl(i == 3 ? outer : epoll, EPOLL_CTL_ADD, fds[i], &wanted);
    }
    uint64_t one = 1;
    (void)!write(event, &one, 8);
    struct epoll_event got[8];
    epoll_wait(outer, got, 8, 1), epoll_wait(epoll, got, 8, 1);
    struct signalfd_siginfo info;
    (void)!read(signal_file, &info, sizeof(info));
    close(event), close(epoll), close(outer), close(signal_file), close(timer);
}
static void memory(void) {
    char* a = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a != MAP_FAILED) {
        for (int i = 0; i < 64; i += 3) a[i * 4096] = 1;
        mprotect(a + 8 * 4096, 4096, PROT_READ);
        mprotect(a + 16 * 4096, 8 * 4096, PROT_NONE);
        madvise(a + 32 * 4096, 4 * 4096, MADV_DONTNEED);
        munmap(a + 40 * 4096, 4096);
        char* moved = mremap(a, 8 * 4096, 512 * 4096, MREMAP_MAYMOVE);
        if (moved != MAP_FAILED) moved[511 * 4096] = 1, munmap(moved, 512 * 4096);
        mlock(a + 50 * 4096, 4096);
        munmap(a, 64 * 4096);
    }
    int fd = memfd_create("m", MFD_ALLOW_SEALING);
    (void)!ftruncate(fd, 1 << 20);
    for (int flags = 1; flags <= 2; ++flags) {
        char* shared = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags, fd, 0);
        if (shared == MAP_FAILED) continue;
        for (int i = 0; i < 1 << 20; i += 65536) shared[i]++;
        msync(shared, 1 << 20, MS_SYNC);
        munmap(shared, 1 << 20);
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
    close(fd);
    char* end = sbrk(0);
    if (brk(end + 100000) == 0) end[99999] = 1, (void)!brk(end);
}
static void forks(void) {
    char* page = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) page[0] = 1;
    for (int i = 0; i < 2; ++i) {
        pid_t child = fork();
        if (child == 0) {
            if (page != MAP_FAILED) page[4096] = page[0];
            _exit(0);
        }
        if (page != MAP_FAILED) page[0] = 2;
        if (child > 0) waitpid(child, NULL, 0);
    }
    int pidfd = -1;
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
    if (pidfd >= 0) close(pidfd);
    child = (pid_t)syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
}
static void programs(void) {  // the failure may hit in the vfork child's stead; the parent arms itself
    pid_t child = vfork();
    if (child == 0) {
        execl(self_path, self_path, "--nothing", NULL);
        _exit(1);
    }
    if (child > 0) waitpid(child, NULL, 0);
}
static void becomes_program(void) { execl(self_path, self_path, "--nothing", "an argument", NULL); }
static void becomes_script(void) { execl("script", "script", "an argument", NULL); }
static void becomes_interpreted(void) { execl("/proc/self/exe", "x", "--nothing", NULL); }
static void* thread_body(void* p) {
    struct timespec brief = {0, 100000};
    nanosleep(&brief, NULL);
    return p;
}
static void threads(void) {
    pthread_t made[3];
    int is_made[3];
    for (int i = 0; i < 3; ++i) is_made[i] = pthread_create(&made[i], NULL, thread_body, NULL) == 0;
    for (int i = 0; i < 3; ++i)
        if (is_made[i]) pthread_join(made[i], NULL);
    int word = 0;
    struct timespec brief = {0, 100000};
    syscall(SYS_futex, &word, FUTEX_WAIT, 0, &brief, NULL, 0);
    syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, &brief, NULL, 0);
}
static void exec_with_threads(void) {
    pthread_t made;
    if (pthread_create(&made, NULL, thread_body, NULL) == 0) pthread_detach(made);
    becomes_program();
}
static void handler(int number) { (void)number; }
static void signals(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL), sigaction(SIGRTMIN, &action, NULL), sigaction(SIGALRM, &action, NULL);
    kill(getpid(), SIGUSR1);
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    union sigval value = {.sival_int = 7};
    for (int i = 0; i < 5; ++i) sigqueue(getpid(), SIGRTMIN, value);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
        struct itimerspec soon = {{0, 0}, {0, 100000}};
        timer_settime(timer, 0, &soon, NULL);
        usleep(300);
        timer_delete(timer);
    }
    ualarm(100, 0);
    usleep(300);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}
static void terminals(void) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), zero = 0, number = -1;
    ioctl(master, TIOCSPTLCK, &zero), ioctl(master, TIOCGPTN, &number);
    char name[40];
    snprintf(name, sizeof(name), "/dev/pts/%d", number);
    setsid();
    int slave = open(name, O_RDWR | O_NONBLOCK);
    ioctl(slave, TIOCSCTTY, 0);
    (void)!write(master, "hello\n", 6);
    char text[100];
    (void)!read(slave, text, sizeof(text));
    (void)!write(slave, "answer\n", 7);
    int tty = open("/dev/tty", O_RDWR | O_NONBLOCK);
    ioctl(tty, TIOCNOTTY);
    close(tty), close(slave), close(master);
}
static void mounts(void) {
    mkdir("mnt", 0700);
    if (mount("x", "mnt", "tmpfs", 0, "size=1m") == 0) {
        close(open("mnt/file", O_CREAT | O_RDWR, 0600));
        mkdir("mnt/sub", 0700);
        if (mount("mnt", "mnt/sub", NULL, MS_BIND, NULL) == 0) umount2("mnt/sub", 0);
        umount2("mnt", MNT_DETACH);
    }
    if (unshare(CLONE_NEWNS) == 0) umount2("mnt", MNT_DETACH);
    unshare(CLONE_FILES), unshare(CLONE_FS);
    rmdir("mnt");
}
static void locks(void) {
    int fd = open("lock", O_CREAT | O_RDWR, 0600), second = open("lock", O_RDWR);
    flock(fd, LOCK_EX), flock(second, LOCK_EX | LOCK_NB);
    for (int i = 0; i < 4; ++i) {
        struct flock range = {.l_type = i % 2 ? F_RDLCK : F_WRLCK, .l_start = i * 10, .l_len = 5};
        fcntl(fd, F_SETLK, &range);
        range.l_pid = 0;
        fcntl(second, 37 /* F_OFD_SETLK */, &range);
        range.l_pid = 0;
    }
    struct flock hole = {.l_type = F_UNLCK, .l_start = 1, .l_len = 30};
    fcntl(fd, F_SETLK, &hole);
    close(fd), close(second);
    unlink("lock");
}
static void descriptors(void) {
    int fd = open("/dev/null", O_RDWR);
    for (int i = 1; i < 10; ++i) dup2(fd, i * 90);
    fcntl(fd, F_DUPFD, 500);
    syscall(SYS_close_range, 80, 700, 0);
    syscall(SYS_close_range, 700, ~0u, 2 /* CLOSE_RANGE_UNSHARE */);
}
static void proc_files(void) {
    static const char* const kNames[] = {"/proc/self/maps", "/proc/self/status", "/proc/self/stat", "/proc/meminfo",
        "/proc/mounts", "/proc/self/fdinfo/0", "/proc/self/cmdline", "/proc/self/environ", "/proc/stat",
        "/proc/self/task/self", "/proc/self/mountinfo", "/proc/sys/kernel/random/uuid"};
    char text[1024];
    for (size_t i = 0; i < sizeof(kNames) / sizeof(kNames[0]); ++i) {
        int fd = open(kNames[i], O_RDONLY);
        while (fd >= 0 && read(fd, text, sizeof(text)) > 0) {}
        close(fd);
    }
    DIR* folder = opendir("/proc/self/fd");
    while (folder && readdir(folder)) {}
    if (folder) closedir(folder);
    int fd = open("/proc/self/mem", O_RDWR);
    (void)!pread(fd, text, 100, (off_t)(uintptr_t)text);
    close(fd);
}
static void identity(void) {
    gid_t groups[50];
    for (int i = 0; i < 50; ++i) groups[i] = (gid_t)i;
    syscall(SYS_setgroups, 50, groups);
    prctl(PR_SET_NAME, "injected");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sethostname("injected", 8);
    umask(077), setpgid(0, 0), setpriority(PRIO_PROCESS, 0, 5);
    if (setresgid(5, 6, 7) == 0) (void)!setresuid(5, 6, 7);
}

static const struct {
    const char* name;
    void (*run)(void);
} kScenarios[] = {{"files", files}, {"names", names}, {"pipes", pipes}, {"events", events}, {"memory", memory},
                  {"forks", forks}, {"programs", programs}, {"becomes_program", becomes_program},
                  {"becomes_script", becomes_script}, {"becomes_interpreted", becomes_interpreted}, {"threads", threads},
                  {"exec_with_threads", exec_with_threads}, {"signals", signals}, {"terminals", terminals}, {"mounts", mounts},
                  {"locks", locks}, {"descriptors", descriptors}, {"proc_files", proc_files}, {"identity", identity}};
enum { kScenarioCount = sizeof(kScenarios) / sizeof(kScenarios[0]) };

// --- The frame ---------------------------------------------------------------------------------------------------------

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long failures(void) {
    char text[32] = {0};
    return pread(fail_fd, text, sizeof(text) - 1, 0) > 0 ? atol(text) : -1;
}

// Runs the scenario with its n-th allocation failing. 0: it ended, 1: it hung. An exec disarms with "--nothing".
static int run_once(void (*scenario)(void), int nth) {
    pid_t child = fork();
    if (child == 0) {
        char text[16];
        snprintf(text, sizeof(text), "%d", nth);
        say(text);
        scenario();
        say("0");
        _exit(0);
    }
    if (child < 0) return 1;
    int64_t deadline = now_ms() + kChildMs;
    int status;
    while (waitpid(child, &status, WNOHANG) != child) {
        if (now_ms() > deadline) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return 1;
        }
        usleep(500);
    }
    say("0");
    // What the child could not take down because memory had run out.
    while (umount2("mnt", MNT_DETACH) == 0) {}
    rmdir("mnt");
    return 0;
}

// Caches of each CPU breathe; what a path loses grows with the rounds.
static const AccountingSlack kSlack = {.objects = 0, .pages = kPageSlack, .heap_bytes = kHeapSlack};

int main(int argc, char** argv) {
    if (argc > 1 && strcmp(argv[1], "--nothing") == 0) return 0;
    self_path = realpath(argv[0], NULL);
    fail_fd = open("/proc/gyre/fail_allocation", O_RDWR | O_CLOEXEC);
    printf("TAP version 13\n");
    if (fail_fd < 0 || !self_path) {
        printf("1..1\nnot ok 1 - needs the debug kernel's /proc/gyre/fail_allocation\n");
        return 1;
    }
    mkdir(kFolder, 0700);
    if (mount("tmpfs", kFolder, "tmpfs", 0, "mode=0700") != 0 || chdir(kFolder) != 0) return 1;
    mkdir("/dev/pts", 0755), mount("devpts", "/dev/pts", "devpts", 0, "");
    int script = open("script", O_CREAT | O_WRONLY, 0700);
    dprintf(script, "#!%s --nothing\n", self_path);
    close(script);
    if (argc < 2) printf("1..%d\n", kScenarioCount + 1);
    fflush(stdout);
    int number = 0;
    long all_failures = 0;
    for (int i = 0; i < kScenarioCount; ++i) {
        if (argc > 1 && strcmp(argv[1], kScenarios[i].name) != 0) continue;
        Accounting before, after;
        int nth = 1, hung = 0;
        long begun = failures();
        for (int round = 0; round < kRounds && !hung; ++round) {
            // The first round fills the caches; what the others lose is lost.
            if (round == 1) usleep(300000), accounting_read(&before);
            long seen = failures();
            for (nth = 1; nth < kMostFailures && !hung; ++nth) {
                hung = run_once(kScenarios[i].run, nth);
                const long now = failures();
                if (now == seen) break;
                seen = now;
            }
        }
        const long failed = failures() - begun;
        all_failures += failed;
        const int has_leaked = !hung && !accounting_comes_back(&before, &after, kSlack, kPatienceMs);
        printf("%s %d - %s: %ld allocations failed, one at a time\n", hung || has_leaked ? "not ok" : "ok", ++number,
               kScenarios[i].name, failed);
        if (hung) printf("# it hung when allocation %d failed\n", nth - 1);
        if (has_leaked) accounting_print(stdout, &before, &after);
        fflush(stdout);
    }
    printf("%s %d - failures were injected at all\n", all_failures > 100 || argc > 1 ? "ok" : "not ok", ++number);
    if (argc > 1) printf("1..%d\n", number);
    return 0;
}
