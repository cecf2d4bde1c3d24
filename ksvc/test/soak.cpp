// SPDX-License-Identifier: MIT
//
// ksvc-soak [SECONDS [SEED]]: threads with a ring each throw a random mix of calls at it (all
// tiers, chains, barriers, cancellations, many in flight) and count every operation end to end:
// each corr_id must complete exactly once, pipes must deliver every byte that a write reported.
// Prints TAP. Leaves out correctness of single calls: that is translate_test.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

#include "ksvc/compositions.h"

namespace {

using ksvc::Completion;
using ksvc::Entry;
using Polling = ksvc::Instance<ksvc::ProbingRouter, ksvc::PollingUring, ksvc::FixedPool, ksvc::EventfdNotifier, ksvc::RingSink,
                               ksvc::HeapBuffers, ksvc::FilledPage>;

struct Tally {
    uint64_t submitted = 0;
    uint64_t completed = 0;
    uint64_t doubled = 0;   // a corr_id that was not under way
    uint64_t wrong = 0;     // a result that this call cannot have
    uint64_t bytes_written = 0;
    uint64_t bytes_read = 0;
    bool is_open = false;
};

template <class Ring>
class Soak {
public:
    explicit Soak(uint64_t seed) : random_(seed) {}

    Tally run(std::chrono::steady_clock::time_point end) {
        if (!ring_.open() || ::pipe(pipe_) != 0) return tally_;
        tally_.is_open = true;
        while (std::chrono::steady_clock::now() < end) {
            for (unsigned burst = random_() % 64; burst-- > 0 && add();) {}
            if (!under_way_.empty()) (void)ring_.wait(static_cast<uint32_t>(random_() % (under_way_.size() / 2 + 1)), std::chrono::milliseconds{100});
            if (random_() % 8 == 0) (void)ring_.cancel(next_id_ - 1 - random_() % 32);
            take();
        }
        const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{30};
        while (!under_way_.empty() && std::chrono::steady_clock::now() < patience) {
            (void)ring_.wait(1, std::chrono::milliseconds{100});
            take();
        }
        ::close(pipe_[1]);
        char left[4096];
        for (ssize_t count; (count = ::read(pipe_[0], left, sizeof left)) > 0;) tally_.bytes_read += static_cast<uint64_t>(count);
        ::close(pipe_[0]);
        return tally_;
    }

private:
    bool add() {
        Entry entry{};
        entry.corr_id = next_id_;
        switch (random_() % 8) {
            case 0: entry.syscall_nr = KSVC_NR_NOP; break;
            case 1: entry.syscall_nr = SYS_getpid; break;
            case 2: entry.syscall_nr = SYS_gettid; break;
            case 3: entry.syscall_nr = SYS_sync_file_range; entry.args[0] = static_cast<uint64_t>(-1); break;
            case 4: entry.syscall_nr = SYS_getppid; break;
            case 5:
                entry.syscall_nr = SYS_nanosleep;
                entry.args[0] = reinterpret_cast<uint64_t>(&kBrief);
                break;
            case 6:  // never more than a pipe holds, so that it does not block for good
                if (pipe_load_ >= 32768) return true;  // enough for this run
                entry.syscall_nr = SYS_write;
                entry.args[0] = static_cast<uint64_t>(pipe_[1]);
                entry.args[1] = reinterpret_cast<uint64_t>("x");
                entry.args[2] = 1;
                ++pipe_load_;
                break;
            default: entry.syscall_nr = SYS_close; entry.args[0] = static_cast<uint64_t>(-1); break;
        }
        const uint64_t dice = random_() % 64;
        if (dice < 8) entry.flags = KSVC_ENTRY_LINKED;
        if (dice == 8) entry.flags = KSVC_ENTRY_DRAIN;
        if (dice == 9) entry.flags = KSVC_ENTRY_OUTSIDE;
        if (!ring_.submit(entry)) return false;
        under_way_.emplace(next_id_++, entry.syscall_nr);
        ++tally_.submitted;
        return true;
    }

    void take() {
        while (const Completion* done = ring_.peek()) {
            const auto found = under_way_.find(done->corr_id);
            if (found == under_way_.end()) {
                ++tally_.doubled;
            } else {
                check(found->second, done->result);
                under_way_.erase(found);
                ++tally_.completed;
            }
            ring_.advance(1);
        }
    }

    void check(uint32_t nr, int64_t result) {
        if (result == -ECANCELED) return;
        if (nr == SYS_write && result == 1) ++tally_.bytes_written;
        const bool is_right = nr == SYS_close || nr == SYS_sync_file_range ? result == -EBADF
                              : nr == SYS_getpid                           ? result == ::getpid()
                              : nr == SYS_gettid                           ? result == ::gettid()
                              : nr == SYS_getppid                          ? result == ::getppid()
                              : nr == SYS_write                            ? result == 1
                                                                           : result == 0;
        if (is_right) return;
        if (tally_.wrong++ == 0) std::printf("# first wrong result: call %u gave %ld\n", nr, result);
    }

    static constexpr timespec kBrief{.tv_sec = 0, .tv_nsec = 50'000};
    std::mt19937_64 random_;
    Ring ring_{256};
    Tally tally_;
    std::unordered_map<uint64_t, uint32_t> under_way_;
    uint64_t next_id_ = 100;
    unsigned pipe_load_ = 0;
    int pipe_[2] = {-1, -1};
};

void report(int number, const char* name, const Tally& tally) {
    const bool is_good = tally.is_open && tally.submitted != 0 && tally.submitted == tally.completed && tally.doubled == 0 &&
                         tally.wrong == 0 && tally.bytes_written == tally.bytes_read;
    std::printf("%s %d - soak, %s\n# submitted %lu completed %lu doubled %lu wrong %lu bytes %lu of %lu\n",
                is_good ? "ok" : "not ok", number, name, tally.submitted, tally.completed, tally.doubled, tally.wrong,
                tally.bytes_read, tally.bytes_written);
}

}  // namespace

int main(int argc, char** argv) {
    const int seconds = argc > 1 ? std::atoi(argv[1]) : 3;
    const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
    const bool has_device = ::access(KSVC_DEVICE_PATH, F_OK) == 0;
    std::printf("TAP version 13\n1..%d\n# seed %lu\n", has_device ? 5 : 4, seed);
    Tally tallies[5];
    std::vector<std::thread> threads;
    threads.emplace_back([&] { tallies[0] = Soak<ksvc::Default>(seed).run(end); });
    threads.emplace_back([&] { tallies[1] = Soak<ksvc::Default>(seed + 1).run(end); });
    threads.emplace_back([&] { tallies[2] = Soak<ksvc::Pooled>(seed + 2).run(end); });
    threads.emplace_back([&] { tallies[3] = Soak<Polling>(seed + 3).run(end); });
    if (has_device) threads.emplace_back([&] { tallies[4] = Soak<ksvc::OnDevice>(seed + 4).run(end); });
    for (std::thread& thread : threads) thread.join();
    report(1, "io_uring and workers", tallies[0]);
    report(2, "io_uring and workers again", tallies[1]);
    report(3, "workers only", tallies[2]);
    report(4, "submission thread", tallies[3]);
    if (has_device) report(5, "the device", tallies[4]);
    return 0;
}
