// SPDX-License-Identifier: MIT
//
// What only the device asks of its backend: new workers where a thread has a seccomp filter that the old
// ones lack. Where there is no device this is skipped by name; test/ring/run.sh runs it in a machine that
// has one. Left out: workers that a filter kills, which the sanitizer's own bookkeeping does not survive.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "ksvc/test/test_ring.h"

namespace ksvc::test {
namespace {

constexpr uint32_t kMark = 12345;  // bytes; no other read asks for so many

// read(2) of kMark bytes by this thread is answered as `action` says. False: errno says why.
bool filter_this_thread(uint32_t action) {
    std::array<sock_filter, 6> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMark, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    sock_fprog program{.len = code.size(), .filter = code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

TEST(Device, BringsWorkersThatHaveTheThreadsFilter) {
    if (::access(KSVC_DEVICE_PATH, F_OK) != 0) GTEST_SKIP() << "no " << KSVC_DEVICE_PATH;
    std::thread([] {  // the filter ends with it
        OnDevice ring(16);
        ASSERT_TRUE(ring.open());
        const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
        std::vector<char> bytes(kMark);
        EXPECT_EQ(call(ring, SYS_read, zero, bytes.data(), kMark), kMark);
        ASSERT_TRUE(filter_this_thread(SECCOMP_RET_ERRNO | EDOM));
        for (int round = 0; round < 2; ++round) {
            EXPECT_EQ(call(ring, SYS_read, zero, bytes.data(), kMark), -EDOM);
            EXPECT_EQ(call(ring, SYS_read, zero, bytes.data(), 8), 8);
        }
        ::close(zero);
    }).join();
}

}  // namespace
}  // namespace ksvc::test
