// SPDX-License-Identifier: MIT
//
// See timer_file.h. Deadlines are kept in monotonic time; those that were given as moments of the
// realtime clock are converted again when that clock is set.
#include "kernel/fs/timer_file.h"

#include "kernel/arch/contract.h"
#include "kernel/fs/inode.h"
#include "lib/base/format.h"

namespace gyre {
namespace {

using TimerFileList = boost::intrusive::list<
    TimerFile,
    boost::intrusive::member_hook<TimerFile, boost::intrusive::list_member_hook<>,
                                  &TimerFile::clock_hook>,
    boost::intrusive::constant_time_size<false>>;
constinit SpinLock g_list_lock{LockRank::FileList};
TimerFileList g_realtime_files;

int64_t add_saturating(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

}  // namespace

TimerFile::TimerFile(Clock clock, int clock_number, uint32_t flags)
    : File(Path(), open_flags::kReadWrite | flags, Signals::None),
      clock_(clock),
      clock_number_(clock_number) {
    if (clock_ != Clock::Realtime) return;
    SpinGuard guard(g_list_lock);
    g_realtime_files.push_back(*this);
}

TimerFile::~TimerFile() {
    if (clock_ == Clock::Realtime) {
        SpinGuard guard(g_list_lock);
        g_realtime_files.erase(TimerFileList::s_iterator_to(*this));
    }
    alarm_.cancel();
}

// A moment that has passed already still fires: it becomes the first nanosecond after boot, not
// "disarmed".
int64_t TimerFile::to_monotonic(int64_t moment_ns) const {
    if (clock_ == Clock::Monotonic) return moment_ns;
    const int64_t offset_ns = wall_clock_ns() - arch::clock_now_ns();
    return moment_ns > offset_ns ? moment_ns - offset_ns : 1;
}

void TimerFile::fire(Timer& timer) {
    TimerFile& file = static_cast<Alarm&>(timer).file;
    {
        SpinGuard guard(file.lock_);
        if (file.deadline_ns_ == 0) return;
        if (arch::clock_now_ns() < file.deadline_ns_) {  // armed anew meanwhile
            file.alarm_.arm(file.deadline_ns_);
            return;
        }
        file.has_expired_ = true;
        file.ticks_.fetch_add(1, std::memory_order_release);
        file.update_signals(Signals::None, Signals::Readable);
    }
    file.readers_.wake_all();
}

// After an expiration: what else has passed is counted, and the next period armed.
void TimerFile::count_periods_locked(int64_t now_ns) {
    if (!has_expired_ || interval_ns_ == 0) return;
    has_expired_ = false;
    const int64_t passed = now_ns - deadline_ns_;
    const int64_t periods = passed / interval_ns_ + 1;
    ticks_.fetch_add(static_cast<uint64_t>(periods - 1), std::memory_order_release);
    deadline_ns_ = add_saturating(deadline_ns_, periods * interval_ns_);
    if (absolute_ns_ != 0) absolute_ns_ = add_saturating(absolute_ns_, periods * interval_ns_);
    alarm_.arm(deadline_ns_);
}

TimerFile::Setting TimerFile::get_locked(int64_t now_ns) {
    count_periods_locked(now_ns);
    if (deadline_ns_ == 0 || has_expired_) return {interval_ns_, 0};
    // Due but not fired yet is still armed, so not zero.
    return {interval_ns_, deadline_ns_ > now_ns ? deadline_ns_ - now_ns : 1};
}

TimerFile::Setting TimerFile::get() {
    SpinGuard guard(lock_);
    return get_locked(arch::clock_now_ns());
}

TimerFile::Setting TimerFile::set(Setting setting, bool is_absolute, bool is_cancelled_by_set) {
    alarm_.cancel();  // not under the lock, which fire() takes; whatever fires from here on finds
                      // the new deadline
    SpinGuard guard(lock_);
    const int64_t now_ns = arch::clock_now_ns();
    const Setting before = get_locked(now_ns);
    ticks_.store(0, std::memory_order_release);
    has_expired_ = false;
    interval_ns_ = setting.interval_ns;
    is_cancelled_by_set_ = is_cancelled_by_set && is_absolute && clock_ == Clock::Realtime;
    is_cancelled_.store(false, std::memory_order_release);
    absolute_ns_ = is_absolute && clock_ == Clock::Realtime ? setting.value_ns : 0;
    deadline_ns_ = 0;
    if (setting.value_ns != 0)
        deadline_ns_ =
            is_absolute ? to_monotonic(setting.value_ns) : add_saturating(now_ns, setting.value_ns);
    update_signals(Signals::Readable, Signals::None);
    if (deadline_ns_ != 0) alarm_.arm(deadline_ns_);
    return before;
}

Result<size_t> TimerFile::read(IoCursor& to, Patience patience) {
    if (to.remaining() < sizeof(uint64_t)) return fail(Error::InvalidArgument);
    for (;;) {
        uint64_t ticks = 0;
        {
            SpinGuard guard(lock_);
            if (is_cancelled_.exchange(false, std::memory_order_acq_rel)) {
                ticks_.store(0, std::memory_order_release);
                has_expired_ = false;
                update_signals(Signals::Readable, Signals::None);
                return fail(Error::Canceled);
            }
            if (ticks_.load(std::memory_order_relaxed) != 0) {
                count_periods_locked(arch::clock_now_ns());
                ticks = ticks_.exchange(0, std::memory_order_acq_rel);
                if (interval_ns_ == 0 && has_expired_) deadline_ns_ = 0;
                has_expired_ = false;
                update_signals(Signals::Readable, Signals::None);
            }
        }
        if (ticks != 0) return to.put(std::as_bytes(std::span(&ticks, 1)));
        TRY_VOID(readers_.wait(patience, [&] { return has_news(); }));
    }
}

void TimerFile::clock_was_set() {
    {
        SpinGuard guard(lock_);
        if (absolute_ns_ == 0 || deadline_ns_ == 0) return;
        if (is_cancelled_by_set_) {
            is_cancelled_.store(true, std::memory_order_release);
            update_signals(Signals::None, Signals::Readable);
        }
        if (!has_expired_) {
            deadline_ns_ = to_monotonic(absolute_ns_);
            alarm_.arm(deadline_ns_);
        }
    }
    readers_.wake_all();
}

void timer_files_clock_was_set() {
    SpinGuard guard(g_list_lock);
    for (TimerFile& file : g_realtime_files)
        file.clock_was_set();
}

size_t TimerFile::describe(std::span<char> buffer) const {
    return format_to(buffer, "anon_inode:[timerfd]");
}

}  // namespace gyre
