// SPDX-License-Identifier: MIT
//
// Reads that take longer than a turn on the CPU: being preempted is no reason to give back less than was asked for.
#include "twin.h"

using namespace twin;

namespace {

constexpr size_t kLong = 4 << 20;
constexpr int kRivals = 6;

// Others who want the CPU as well, while the body runs.
template <typename Body>
void among_rivals(Body body) {
    pid_t rivals[kRivals];
    for (pid_t& rival : rivals)
        rival = start([] {
            for (;;) asm volatile("pause");
        });
    body();
    for (pid_t rival : rivals) kill(rival, SIGKILL);
    for (pid_t rival : rivals) CHECK_KILLED(status_of(rival), SIGKILL);
}

char g_buffer[kLong];

}  // namespace

TEST(busy_reads, zeroes_come_in_full) {
    int fd = open("/dev/zero", O_RDONLY);
    among_rivals([&] {
        for (int i = 0; i < 40; i++) CHECK_EQ(read(fd, g_buffer, kLong), kLong);
    });
}

TEST(busy_reads, random_bytes_come_in_full) {
    int fd = open("/dev/urandom", O_RDONLY);
    among_rivals([&] {
        for (int i = 0; i < 10; i++) {
            CHECK_EQ(read(fd, g_buffer, kLong / 32), kLong / 32);
            CHECK_EQ(syscall(SYS_getrandom, g_buffer, kLong / 32, 0), kLong / 32);
        }
    });
}

TEST(busy_reads, sendfile_sends_in_full) {
    int from = static_cast<int>(syscall(SYS_memfd_create, "from", 0));
    int to = open("/dev/null", O_WRONLY);
    CHECK_EQ(write(from, g_buffer, kLong), kLong);
    among_rivals([&] {
        for (int i = 0; i < 20; i++) {
            off_t offset = 0;
            CHECK_EQ(syscall(SYS_sendfile, to, from, &offset, kLong), kLong);
        }
    });
}
