// SPDX-License-Identifier: MIT
//
// Faults as programs see them: the stack's growth, signals with addresses, calls given bad memory, threads that fault
// together, what /proc says of memory.
#include "twin.h"

#include <pthread.h>
#include <setjmp.h>

using namespace twin;

namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

char* map_anonymous(size_t pages, int protection = kReadWrite, int flags = MAP_PRIVATE) {
    void* memory = mmap(nullptr, pages * kPage, protection, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return static_cast<char*>(memory);
}

sigjmp_buf back;
volatile int caught_signal, caught_code;
void* volatile caught_address;

void on_fault(int signal, siginfo_t* info, void*) {
    caught_signal = signal;
    caught_code = info->si_code;
    caught_address = info->si_addr;
    siglongjmp(back, 1);
}

void catch_faults() {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    CHECK_OK(sigaction(SIGSEGV, &action, nullptr));
    CHECK_OK(sigaction(SIGBUS, &action, nullptr));
}

// Touches the byte; what the handler saw is in the variables above, 0 when nothing happened.
void touch(volatile char* at, bool is_write) {
    caught_signal = 0;
    caught_code = 0;
    caught_address = nullptr;
    if (sigsetjmp(back, 1)) return;
    if (is_write)
        *at = 1;
    else
        (void)*at;
}

__attribute__((noinline)) int recurse(int depth) {
    volatile char room[4000];
    room[0] = static_cast<char>(depth);
    asm volatile("" : : "r"(room) : "memory");  // a real frame, whatever the compiler knows
    return depth == 0 ? 0 : recurse(depth - 1) + (room[0] == static_cast<char>(depth));
}

// The value of a line "Name:   123 kB" of a file in /proc.
long status_value(const char* path, const char* name) {
    char text[8192];
    CHECK(read_file(path, text, sizeof text) > 0);
    const char* line = strstr(text, name);
    CHECK(line != nullptr);
    return strtol(line + strlen(name), nullptr, 10);
}

}  // namespace

