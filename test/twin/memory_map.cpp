// SPDX-License-Identifier: MIT
//
// mmap(2), munmap(2), brk(2): placing, errors, private and shared, anonymous and file.
#include "twin.h"

using namespace twin;

namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

char* map_anonymous(size_t pages, int protection = kReadWrite, int flags = MAP_PRIVATE) {
    void* memory = mmap(nullptr, pages * kPage, protection, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return static_cast<char*>(memory);
}

// A file of `pages` pages, each full of its own letter: a, b, c...
int letters(int pages, int flags = O_RDWR) {
    int fd = open("letters", O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK_OK(fd);
    char page[kPage];
    for (int i = 0; i < pages; i++) {
        memset(page, 'a' + i, sizeof page);
        CHECK_EQ(write(fd, page, sizeof page), kPage);
    }
    close(fd);
    fd = open("letters", flags);
    CHECK_OK(fd);
    return fd;
}

volatile char sink;

// The status of a child that reads (or writes) the byte.
int status_of_read(const char* at) {
    return run([=] { sink = *static_cast<const volatile char*>(at); });
}
int status_of_write(char* at) {
    return run([=] { *static_cast<volatile char*>(at) = 1; });
}

}  // namespace

TEST(memory, anonymous_memory_is_zero) {
    char* at = map_anonymous(8);
    for (long i = 0; i < 8 * kPage; i++) CHECK_EQ(at[i], 0);
    for (int i = 0; i < 8; i++) at[i * kPage] = static_cast<char>(i);
    for (int i = 0; i < 8; i++) CHECK_EQ(at[i * kPage], i);
    CHECK_EQ(munmap(at, 8 * kPage), 0);
}
TEST(memory, mmap_errors_in_order) {
    auto map = [](size_t length, int flags, int fd, off_t offset) {
        return syscall(SYS_mmap, nullptr, length, PROT_READ, flags, fd, offset);
    };
    CHECK_ERRNO(map(0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO(map(kPage, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO(map(kPage, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERRNO(map(0, MAP_PRIVATE, 999, 0), EBADF);
    CHECK_ERRNO(map(kPage, MAP_PRIVATE, 999, 1), EINVAL);
    CHECK_ERRNO(map(kPage, MAP_PRIVATE | MAP_ANONYMOUS, -1, 100), EINVAL);
    CHECK_ERRNO(map(~size_t{0}, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    CHECK_ERRNO(map(size_t{1} << 47, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    int fd = letters(1);
    CHECK_ERRNO(map(0, MAP_PRIVATE, fd, 0), EINVAL);
    CHECK_ERRNO(map(kPage, 0, fd, 0), EINVAL);
    CHECK_ERRNO(map(4 * kPage, MAP_PRIVATE, fd, (off_t)(~0UL << 12)), EOVERFLOW);
}
TEST(memory, shared_validate_refuses_flags_it_does_not_know) {
    int fd = letters(1);
    CHECK_ERRNO((long)mmap(nullptr, kPage, PROT_READ, MAP_SHARED_VALIDATE | (1 << 27), fd, 0), EOPNOTSUPP);
    CHECK(mmap(nullptr, kPage, PROT_READ, MAP_SHARED_VALIDATE, fd, 0) != MAP_FAILED);
    CHECK(mmap(nullptr, kPage, PROT_READ, MAP_SHARED | (1 << 27), fd, 0) != MAP_FAILED);
}
TEST(memory, mmap_obeys_how_the_file_was_opened) {
    int reader = letters(1, O_RDONLY);
    CHECK_ERRNO((long)mmap(nullptr, kPage, kReadWrite, MAP_SHARED, reader, 0), EACCES);
    char* shared = static_cast<char*>(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, reader, 0));
    CHECK(shared != MAP_FAILED);
    CHECK_ERRNO(mprotect(shared, kPage, kReadWrite), EACCES);
    char* own = static_cast<char*>(mmap(nullptr, kPage, kReadWrite, MAP_PRIVATE, reader, 0));
    CHECK(own != MAP_FAILED);
    own[0] = 'x';
    CHECK_EQ(shared[0], 'a');
    int writer = letters(1, O_WRONLY);
    CHECK_ERRNO((long)mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, writer, 0), EACCES);
    CHECK_ERRNO((long)mmap(nullptr, kPage, PROT_WRITE, MAP_SHARED, writer, 0), EACCES);
    int path = open("letters", O_PATH);
    CHECK_ERRNO((long)mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, path, 0), EBADF);
    int directory = open(".", O_RDONLY);
    CHECK_ERRNO((long)mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, directory, 0), ENODEV);
    int ends[2];
    CHECK_OK(pipe(ends));
    CHECK_ERRNO((long)mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
}
TEST(memory, fixed_mapping_replaces_what_was_there) {
    char* at = map_anonymous(4);
    memset(at, 7, 4 * kPage);
    void* again = mmap(at + kPage, 2 * kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK_EQ((long)again, (long)(at + kPage));
    CHECK_EQ(at[0], 7);
    CHECK_EQ(at[kPage], 0);
    CHECK_EQ(at[3 * kPage - 1], 0);
    CHECK_EQ(at[3 * kPage], 7);
    CHECK_ERRNO((long)mmap(at + 1, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    CHECK_ERRNO((long)mmap(kernel_address<char>(), kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                ENOMEM);
}
TEST(memory, fixed_noreplace_refuses_and_hints_move) {
    char* at = map_anonymous(4);
    CHECK_EQ(munmap(at + 2 * kPage, 2 * kPage), 0);
    constexpr int kNoReplace = 0x100000;  // MAP_FIXED_NOREPLACE
    CHECK_ERRNO((long)mmap(at + kPage, 2 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | kNoReplace, -1, 0), EEXIST);
    CHECK_EQ((long)mmap(at + 2 * kPage, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | kNoReplace, -1, 0),
             (long)(at + 2 * kPage));
    // A free hint is taken, one that is in use is not.
    CHECK_EQ((long)mmap(at + 3 * kPage, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), (long)(at + 3 * kPage));
    void* moved = mmap(at, kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(moved != MAP_FAILED && moved != at);
}
TEST(memory, low_mappings_are_low) {
    void* low = mmap(nullptr, 16 * kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    CHECK(low != MAP_FAILED);
    CHECK((uintptr_t)low + 16 * kPage <= 0x80000000UL);
}
TEST(memory, munmap_makes_holes_and_forgives_them) {
    char* at = map_anonymous(5);
    CHECK_EQ(munmap(at + kPage, kPage), 0);
    CHECK_EQ(munmap(at + 3 * kPage, 1), 0);
    CHECK_KILLED(status_of_read(at + kPage), SIGSEGV);
    CHECK_KILLED(status_of_read(at + 3 * kPage + 100), SIGSEGV);
    at[0] = at[2 * kPage] = at[4 * kPage] = 1;
    CHECK_EQ(munmap(at, 5 * kPage), 0);
    CHECK_EQ(munmap(at, 5 * kPage), 0);
    CHECK_ERRNO(munmap(at, 0), EINVAL);
    CHECK_ERRNO(munmap(at + 1, kPage), EINVAL);
    CHECK_ERRNO(munmap(at, ~size_t{0} - 100), EINVAL);
    CHECK_ERRNO(munmap(kernel_address<char>(), kPage), EINVAL);
}
TEST(memory, private_file_mapping_keeps_its_writes) {
    int fd = letters(3);
    char* own = static_cast<char*>(mmap(nullptr, 3 * kPage, kReadWrite, MAP_PRIVATE, fd, 0));
    CHECK(own != MAP_FAILED);
    CHECK_EQ(own[0], 'a');
    CHECK_EQ(own[2 * kPage + 5], 'c');
    own[0] = 'x';
    char c = 0;
    CHECK_EQ(pread(fd, &c, 1, 0), 1);
    CHECK_EQ(c, 'a');
    CHECK_EQ(pwrite(fd, "YZ", 2, 1), 2);
    CHECK_EQ(own[1], 'a');  // this page is a copy already
    CHECK_EQ(own[0], 'x');
}
TEST(memory, shared_file_mapping_is_the_file) {
    int fd = letters(2);
    char* one = static_cast<char*>(mmap(nullptr, 2 * kPage, kReadWrite, MAP_SHARED, fd, 0));
    char* two = static_cast<char*>(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, kPage));
    CHECK(one != MAP_FAILED && two != MAP_FAILED);
    one[kPage + 3] = 'x';
    CHECK_EQ(two[3], 'x');
    char c = 0;
    CHECK_EQ(pread(fd, &c, 1, kPage + 3), 1);
    CHECK_EQ(c, 'x');
    CHECK_EQ(pwrite(fd, "q", 1, 10), 1);
    CHECK_EQ(one[10], 'q');
    CHECK_EXITED(run([&] { one[20] = 'w'; }), 0);
    CHECK_EQ(one[20], 'w');
    close(fd);
    CHECK_EQ(munmap(one, kPage), 0);
    CHECK_EQ(one[kPage + 3], 'x');
}
TEST(memory, mapping_outlives_descriptor_and_name) {
    int fd = letters(1);
    char* at = static_cast<char*>(mmap(nullptr, kPage, kReadWrite, MAP_SHARED, fd, 0));
    close(fd);
    CHECK_OK(unlink("letters"));
    CHECK_EQ(at[100], 'a');
    at[100] = 'b';
    CHECK_EQ(at[100], 'b');
}
TEST(memory, bytes_after_the_end_of_a_file_are_zero_then_sigbus) {
    int fd = letters(1);
    CHECK_OK(ftruncate(fd, kPage + 10));
    char* at = static_cast<char*>(mmap(nullptr, 3 * kPage, kReadWrite, MAP_SHARED, fd, 0));
    CHECK(at != MAP_FAILED);
    CHECK_EQ(at[kPage + 9], 0);
    CHECK_EQ(at[kPage + 4000], 0);
    CHECK_KILLED(status_of_read(at + 2 * kPage), SIGBUS);
    CHECK_KILLED(status_of_write(at + 2 * kPage), SIGBUS);
    CHECK_OK(ftruncate(fd, 3 * kPage));
    CHECK_EQ(at[2 * kPage], 0);
    CHECK_OK(ftruncate(fd, 100));
    CHECK_EQ(at[50], 'a');
    CHECK_EQ(at[100], 0);
    CHECK_EQ(at[4000], 0);
    CHECK_KILLED(status_of_read(at + kPage), SIGBUS);
    // A call that would fault there answers EFAULT.
    CHECK_ERRNO(write(fd, at + kPage, 10), EFAULT);
}
TEST(memory, shared_anonymous_memory_is_shared_with_children) {
    int* shared = reinterpret_cast<int*>(map_anonymous(2, kReadWrite, MAP_SHARED));
    int* own = reinterpret_cast<int*>(map_anonymous(1));
    shared[0] = own[0] = 1;
    CHECK_EXITED(run([&] {
                     CHECK_EQ(shared[0], 1);
                     shared[0] = own[0] = 2;
                     shared[1024] = 3;
                     CHECK_EXITED(run([&] { shared[1] = 4; }), 0);
                 }),
                 0);
    CHECK_EQ(shared[0], 2);
    CHECK_EQ(shared[1024], 3);
    CHECK_EQ(shared[1], 4);
    CHECK_EQ(own[0], 1);
}
TEST(memory, fork_copies_private_memory_both_ways) {
    char* at = map_anonymous(64);
    for (int i = 0; i < 64; i++) at[i * kPage] = 1;
    int down[2], up[2];
    CHECK_OK(pipe(down));
    CHECK_OK(pipe(up));
    pid_t child = start([&] {
        char c;
        for (int i = 0; i < 32; i++) at[i * kPage] = 2;
        CHECK_EQ(write(up[1], "x", 1), 1);
        CHECK_EQ(read(down[0], &c, 1), 1);
        for (int i = 0; i < 64; i++) CHECK_EQ(at[i * kPage], i < 32 ? 2 : 1);
    });
    char c;
    CHECK_EQ(read(up[0], &c, 1), 1);
    for (int i = 0; i < 64; i++) CHECK_EQ(at[i * kPage], 1);
    for (int i = 0; i < 64; i++) at[i * kPage] = 3;
    CHECK_EQ(write(down[1], "x", 1), 1);
    CHECK_EXITED(status_of(child), 0);
    for (int i = 0; i < 64; i++) CHECK_EQ(at[i * kPage], 3);
}
TEST(memory, a_chain_of_forks_keeps_every_version) {
    volatile int* value = reinterpret_cast<int*>(map_anonymous(1));
    *value = 0;
    CHECK_EXITED(run([&] {
                     for (int depth = 1; depth < 12; depth++) {
                         *value = depth;
                         pid_t child = fork();
                         CHECK_OK(child);
                         if (child != 0) {
                             *value = *value + 100;
                             CHECK_EXITED(status_of(child), 0);
                             CHECK_EQ(*value, depth + 100);
                             _exit(0);
                         }
                         CHECK_EQ(*value, depth);
                     }
                 }),
                 0);
    CHECK_EQ(*value, 0);
}
TEST(memory, file_may_not_be_mapped_beyond_reading_by_populate) {
    int fd = letters(2);
    char* at = static_cast<char*>(mmap(nullptr, 4 * kPage, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0));
    CHECK(at != MAP_FAILED);
    CHECK_EQ(at[kPage], 'b');
    CHECK_KILLED(status_of_read(at + 2 * kPage), SIGBUS);
}
TEST(memory, brk_grows_shrinks_and_zeroes) {
    // By the call itself: musl has no sbrk and brk that move the break.
    const auto set_break = [](char* to) { return reinterpret_cast<char*>(syscall(SYS_brk, to)); };
    char* start = set_break(nullptr);
    CHECK(set_break(start + 3 * kPage) == start + 3 * kPage);
    memset(start, 5, 3 * kPage);
    CHECK(set_break(start + kPage) == start + kPage);
    CHECK(set_break(nullptr) == start + kPage);
    CHECK_KILLED(status_of_read(reinterpret_cast<char*>(((uintptr_t)start + kPage + kPage - 1) & ~(kPage - 1UL))),
                 SIGSEGV);
    CHECK(set_break(start + 3 * kPage) == start + 3 * kPage);
    CHECK_EQ(start[3 * kPage - 1], 0);
    CHECK_EQ(start[0], 5);
    // The raw call answers the break, changed or not.
    CHECK_EQ(syscall(SYS_brk, 0), (long)(start + 3 * kPage));
    CHECK_EQ(syscall(SYS_brk, 1), (long)(start + 3 * kPage));
    CHECK_EQ(syscall(SYS_brk, kernel_address<char>()), (long)(start + 3 * kPage));
    rlimit limit = {1 << 20, RLIM_INFINITY};
    CHECK_OK(setrlimit(RLIMIT_DATA, &limit));
    CHECK(set_break(start + (64 << 20)) == start + 3 * kPage);
}
TEST(memory, address_space_limit) {
    rlimit limit = {256 << 20, RLIM_INFINITY};
    CHECK_OK(setrlimit(RLIMIT_AS, &limit));
    CHECK_ERRNO((long)mmap(nullptr, 512 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    void* fits = mmap(nullptr, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(fits != MAP_FAILED);
    CHECK_OK(munmap(fits, 64 << 20));
}
TEST(memory, dev_zero_maps_as_memory) {
    int fd = open("/dev/zero", O_RDWR);
    CHECK_OK(fd);
    char* own = static_cast<char*>(mmap(nullptr, kPage, kReadWrite, MAP_PRIVATE, fd, 0));
    int* shared = static_cast<int*>(mmap(nullptr, kPage, kReadWrite, MAP_SHARED, fd, 0));
    CHECK(own != MAP_FAILED && shared != MAP_FAILED);
    CHECK_EQ(own[9], 0);
    own[9] = 1;
    CHECK_EXITED(run([&] { shared[0] = 6; }), 0);
    CHECK_EQ(shared[0], 6);
}
TEST(memory, many_mappings) {
    // Every other page has another protection, so that no two can become one mapping.
    constexpr int kCount = 1000;
    char* at = map_anonymous(kCount);
    for (int i = 0; i < kCount; i += 2) CHECK_OK(mprotect(at + i * kPage, kPage, PROT_READ));
    for (int i = 1; i < kCount; i += 2) at[i * kPage] = static_cast<char>(i);
    for (int i = 0; i < kCount; i++) CHECK_EQ(at[i * kPage], i % 2 ? static_cast<char>(i) : 0);
    CHECK_OK(mprotect(at, kCount * kPage, kReadWrite));
    at[0] = 1;
    CHECK_OK(munmap(at, kCount * kPage));
}
