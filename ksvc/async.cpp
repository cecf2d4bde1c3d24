// SPDX-License-Identifier: MIT
//
// The executor's loop: let tasks run until all of them wait, hand over what they submitted, sleep
// until something completes or a timer is due.
#include "ksvc/async.h"

namespace ksvc {
namespace detail {

thread_local Executor* current_executor = nullptr;

}  // namespace detail

// A coroutine that nobody awaits: runs a spawned task and destroys itself at its end.
struct Executor::Root {
    struct promise_type {
        Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
};

Executor::Root Executor::start_root(Executor& executor, Task<void> task) {
    co_await task;
    --executor.tasks_;
}

void Executor::spawn(Task<void> task) {
    Executor* const before = std::exchange(detail::current_executor, this);
    ++tasks_;
    start_root(*this, std::move(task)).handle.resume();
    detail::current_executor = before;
}

Result<void> Executor::open(Way way) {
    const auto try_open = [this]<class I>(std::unique_ptr<I>& ring, Way its) -> Result<void> {
        auto made = std::make_unique<I>(entries_);
        if (auto opened = made->open(); !opened) return opened;
        ring = std::move(made);
        way_ = its;
        return {};
    };
    Result<void> outcome = fail(EINVAL);
    if (way == Way::Auto || way == Way::Device) outcome = try_open(device_, Way::Device);
    if (!outcome && (way == Way::Auto || way == Way::Uring)) outcome = try_open(uring_, Way::Uring);
    if (!outcome && (way == Way::Auto || way == Way::Pool)) outcome = try_open(pooled_, Way::Pool);
    return outcome;
}

void Executor::submit_waiting() {
    while (!cancelled_.empty()) {
        const uint64_t corr_id = cancelled_.back();
        cancelled_.pop_back();
        auto& waiter = *reinterpret_cast<Waiter*>(corr_id);
        waiter.wake(waiter, {.corr_id = corr_id, .result = -ECANCELED, .flags = 0, .pad = 0});
    }
    while (!waiting_.empty() && try_submit(waiting_.front())) waiting_.pop_front();
}

Result<void> Executor::run() {
    Executor* const before = std::exchange(detail::current_executor, this);
    Result<void> outcome{};
    while (tasks_ != 0) {
        submit_waiting();
        if (tasks_ == 0) break;
        Patience patience;
        if (!timers_.empty())
            patience = std::max<std::chrono::nanoseconds>(timers_.top().deadline - Clock::now(), std::chrono::nanoseconds{0});
        if (auto waited = with([&](auto& ring) { return ring.wait(1, patience); });
            !waited && waited.error() != kTimeIsUp && waited.error() != std::errc::interrupted) {
            outcome = waited;
            break;
        }
        if (!timers_.empty()) fire_timers();
    }
    detail::current_executor = before;
    return outcome;
}

uint64_t Executor::add_timer(std::chrono::nanoseconds limit, uint64_t corr_id) {
    const uint64_t id = next_timer_++;
    timers_.push({Clock::now() + limit, id, corr_id});
    live_timers_.push_back(id);
    return id;
}

bool Executor::remove_timer(uint64_t timer) { return std::erase(live_timers_, timer) != 0; }

void Executor::fire_timers() {
    const auto now = Clock::now();
    while (!timers_.empty() && timers_.top().deadline <= now) {
        const Timer timer = timers_.top();
        timers_.pop();
        if (std::erase(live_timers_, timer.id) != 0) cancel(timer.corr_id);
    }
}

void Executor::cancel(uint64_t corr_id) {
    const auto waiting = std::ranges::find(waiting_, corr_id, &Entry::corr_id);
    if (waiting != waiting_.end()) {
        waiting_.erase(waiting);
        cancelled_.push_back(corr_id);  // not here: who cancels may be the coroutine that would be resumed
        return;
    }
    (void)with([&](auto& ring) { return ring.cancel(corr_id); });
}

void StopSource::request_stop() {
    is_stopped_ = true;
    const std::vector<uint64_t> running = running_;
    for (uint64_t corr_id : running) Executor::current().cancel(corr_id);
}

Result<void> run_on_threads(unsigned threads, const std::function<void(Executor&)>& body, uint32_t entries) {
    std::mutex lock;
    Result<void> outcome{};
    const auto work = [&] {
        Executor executor(entries);
        Result<void> mine = executor.open();
        if (mine) {
            body(executor);
            mine = executor.run();
        }
        std::lock_guard guard(lock);
        if (!mine && outcome) outcome = mine;
    };
    std::vector<std::thread> all;
    for (unsigned i = 1; i < threads; ++i) all.emplace_back(work);
    work();
    for (std::thread& thread : all) thread.join();
    return outcome;
}

}  // namespace ksvc