TEST(faults, signal_tells_address_and_reason) {
    catch_faults();
    char* at = map_anonymous(3, PROT_READ);
    touch(at + 123, false);
    CHECK_EQ(caught_signal, 0);
    touch(at + 123, true);
    CHECK_EQ(caught_signal, SIGSEGV);
    CHECK_EQ(caught_code, SEGV_ACCERR);
    CHECK_EQ((long)caught_address, (long)(at + 123));
    CHECK_OK(munmap(at + kPage, kPage));
    touch(at + kPage + 7, false);
    CHECK_EQ(caught_code, SEGV_MAPERR);
    CHECK_EQ((long)caught_address, (long)(at + kPage + 7));
    touch(bad<char>(), false);
    CHECK_EQ(caught_code, SEGV_MAPERR);
    int fd = open("empty", O_RDWR | O_CREAT, 0600);
    char* past = static_cast<char*>(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0));
    touch(past + 9, false);
    CHECK_EQ(caught_signal, SIGBUS);
    CHECK_EQ(caught_code, BUS_ADRERR);
    CHECK_EQ((long)caught_address, (long)(past + 9));
}
TEST(faults, kernel_addresses_are_no_ones) {
    catch_faults();
    touch(kernel_address<char>(), false);
    CHECK_EQ(caught_signal, SIGSEGV);
    touch(reinterpret_cast<char*>(0xffffffff80100000UL), true);
    CHECK_EQ(caught_signal, SIGSEGV);
    // Not canonical: a general-protection fault, which has no address.
    touch(reinterpret_cast<char*>(0x1234567800000000UL), false);
    CHECK_EQ(caught_signal, SIGSEGV);
    CHECK_EQ(caught_code, SI_KERNEL);
    CHECK_EQ((long)caught_address, 0);
}
TEST(faults, stack_grows_up_to_its_limit) {
    CHECK_EQ(recurse(1000), 1000);  // 4 MiB
    rlimit limit = {1 << 20, RLIM_INFINITY};
    CHECK_OK(setrlimit(RLIMIT_STACK, &limit));
    CHECK_KILLED(run([] { _exit(recurse(4000) & 1); }), SIGSEGV);
}
TEST(faults, mapped_stack_grows_down) {
    // Room below is freed, so that only growing can make it usable.
    char* room = map_anonymous(400);
    CHECK_OK(munmap(room, 400 * kPage));
    char* top = static_cast<char*>(mmap(room + 396 * kPage, 4 * kPage, kReadWrite,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
    CHECK(top != MAP_FAILED);
    top[-1] = 1;
    top[-3 * kPage] = 2;
    CHECK_EQ(top[-1], 1);
}
TEST(faults, calls_answer_efault) {
    char* at = map_anonymous(2);
    CHECK_OK(munmap(at + kPage, kPage));
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    memset(at, 'x', kPage);
    // As much as can be read is written.
    CHECK_EQ(write(fd, at + kPage - 100, 200), 100);
    CHECK_ERRNO(write(fd, at + kPage, 10), EFAULT);
    CHECK_ERRNO(write(fd, bad<char>(), 10), EFAULT);
    CHECK_OK(lseek(fd, 0, SEEK_SET));
    CHECK_ERRNO(read(fd, at + kPage, 10), EFAULT);
    CHECK_OK(mprotect(at, kPage, PROT_READ));
    CHECK_ERRNO(read(fd, at, 10), EFAULT);
    CHECK_ERRNO(read(fd, kernel_address<char>(), 10), EFAULT);
    CHECK_ERRNO(open(at + kPage, O_RDONLY), EFAULT);
    CHECK_ERRNO(open(kernel_address<char>(), O_RDONLY), EFAULT);
    CHECK_EQ(at[kPage - 1], 'x');
}
TEST(faults, path_may_end_at_the_last_byte_of_a_page) {
    char* at = map_anonymous(2);
    CHECK_OK(munmap(at + kPage, kPage));
    for (int length = 1; length < 20; length++) {
        char* path = at + kPage - length - 1;
        memset(path, 'n', length);
        path[length] = 0;
        int fd = open(path, O_RDWR | O_CREAT, 0600);
        CHECK_OK(fd);
        close(fd);
        CHECK_OK(unlink(path));
    }
    memset(at, 'n', kPage);
    CHECK_ERRNO(open(at + kPage - 20, O_RDONLY), EFAULT);
}
TEST(faults, reading_into_untouched_memory) {
    int fd = open("/dev/zero", O_RDONLY);
    char* at = map_anonymous(64);
    CHECK_EQ(read(fd, at + 100, 60 * kPage), 60 * kPage);
    int ends[2];
    CHECK_OK(pipe(ends));
    CHECK_EQ(write(ends[1], at + 61 * kPage, 3 * kPage), 3 * kPage);
    char* fresh = map_anonymous(4);
    CHECK_EQ(read(ends[0], fresh + 5, 3 * kPage), 3 * kPage);
}
TEST(faults, threads_touch_the_same_fresh_pages) {
    struct Work {
        char* at;
        pthread_barrier_t barrier;
    } work;
    constexpr int kThreads = 4, kPages = 200;
    for (int round = 0; round < 5; round++) {
        work.at = map_anonymous(kPages);
        CHECK_EQ(pthread_barrier_init(&work.barrier, nullptr, kThreads), 0);
        pthread_t threads[kThreads];
        for (pthread_t& thread : threads)
            CHECK_EQ(pthread_create(
                         &thread, nullptr,
                         [](void* argument) -> void* {
                             auto* shared = static_cast<Work*>(argument);
                             pthread_barrier_wait(&shared->barrier);
                             for (int i = 0; i < kPages; i++) __atomic_fetch_add(shared->at + i * kPage, 1, __ATOMIC_SEQ_CST);
                             return nullptr;
                         },
                         &work),
                     0);
        for (pthread_t& thread : threads) CHECK_EQ(pthread_join(thread, nullptr), 0);
        for (int i = 0; i < kPages; i++) CHECK_EQ(work.at[i * kPage], kThreads);
        CHECK_OK(munmap(work.at, kPages * kPage));
    }
}
TEST(faults, fork_while_threads_write) {
    static volatile bool is_over;
    static volatile long* counters;
    counters = reinterpret_cast<long*>(map_anonymous(64));
    pthread_t writer;
    CHECK_EQ(pthread_create(
                 &writer, nullptr,
                 [](void*) -> void* {
                     // Equal in all pages but for the one that is being written: what a child sees must be that.
                     for (long n = 1; !is_over; n++)
                         for (int i = 0; i < 64; i++) counters[i * (kPage / 8)] = n;
                     return nullptr;
                 },
                 nullptr),
             0);
    for (int i = 0; i < 20; i++) {
        CHECK_EXITED(run([] {
                         for (int turn = 0; turn < 3; turn++) {
                             long first = counters[0], last = counters[63 * (kPage / 8)];
                             if (first != last && first != last + 1) _exit(1);
                             for (int k = 1; k < 64; k++) {
                                 long here = counters[k * (kPage / 8)];
                                 if (here != first && here != last) _exit(2);
                             }
                         }
                     }),
                     0);
    }
    is_over = true;
    CHECK_EQ(pthread_join(writer, nullptr), 0);
}
TEST(faults, unmapping_beside_running_threads) {
    static char* volatile target;
    static volatile bool is_over;
    pthread_t reader;
    target = map_anonymous(1);
    CHECK_EQ(pthread_create(
                 &reader, nullptr,
                 [](void*) -> void* {
                     long sum = 0;
                     while (!is_over) {
                         char* at = target;
                         sum += *static_cast<volatile char*>(at);
                     }
                     return reinterpret_cast<void*>(sum);
                 },
                 nullptr),
             0);
    // The page under the reader is replaced again and again; it must never see anything but zeroes of its own.
    for (int i = 0; i < 50; i++) {
        char* other = map_anonymous(1);
        memset(other, 1, kPage);
        void* again = mmap(target, kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        CHECK_EQ((long)again, (long)target);
        CHECK_OK(munmap(other, kPage));
    }
    is_over = true;
    void* sum = nullptr;
    CHECK_EQ(pthread_join(reader, &sum), 0);
    CHECK_EQ((long)sum, 0);
}
TEST(faults, proc_maps_shows_what_was_mapped) {
    char* at = map_anonymous(3, PROT_READ);
    CHECK_OK(mprotect(at + kPage, kPage, PROT_READ | PROT_EXEC));
    int fd = open("mapped-file", O_RDWR | O_CREAT, 0600);
    CHECK_OK(ftruncate(fd, 3 * kPage));
    void* file = mmap(nullptr, 2 * kPage, kReadWrite, MAP_SHARED, fd, kPage);
    CHECK(file != MAP_FAILED);
    static char text[65536];
    CHECK(read_file("/proc/self/maps", text, sizeof text) > 0);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "%lx-%lx r-xp 00000000 00:00 0", (long)(at + kPage), (long)(at + 2 * kPage));
    CHECK(strstr(text, wanted) != nullptr);
    snprintf(wanted, sizeof wanted, "%lx-%lx rw-s 00001000 ", (long)file, (long)file + 2 * kPage);
    const char* line = strstr(text, wanted);
    CHECK(line != nullptr);
    const char* end = strchr(line, '\n');
    CHECK(end != nullptr && memcmp(end - 12, "/mapped-file", 12) == 0);
    CHECK(strstr(text, "[stack]") != nullptr);
}
TEST(faults, resident_memory_is_counted) {
    long before = status_value("/proc/self/status", "VmRSS:");
    char* at = map_anonymous(1000);
    CHECK(status_value("/proc/self/status", "VmRSS:") < before + 1000);
    for (int i = 0; i < 1000; i++) at[i * kPage] = 1;
    CHECK(status_value("/proc/self/status", "VmRSS:") >= before + 3900);
    CHECK_OK(munmap(at, 1000 * kPage));
    CHECK(status_value("/proc/self/status", "VmRSS:") < before + 1000);
    CHECK(status_value("/proc/self/status", "VmHWM:") >= before + 3900);
}
