// SPDX-License-Identifier: MIT
//
// mprotect(2), mremap(2), madvise(2), mincore(2), msync(2), mlock(2).
#include "twin.h"

using namespace twin;

namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

char* map_anonymous(size_t pages, int protection = kReadWrite, int flags = MAP_PRIVATE) {
    void* memory = mmap(nullptr, pages * kPage, protection, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return static_cast<char*>(memory);
}

int file_of(int pages) {
    int fd = open("content", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK_OK(fd);
    CHECK_OK(ftruncate(fd, pages * kPage));
    for (int i = 0; i < pages; i++) {
        char letter = static_cast<char>('a' + i);
        CHECK_EQ(pwrite(fd, &letter, 1, i * kPage), 1);
    }
    return fd;
}

volatile char sink;

int status_of_read(const char* at) {
    return run([=] { sink = *static_cast<const volatile char*>(at); });
}
int status_of_write(char* at) {
    return run([=] { *static_cast<volatile char*>(at) = 1; });
}
int status_of_call(const char* at) {
    return run([=] { reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(at))(); });
}
constexpr char kReturn = static_cast<char>(0xc3);  // ret

}  // namespace

TEST(mprotect, takes_rights_and_gives_them_back) {
    char* at = map_anonymous(3);
    at[kPage] = 5;
    CHECK_OK(mprotect(at + kPage, kPage, PROT_READ));
    CHECK_EQ(at[kPage], 5);
    CHECK_KILLED(status_of_write(at + kPage), SIGSEGV);
    CHECK_OK(mprotect(at + kPage, kPage, PROT_NONE));
    CHECK_KILLED(status_of_read(at + kPage), SIGSEGV);
    CHECK_OK(mprotect(at + kPage, kPage, kReadWrite));
    CHECK_EQ(at[kPage], 5);
    at[kPage] = 6;
    at[0] = at[2 * kPage] = 1;
}
TEST(mprotect, execution_needs_its_right) {
    char* at = map_anonymous(1);
    at[0] = kReturn;
    CHECK_KILLED(status_of_call(at), SIGSEGV);
    CHECK_OK(mprotect(at, kPage, PROT_READ | PROT_EXEC));
    CHECK_EXITED(status_of_call(at), 0);
    CHECK_OK(mprotect(at, kPage, PROT_READ));
    CHECK_KILLED(status_of_call(at), SIGSEGV);
}
TEST(mprotect, errors) {
    char* at = map_anonymous(4);
    CHECK_ERRNO(syscall(SYS_mprotect, at + 1, kPage, PROT_READ), EINVAL);  // musl rounds
    CHECK_ERRNO(mprotect(at, kPage, 0x80), EINVAL);
    CHECK_ERRNO(mprotect(at, kPage, PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
    CHECK_EQ(mprotect(at, 0, PROT_READ), 0);
    CHECK_OK(munmap(at + 2 * kPage, kPage));
    // What comes before the hole is changed.
    CHECK_ERRNO(mprotect(at, 4 * kPage, PROT_READ), ENOMEM);
    CHECK_KILLED(status_of_write(at + kPage), SIGSEGV);
    at[3 * kPage] = 1;
    CHECK_ERRNO(mprotect(kernel_address<char>(), kPage, PROT_READ), ENOMEM);
    CHECK_ERRNO(mprotect(at, ~size_t{0} - 5000, PROT_READ), ENOMEM);
}
TEST(mprotect, shared_pages_written_after_a_fork) {
    // Rights that come back must not let one side write what the other still sees.
    char* at = map_anonymous(1);
    at[0] = 1;
    pid_t child = start([&] {
        CHECK_OK(mprotect(at, kPage, PROT_READ));
        CHECK_OK(mprotect(at, kPage, kReadWrite));
        at[0] = 2;
        sleep_ms(20);
        CHECK_EQ(at[0], 2);
    });
    sleep_ms(10);
    CHECK_OK(mprotect(at, kPage, PROT_NONE));
    CHECK_OK(mprotect(at, kPage, kReadWrite));
    CHECK_EQ(at[0], 1);
    at[0] = 3;
    CHECK_EXITED(status_of(child), 0);
    CHECK_EQ(at[0], 3);
}

TEST(mremap, shrinks_and_grows_in_place) {
    char* at = map_anonymous(8);
    CHECK_OK(munmap(at + 4 * kPage, 4 * kPage));
    memset(at, 4, 4 * kPage);
    CHECK_EQ((long)mremap(at, 4 * kPage, 2 * kPage, 0), (long)at);
    CHECK_KILLED(status_of_read(at + 2 * kPage), SIGSEGV);
    CHECK_EQ((long)mremap(at, 2 * kPage, 6 * kPage, 0), (long)at);
    CHECK_EQ(at[2 * kPage - 1], 4);
    CHECK_EQ(at[2 * kPage], 0);
    CHECK_EQ(at[6 * kPage - 1], 0);
}
TEST(mremap, moves_when_it_may) {
    char* at = map_anonymous(4);
    CHECK_OK(mprotect(at + 3 * kPage, kPage, PROT_READ));
    memset(at, 4, 3 * kPage);
    CHECK_ERRNO((long)mremap(at, 3 * kPage, 5 * kPage, 0), ENOMEM);
    char* moved = static_cast<char*>(mremap(at, 3 * kPage, 5 * kPage, MREMAP_MAYMOVE));
    CHECK(moved != MAP_FAILED && moved != at);
    CHECK_EQ(moved[0], 4);
    CHECK_EQ(moved[3 * kPage - 1], 4);
    CHECK_EQ(moved[3 * kPage], 0);
    CHECK_KILLED(status_of_read(at), SIGSEGV);
    moved[4 * kPage] = 1;
}
TEST(mremap, fixed_target_replaces) {
    char* from = map_anonymous(2);
    char* to = map_anonymous(4);
    memset(from, 1, 2 * kPage);
    memset(to, 2, 4 * kPage);
    CHECK_EQ((long)mremap(from, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, to + kPage), (long)(to + kPage));
    CHECK_EQ(to[0], 2);
    CHECK_EQ(to[kPage], 1);
    CHECK_EQ(to[3 * kPage - 1], 1);
    CHECK_EQ(to[3 * kPage], 2);
    CHECK_KILLED(status_of_read(from), SIGSEGV);
}
TEST(mremap, errors) {
    char* at = map_anonymous(4);
    CHECK_ERRNO((long)mremap(at + 1, kPage, kPage, 0), EINVAL);
    CHECK_ERRNO((long)mremap(at, kPage, 0, 0), EINVAL);
    CHECK_ERRNO((long)mremap(at, kPage, kPage, 0x100), EINVAL);
    CHECK_ERRNO((long)mremap(at, kPage, kPage, MREMAP_FIXED, at + 2 * kPage), EINVAL);
    CHECK_ERRNO((long)mremap(at, 3 * kPage, 3 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, at + kPage), EINVAL);
    CHECK_ERRNO((long)mremap(at, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, at + 2 * kPage + 1), EINVAL);
    CHECK_OK(munmap(at + 2 * kPage, kPage));
    CHECK_ERRNO((long)mremap(at, 4 * kPage, 5 * kPage, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERRNO((long)mremap(at + 2 * kPage, kPage, 2 * kPage, MREMAP_MAYMOVE), EFAULT);
}
TEST(mremap, length_zero_duplicates_shared_memory) {
    char* shared = map_anonymous(2, kReadWrite, MAP_SHARED);
    shared[0] = 1;
    char* again = static_cast<char*>(mremap(shared, 0, 2 * kPage, MREMAP_MAYMOVE));
    CHECK(again != MAP_FAILED && again != shared);
    CHECK_EQ(again[0], 1);
    again[kPage] = 2;
    CHECK_EQ(shared[kPage], 2);
    char* own = map_anonymous(1);
    CHECK_ERRNO((long)mremap(own, 0, kPage, MREMAP_MAYMOVE), EINVAL);
}
TEST(mremap, of_a_file_follows_the_file) {
    int fd = file_of(4);
    char* at = static_cast<char*>(mmap(nullptr, 2 * kPage, kReadWrite, MAP_SHARED, fd, kPage));
    CHECK(at != MAP_FAILED);
    char* moved = static_cast<char*>(mremap(at, 2 * kPage, 3 * kPage, MREMAP_MAYMOVE));
    CHECK(moved != MAP_FAILED);
    CHECK_EQ(moved[0], 'b');
    CHECK_EQ(moved[2 * kPage], 'd');
    char* own = static_cast<char*>(mmap(nullptr, 2 * kPage, kReadWrite, MAP_PRIVATE, fd, 0));
    own[0] = 'X';
    char* target = map_anonymous(2);
    CHECK_EQ((long)mremap(own, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target), (long)target);
    CHECK_EQ(target[0], 'X');
    CHECK_EQ(target[kPage], 'b');
}
TEST(mremap, dontunmap_leaves_an_empty_mapping) {
    char* at = map_anonymous(2);
    memset(at, 3, 2 * kPage);
    constexpr int kDontUnmap = 4;
    char* moved = static_cast<char*>(mremap(at, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | kDontUnmap));
    CHECK(moved != MAP_FAILED && moved != at);
    CHECK_EQ(moved[kPage], 3);
    CHECK_EQ(at[kPage], 0);
    CHECK_ERRNO((long)mremap(at, 2 * kPage, 3 * kPage, MREMAP_MAYMOVE | kDontUnmap), EINVAL);
}

TEST(madvise, dontneed_throws_private_pages_away) {
    char* at = map_anonymous(3);
    memset(at, 1, 3 * kPage);
    CHECK_OK(madvise(at + kPage, kPage, MADV_DONTNEED));
    CHECK_EQ(at[kPage - 1], 1);
    CHECK_EQ(at[kPage], 0);
    CHECK_EQ(at[2 * kPage], 1);
    int fd = file_of(1);
    char* own = static_cast<char*>(mmap(nullptr, kPage, kReadWrite, MAP_PRIVATE, fd, 0));
    own[0] = 'X';
    CHECK_OK(madvise(own, kPage, MADV_DONTNEED));
    CHECK_EQ(own[0], 'a');
    char* shared = static_cast<char*>(mmap(nullptr, kPage, kReadWrite, MAP_SHARED, fd, 0));
    shared[0] = 'Y';
    CHECK_OK(madvise(shared, kPage, MADV_DONTNEED));
    CHECK_EQ(shared[0], 'Y');
}
TEST(madvise, errors) {
    char* at = map_anonymous(4);
    CHECK_ERRNO(madvise(at + 1, kPage, MADV_NORMAL), EINVAL);
    CHECK_ERRNO(madvise(at, kPage, 4711), EINVAL);
    CHECK_EQ(madvise(at, 0, MADV_DONTNEED), 0);
    CHECK_OK(munmap(at + kPage, kPage));
    memset(at + 2 * kPage, 1, kPage);
    // Goes on behind the hole, and says that there was one.
    CHECK_ERRNO(madvise(at, 3 * kPage, MADV_DONTNEED), ENOMEM);
    CHECK_EQ(at[2 * kPage], 0);
    CHECK_ERRNO(madvise(at + kPage, kPage, MADV_WILLNEED), ENOMEM);
    int fd = file_of(1);
    void* file = mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK_ERRNO(madvise(file, kPage, 8 /* MADV_FREE */), EINVAL);
    CHECK_ERRNO(madvise(file, kPage, 18 /* MADV_WIPEONFORK */), EINVAL);
}
TEST(madvise, fork_advice) {
    char* at = map_anonymous(3);
    memset(at, 1, 3 * kPage);
    CHECK_OK(madvise(at, kPage, MADV_DONTFORK));
    CHECK_OK(madvise(at + kPage, kPage, 18 /* MADV_WIPEONFORK */));
    CHECK_KILLED(status_of_read(at), SIGSEGV);
    CHECK_EXITED(run([&] {
                     CHECK_EQ(at[kPage], 0);
                     CHECK_EQ(at[2 * kPage], 1);
                 }),
                 0);
    CHECK_EQ(at[kPage], 1);
    CHECK_OK(madvise(at, kPage, MADV_DOFORK));
    CHECK_OK(madvise(at + kPage, kPage, 19 /* MADV_KEEPONFORK */));
    CHECK_EXITED(run([&] { CHECK_EQ(at[0] + at[kPage], 2); }), 0);
}
TEST(madvise, remove_punches_a_hole_in_the_file) {
    char* shared = map_anonymous(3, kReadWrite, MAP_SHARED);
    memset(shared, 1, 3 * kPage);
    CHECK_OK(madvise(shared + kPage, kPage, MADV_REMOVE));
    CHECK_EQ(shared[kPage - 1], 1);
    CHECK_EQ(shared[kPage], 0);
    CHECK_EQ(shared[2 * kPage], 1);
    CHECK_ERRNO(madvise(map_anonymous(1), kPage, MADV_REMOVE), EINVAL);
}
TEST(madvise, populate) {
    char* at = map_anonymous(4);
    unsigned char resident[4];
    int result = madvise(at, 2 * kPage, 23 /* MADV_POPULATE_WRITE */);
    if (result == -1 && errno == EINVAL) SKIP("no MADV_POPULATE_WRITE (Linux 5.14)");
    CHECK_EQ(result, 0);
    CHECK_OK(mincore(at, 4 * kPage, resident));
    CHECK_EQ(resident[0] & resident[1] & 1, 1);
    CHECK_EQ((resident[2] | resident[3]) & 1, 0);
    CHECK_OK(mprotect(at, kPage, PROT_READ));
    CHECK_ERRNO(madvise(at, kPage, 23), EINVAL);
    CHECK_OK(munmap(at + 3 * kPage, kPage));
    CHECK_ERRNO(madvise(at + 2 * kPage, 2 * kPage, 22 /* MADV_POPULATE_READ */), ENOMEM);
}

TEST(mincore, tells_what_is_there) {
    char* at = map_anonymous(4);
    at[kPage] = 1;
    unsigned char resident[4] = {9, 9, 9, 9};
    CHECK_OK(mincore(at, 3 * kPage + 1, resident));
    CHECK_EQ(resident[0] & 1, 0);
    CHECK_EQ(resident[1] & 1, 1);
    CHECK_EQ(resident[3] & 1, 0);
    CHECK_ERRNO(mincore(at + 1, kPage, resident), EINVAL);
    CHECK_ERRNO(mincore(at, kPage, bad<unsigned char>()), EFAULT);
    CHECK_OK(munmap(at + 2 * kPage, kPage));
    CHECK_ERRNO(mincore(at, 4 * kPage, resident), ENOMEM);
}
TEST(msync, checks_its_arguments) {
    int fd = file_of(2);
    char* at = static_cast<char*>(mmap(nullptr, 2 * kPage, kReadWrite, MAP_SHARED, fd, 0));
    at[5] = 'x';
    CHECK_OK(msync(at, 2 * kPage, MS_SYNC));
    CHECK_OK(msync(at, kPage, MS_ASYNC));
    CHECK_OK(msync(at, kPage, MS_INVALIDATE));
    CHECK_OK(msync(at, 0, MS_SYNC));
    CHECK_ERRNO(msync(at, kPage, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERRNO(msync(at, kPage, 0x40), EINVAL);
    CHECK_ERRNO(msync(at + 1, kPage, MS_SYNC), EINVAL);
    CHECK_OK(munmap(at + kPage, kPage));
    CHECK_ERRNO(msync(at, 2 * kPage, MS_SYNC), ENOMEM);
}
TEST(mlock, locks_and_counts) {
    char* at = map_anonymous(4);
    CHECK_OK(mlock(at + 100, kPage));  // two pages, rounded both ways
    unsigned char resident[4];
    CHECK_OK(mincore(at, 4 * kPage, resident));
    CHECK_EQ(resident[0] & resident[1] & 1, 1);
    CHECK_EQ(resident[2] & 1, 0);
    CHECK_ERRNO(madvise(at, kPage, MADV_DONTNEED), EINVAL);
    CHECK_OK(munlock(at, 4 * kPage));
    CHECK_OK(madvise(at, kPage, MADV_DONTNEED));
    CHECK_OK(munmap(at + 2 * kPage, kPage));
    CHECK_ERRNO(mlock(at, 4 * kPage), ENOMEM);
    CHECK_ERRNO(munlock(at, 4 * kPage), ENOMEM);
    CHECK_ERRNO(mlockall(0), EINVAL);
    CHECK_ERRNO(mlockall(0x80), EINVAL);
    CHECK_OK(munlockall());
}
TEST(mlock, limit_of_ordinary_users) {
    rlimit limit = {2 * kPage, 2 * kPage};
    CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &limit));
    char* at = map_anonymous(4);
    become_user();
    CHECK_OK(mlock(at, 2 * kPage));
    CHECK_ERRNO(mlock(at + 2 * kPage, kPage), ENOMEM);
    CHECK_ERRNO((long)mmap(nullptr, kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0), EAGAIN);
    CHECK_OK(munlock(at, 4 * kPage));
    CHECK_OK(mlock(at + 2 * kPage, 2 * kPage));
    limit.rlim_cur = 0;
    CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &limit));
    CHECK_ERRNO(mlock(at, kPage), EPERM);
}
