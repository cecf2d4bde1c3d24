// SPDX-License-Identifier: MIT
//
// epoll, poll, eventfd and timerfd without processes.
#include "kernel/fs/epoll.h"

#include "kernel/fs/event_file.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/poll.h"
#include "kernel/fs/timer_file.h"
#include "kernel/schedule/thread.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

using poll_events::kIn;

Status write_count(File& file, uint64_t count) {
    IoCursor cursor = IoCursor::kernel(std::as_bytes(std::span(&count, 1)));
    TRY_VOID(file.write(cursor, Patience::none()));
    return {};
}
Result<uint64_t> read_count(File& file, Patience patience = Patience::none()) {
    uint64_t count = 0;
    IoCursor cursor = IoCursor::kernel(std::as_writable_bytes(std::span(&count, 1)));
    TRY_VOID(file.read(cursor, patience));
    return count;
}

struct Seen {
    size_t count = 0;
    EpollInterest last;
};
Seen look(EpollFile& epoll, Patience patience = Patience::none()) {
    Seen seen;
    const Result<size_t> count = epoll.wait(
        8, patience,
        [](void* argument, size_t, const EpollInterest& event) -> Status {
            static_cast<Seen*>(argument)->last = event;
            return {};
        },
        &seen);
    if (count) seen.count = *count;
    return seen;
}

KERNEL_TEST(eventfd_counts_and_blocks_at_both_ends) {
    Ref<EventFile> event = TEST_TRY(make_ref<EventFile>(uint64_t{0}, false, 0u));
    EXPECT(read_count(*event).error() == Error::WouldBlock);
    EXPECT(write_count(*event, 3).has_value());
    EXPECT(write_count(*event, 4).has_value());
    EXPECT(any(event->signals() & Signals::Readable));
    EXPECT(read_count(*event) == uint64_t{7});
    EXPECT(!any(event->signals() & Signals::Readable));
    EXPECT(write_count(*event, UINT64_MAX).error() == Error::InvalidArgument);
    EXPECT(write_count(*event, EventFile::kMostCount).has_value());
    EXPECT(!any(event->signals() & Signals::Writable));
    EXPECT(write_count(*event, 1).error() == Error::WouldBlock);
    Ref<EventFile> semaphore = TEST_TRY(make_ref<EventFile>(uint64_t{2}, true, 0u));
    EXPECT(read_count(*semaphore) == uint64_t{1});
    EXPECT(read_count(*semaphore) == uint64_t{1});
    EXPECT(read_count(*semaphore).error() == Error::WouldBlock);
}

KERNEL_TEST(epoll_reports_levels_edges_and_one_shots) {
    Ref<EventFile> event = TEST_TRY(make_ref<EventFile>(uint64_t{0}, false, 0u));
    Ref<EpollFile> epoll = TEST_TRY(make_ref<EpollFile>(0u));
    EXPECT(epoll->add(*event, 5, {kIn, 77}).has_value());
    EXPECT(epoll->add(*event, 5, {kIn, 77}).error() == Error::Exists);
    EXPECT(look(*epoll).count == 0);
    EXPECT(write_count(*event, 1).has_value());
    EXPECT(look(*epoll).count == 1 && look(*epoll).last.data == 77);  // level: again and again
    (void)read_count(*event);
    EXPECT(look(*epoll).count == 0);

    EXPECT(epoll->modify(*event, 5, {kIn | epoll_flags::kEdge, 78}).has_value());
    EXPECT(write_count(*event, 1).has_value());
    EXPECT(look(*epoll).count == 1);
    EXPECT(look(*epoll).count == 0);  // edge: once
    EXPECT(write_count(*event, 1).has_value());
    EXPECT(look(*epoll).count == 1);  // each write is an edge

    EXPECT(epoll->modify(*event, 5, {kIn | epoll_flags::kOneShot, 79}).has_value());
    EXPECT(look(*epoll).count == 1);
    EXPECT(write_count(*event, 1).has_value());
    EXPECT(look(*epoll).count == 0);  // until it is armed again
    EXPECT(epoll->modify(*event, 5, {kIn | epoll_flags::kOneShot, 80}).has_value());
    EXPECT(look(*epoll).count == 1);
    EXPECT(epoll->remove(*event, 5).has_value());
    EXPECT(epoll->remove(*event, 5).error() == Error::NotFound);
}

