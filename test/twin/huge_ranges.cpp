// SPDX-License-Identifier: MIT
//
// Ranges far larger than the memory: calls that walk them cross holes in one step, or can at least be killed on the way.
#include "twin.h"

using namespace twin;

namespace {

constexpr off_t kHugeFile = off_t{1} << 62;
constexpr size_t kHugeMapping = size_t{1} << 40;

int huge_file() {
    int fd = static_cast<int>(syscall(SYS_memfd_create, "huge", 0));
    CHECK(fd >= 0);
    CHECK_OK(ftruncate(fd, kHugeFile));
    return fd;
}

// Runs a body that would take hours; SIGALRM, which nobody catches, has to end it after a fifth of a second.
template <typename Body>
void expect_killed_by_alarm(Body body) {
    int64_t begun = now_ns();
    pid_t child = start([&] {
        itimerval soon = {{0, 0}, {0, 200000}};
        setitimer(ITIMER_REAL, &soon, nullptr);
        body();
        pause();
    });
    CHECK_KILLED(status_of(child), SIGALRM);
    CHECK(now_ns() - begun < 30'000'000'000L);
}

char* huge_mapping() {
    void* at = mmap(nullptr, kHugeMapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(at != MAP_FAILED);
    madvise(at, kHugeMapping, MADV_NOHUGEPAGE);
    return static_cast<char*>(at);
}

}  // namespace

TEST(huge_ranges, seek_data_crosses_a_huge_hole) {
    int fd = huge_file();
    CHECK_ERRNO(lseek(fd, 100, SEEK_DATA), ENXIO);
    CHECK_EQ(lseek(fd, 100, SEEK_HOLE), 100);
    CHECK_EQ(pwrite(fd, "x", 1, kHugeFile - 1), 1);
    CHECK_EQ(lseek(fd, 100, SEEK_DATA), kHugeFile - kPage);
    CHECK_EQ(lseek(fd, kHugeFile - 5, SEEK_DATA), kHugeFile - 5);
    CHECK_EQ(lseek(fd, kHugeFile - 5, SEEK_HOLE), kHugeFile);
    CHECK_EQ(pwrite(fd, "0123456789", 10, 3 * kPage - 5), 10);
    CHECK_EQ(lseek(fd, 0, SEEK_DATA), 2 * kPage);
    CHECK_EQ(lseek(fd, 2 * kPage + 7, SEEK_HOLE), 4 * kPage);
    CHECK_EQ(lseek(fd, 4 * kPage, SEEK_DATA), kHugeFile - kPage);
}

TEST(huge_ranges, a_file_is_mapped_only_where_it_can_have_bytes) {
    int fd = huge_file();
    const off_t kOffsets[] = {0x7ffffffffffff000, -2 * kPage, -kPage};
    for (off_t offset : kOffsets)
        CHECK_ERRNO(reinterpret_cast<long>(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, offset)), EOVERFLOW);
}

TEST(huge_ranges, populating_can_be_killed) {
    constexpr int kPopulateRead = 22;
    expect_killed_by_alarm([] { madvise(huge_mapping(), kHugeMapping, kPopulateRead); });
}

TEST(huge_ranges, mincore_can_be_killed) {
    expect_killed_by_alarm([] {
        // A vector for all those pages, though of little memory: the same 2 MiB again and again.
        constexpr size_t kPiece = 2 << 20;
        int fd = static_cast<int>(syscall(SYS_memfd_create, "vector", 0));
        CHECK_OK(ftruncate(fd, kPiece));
        char* vector = static_cast<char*>(mmap(nullptr, kHugeMapping / kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        CHECK(vector != MAP_FAILED);
        for (size_t at = 0; at < kHugeMapping / kPage; at += kPiece)
            CHECK(mmap(vector + at, kPiece, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
        char* pages = huge_mapping();
        for (;;) syscall(SYS_mincore, pages, kHugeMapping, vector);
    });
}

TEST(huge_ranges, splice_from_a_pipe_that_never_dries_up_can_be_killed) {
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t writer = start([&] {
        static char bytes[1 << 16];
        for (;;)
            if (write(fds[1], bytes, sizeof bytes) < 0) _exit(0);
    });
    expect_killed_by_alarm([&] {
        int sink = open("/dev/null", O_WRONLY);
        for (;;) splice(fds[0], nullptr, sink, nullptr, size_t{1} << 40, 0);
    });
    kill(writer, SIGKILL);
    CHECK_KILLED(status_of(writer), SIGKILL);
}
