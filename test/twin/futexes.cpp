// SPDX-License-Identifier: MIT
//
// futex(2), robust lists, and threads as far as they need them.
#include "twin.h"

#include <linux/futex.h>
#include <pthread.h>

using namespace twin;

namespace {

long futex(void* word, int operation, uint32_t value, const void* timeout = nullptr, void* word2 = nullptr,
           uint32_t value3 = 0) {
    return syscall(SYS_futex, word, operation, value, timeout, word2, value3);
}
uint32_t* shared_words() {
    return (uint32_t*)mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}
struct robust_head {
    void* next;
    long offset;
    void* pending;
};

}  // namespace

TEST(futexes, wait_compares_and_times_out) {
    uint32_t word = 5;
    timespec wait = {0, 20000000}, wrong = {0, -1};
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 4, &wait), EAGAIN);
    const int64_t before = now_ns();
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 5, &wait), ETIMEDOUT);
    CHECK(now_ns() - before >= 20000000);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &wrong), EINVAL);
    CHECK_ERRNO(futex((char*)&word + 1, FUTEX_WAIT, 5, &wait), EINVAL);
    CHECK_ERRNO(futex(bad<uint32_t>() , FUTEX_WAIT, 5, &wait), EFAULT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, bad<void>()), EFAULT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 5, &wait, nullptr, 0), EINVAL);
    CHECK_ERRNO(futex(&word, 77, 5), ENOSYS);
    CHECK_EQ(futex(&word, FUTEX_WAKE, 1), 0);
}
TEST(futexes, absolute_timeouts) {
    uint32_t word = 0;
    timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &moment, nullptr, ~0u), ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &moment);
    moment.tv_nsec += 20000000;
    if (moment.tv_nsec >= 1000000000) moment.tv_nsec -= 1000000000, ++moment.tv_sec;
    const int64_t before = now_ns();
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &moment, nullptr, ~0u), ETIMEDOUT);
    CHECK(now_ns() - before >= 15000000);
}
TEST(futexes, shared_between_processes) {
    uint32_t* words = shared_words();
    pid_t child = start([=] {
        while (futex(words, FUTEX_WAIT, 0) == -1 && errno == EINTR) {}
        words[1] = 1;
    });
    wait_until_asleep(child);
    words[0] = 1;
    CHECK_EQ(futex(words, FUTEX_WAKE, 10), 1);
    CHECK_EXITED(status_of(child), 0);
    CHECK_EQ(words[1], 1);
}
TEST(futexes, private_and_shared_keys_differ) {
    uint32_t* words = shared_words();
    pid_t child = start([=] { _exit(futex(words, FUTEX_WAIT, 0) == 0 ? 0 : 1); });
    wait_until_asleep(child);
    CHECK_EQ(futex(words, FUTEX_WAKE_PRIVATE, 10), 0);
    CHECK_EQ(futex(words, FUTEX_WAKE, 10), 1);
    CHECK_EXITED(status_of(child), 0);
}
TEST(futexes, bitsets_choose) {
    uint32_t* words = shared_words();
    pid_t child = start([=] { _exit(futex(words, FUTEX_WAIT_BITSET, 0, nullptr, nullptr, 2) == 0 ? 0 : 1); });
    wait_until_asleep(child);
    CHECK_EQ(futex(words, FUTEX_WAKE_BITSET, 10, nullptr, nullptr, 1), 0);
    CHECK_EQ(futex(words, FUTEX_WAKE_BITSET, 10, nullptr, nullptr, 3), 1);
    CHECK_EXITED(status_of(child), 0);
}
TEST(futexes, requeue_moves) {
    uint32_t* words = shared_words();
    pid_t children[3];
    for (pid_t& child : children) {
        child = start([=] { _exit(futex(words, FUTEX_WAIT, 0) == 0 ? 0 : 1); });
        wait_until_asleep(child);
    }
    CHECK_ERRNO(futex(words, FUTEX_CMP_REQUEUE, 1, (void*)2, words + 8, 9), EAGAIN);
    CHECK_EQ(futex(words, FUTEX_CMP_REQUEUE, 1, (void*)2, words + 8, 0), 3);
    CHECK_EQ(futex(words, FUTEX_WAKE, 10), 0);
    CHECK_EQ(futex(words + 8, FUTEX_WAKE, 10), 2);
    for (pid_t child : children) CHECK_EXITED(status_of(child), 0);
}
TEST(futexes, wake_operation) {
    uint32_t* words = shared_words();
    words[1] = 10;
    pid_t child = start([=] { _exit(futex(words, FUTEX_WAIT, 0) == 0 ? 0 : 1); });
    wait_until_asleep(child);
    pid_t other = start([=] { _exit(futex(words + 1, FUTEX_WAIT, 10) == 0 ? 0 : 1); });
    wait_until_asleep(other);
    CHECK_EQ(futex(words, FUTEX_WAKE_OP, 1, (void*)1, words + 1, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 11)), 1);
    CHECK_EQ(words[1], 15);
    CHECK_EXITED(status_of(child), 0);
    CHECK_EQ(futex(words, FUTEX_WAKE_OP, 1, (void*)1, words + 1, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_GT, 14)), 1);
    CHECK_EQ(words[1], 1);
    CHECK_EXITED(status_of(other), 0);
}
TEST(futexes, signal_interrupts_and_restarts) {
    static uint32_t* words = shared_words();
    pid_t child = start([] {
        struct sigaction action = {};
        action.sa_handler = [](int) { words[2] = words[2] + 1; };
        sigaction(SIGUSR1, &action, nullptr);
        timespec wait = {50, 0};
        if (futex(words, FUTEX_WAIT, 0, &wait) != -1 || errno != EINTR) _exit(1);
        action.sa_flags = SA_RESTART;
        sigaction(SIGUSR1, &action, nullptr);
        if (futex(words, FUTEX_WAIT, 0) != 0) _exit(2);
    });
    wait_until_asleep(child);
    kill(child, SIGUSR1);
    while (((volatile uint32_t*)words)[2] != 1) sleep_ms(1);
    wait_until_asleep(child);
    kill(child, SIGUSR1);
    while (((volatile uint32_t*)words)[2] != 2) sleep_ms(1);
    wait_until_asleep(child);
    CHECK_EQ(futex(words, FUTEX_WAKE, 1), 1);
    CHECK_EXITED(status_of(child), 0);
}
TEST(futexes, robust_list_marks_dead_owner) {
    struct Lock {
        void* next;
        uint32_t word;
    };
    auto* lock = (Lock*)shared_words();
    pid_t child = start([=] {
        static robust_head head;
        head.offset = __builtin_offsetof(Lock, word);
        head.pending = nullptr;
        head.next = lock;
        lock->next = &head;
        lock->word = (uint32_t)syscall(SYS_gettid);
        CHECK_OK(syscall(SYS_set_robust_list, &head, sizeof(head)));
        CHECK_ERRNO(syscall(SYS_set_robust_list, &head, 12), EINVAL);
        robust_head* got;
        size_t length;
        CHECK_OK(syscall(SYS_get_robust_list, 0, &got, &length));
        CHECK(got == &head);
        CHECK_EQ(length, sizeof(head));
    });
    CHECK_EXITED(status_of(child), 0);
    CHECK_EQ(lock->word, 0x40000000);
}
TEST(futexes, hostile_robust_list_is_harmless) {
    pid_t child = start([] {
        static robust_head head;
        head.next = &head;
        head.next = bad<void>();
        head.offset = 3;
        head.pending = kernel_address<void>();
        syscall(SYS_set_robust_list, &head, sizeof(head));
    });
    CHECK_EXITED(status_of(child), 0);
    child = start([] { syscall(SYS_set_robust_list, bad<void>(), sizeof(robust_head)); });
    CHECK_EXITED(status_of(child), 0);
    child = start([] {  // endless
        static struct { void* next; uint32_t word; } loop;
        static robust_head head;
        loop.next = &loop;
        head.next = &loop;
        head.offset = 8;
        syscall(SYS_set_robust_list, &head, sizeof(head));
    });
    CHECK_EXITED(status_of(child), 0);
}
TEST(futexes, threads_mutexes_and_conditions) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    static int turn, total;
    constexpr int kThreads = 4, kRounds = 200;
    pthread_t threads[kThreads];
    for (long i = 0; i < kThreads; ++i)
        CHECK_EQ(pthread_create(&threads[i], nullptr, [](void* mine) -> void* {
            for (int round = 0; round < kRounds; ++round) {
                pthread_mutex_lock(&mutex);
                while (turn != (int)(long)mine) pthread_cond_wait(&condition, &mutex);
                turn = (turn + 1) % kThreads;
                ++total;
                pthread_cond_broadcast(&condition);
                pthread_mutex_unlock(&mutex);
            }
            return mine;
        }, (void*)i), 0);
    for (long i = 0; i < kThreads; ++i) {
        void* result;
        CHECK_EQ(pthread_join(threads[i], &result), 0);
        CHECK_EQ((long)result, i);
    }
    CHECK_EQ(total, kThreads * kRounds);
}
TEST(futexes, robust_mutex_owner_dead) {
    auto* mutex = (pthread_mutex_t*)shared_words();
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    CHECK_EQ(pthread_mutex_init(mutex, &attributes), 0);
    auto* is_locked = reinterpret_cast<volatile uint32_t*>(mutex + 1);
    pid_t child = start([=] {
        pthread_mutex_lock(mutex);
        *is_locked = 1;
        sleep_ms(50);
        _exit(0);
    });
    while (!*is_locked) sleep_ms(1);
    CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
    CHECK_EQ(pthread_mutex_consistent(mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(mutex), 0);
    CHECK_EXITED(status_of(child), 0);
}