KERNEL_TEST(epoll_forgets_files_that_close) {
    Ref<EpollFile> epoll = TEST_TRY(make_ref<EpollFile>(0u));
    PipeEnds ends = TEST_TRY(make_pipe(0));
    EXPECT(epoll->add(*ends.reader, 3, {kIn, 1}).has_value());
    EXPECT(epoll->add(*ends.reader, 4, {kIn, 2}).has_value());  // the same file by another number
    ends.writer.reset();
    EXPECT(look(*epoll).count == 2);
    ends.reader.reset();
    EXPECT(look(*epoll).count == 0);
    size_t left = 0;
    epoll->for_each([&](int, uint32_t, uint64_t) { ++left; });
    EXPECT(left == 0);
}

KERNEL_TEST(epoll_nests_but_not_in_circles) {
    Ref<EpollFile> sets[7];
    for (Ref<EpollFile>& set : sets)
        set = TEST_TRY(make_ref<EpollFile>(0u));
    for (int i = 0; i + 1 < EpollFile::kMostNesting; ++i)
        EXPECT(sets[i]->add(*sets[i + 1], i, {kIn, 1}).has_value());
    // One more on either end is too deep; a circle is one too.
    EXPECT(sets[4]->add(*sets[5], 9, {kIn, 1}).error() == Error::SymlinkLoop);
    EXPECT(sets[5]->add(*sets[0], 9, {kIn, 1}).error() == Error::SymlinkLoop);
    EXPECT(sets[2]->add(*sets[0], 9, {kIn, 1}).error() == Error::SymlinkLoop);
    // What happens at the bottom is seen at the top.
    Ref<EventFile> event = TEST_TRY(make_ref<EventFile>(uint64_t{0}, false, 0u));
    EXPECT(sets[4]->add(*event, 1, {kIn, 1}).has_value());
    EXPECT(look(*sets[0]).count == 0);
    EXPECT(write_count(*event, 1).has_value());
    EXPECT(look(*sets[0]).count == 1);
    PollEntry entry;
    entry.file = sets[4];
    entry.events = kIn;
    EXPECT(poll_files(std::span(&entry, 1), Patience::none()) == uint32_t{1});
    (void)read_count(*event);
    EXPECT(poll_files(std::span(&entry, 1), Patience::none()) == uint32_t{0});
}

KERNEL_TEST(timerfd_counts_periods_without_an_interrupt_for_each) {
    Ref<TimerFile> timer = TEST_TRY(make_ref<TimerFile>(TimerFile::Clock::Monotonic, 1, 0u));
    EXPECT(timer->set({}, false, false) == TimerFile::Setting{});
    EXPECT(read_count(*timer).error() == Error::WouldBlock);
    constexpr int64_t kPeriodNs = 1'000'000;
    (void)timer->set({.interval_ns = kPeriodNs, .value_ns = kPeriodNs}, false, false);
    (void)Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + 20 * kPeriodNs));
    const uint64_t ticks = TEST_TRY(read_count(*timer));
    EXPECT(ticks >= 19 && ticks < 200);
    EXPECT(!any(timer->signals() & Signals::Readable) || read_count(*timer).has_value());
    // The next period wakes a sleeper.
    EXPECT(
        read_count(*timer, Patience::until_ns(arch::clock_now_ns() + 1'000'000'000)).has_value());
    const TimerFile::Setting rest = timer->set({}, false, false);
    EXPECT(rest.interval_ns == kPeriodNs && rest.value_ns > 0 && rest.value_ns <= kPeriodNs);
    EXPECT(timer->get().value_ns == 0);
}

KERNEL_TEST(poll_wakes_when_any_of_its_files_is_ready) {
    Ref<EventFile> quiet = TEST_TRY(make_ref<EventFile>(uint64_t{0}, false, 0u));
    Ref<TimerFile> timer = TEST_TRY(make_ref<TimerFile>(TimerFile::Clock::Monotonic, 1, 0u));
    (void)timer->set({.interval_ns = 0, .value_ns = 3'000'000}, false, false);
    PollEntry entries[2];
    entries[0].file = quiet;
    entries[1].file = timer;
    entries[0].events = entries[1].events = kIn;
    EXPECT(poll_files(entries, Patience::none()) == uint32_t{0});
    EXPECT(poll_files(entries, Patience::until_ns(arch::clock_now_ns() + 1'000'000'000)) ==
           uint32_t{1});
    EXPECT(entries[0].returned == 0 && (entries[1].returned & kIn) != 0);
    const int64_t before = arch::clock_now_ns();
    EXPECT(poll_files(std::span(entries, 1), Patience::until_ns(before + 2'000'000)) ==
           uint32_t{0});
    EXPECT(arch::clock_now_ns() - before >= 2'000'000);
}

}  // namespace
}  // namespace gyre
