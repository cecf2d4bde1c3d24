// SPDX-License-Identifier: MIT
//
// Calls as coroutines await them. An Executor runs one ring on one thread; a Task is a coroutine
// that it runs; `co_await read(fd, buffer)` (calls.h, generated) suspends until the completion.
// Cancellation goes through a StopSource; with_timeout() cancels by the clock; in_order() links.
#pragma once

#include <algorithm>
#include <coroutine>
#include <exception>
#include <functional>
#include <queue>
#include <thread>
#include <utility>

#include "ksvc/compositions.h"

namespace ksvc {

class Executor;

namespace detail {
extern thread_local Executor* current_executor;
}

// ---- tasks --------------------------------------------------------------------------------------

template <class T>
class Task;

namespace detail {

struct PromiseBase {
    std::coroutine_handle<> continuation;
    struct FinalAwaiter {
        bool await_ready() const noexcept { return false; }
        template <class P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> handle) noexcept {
            auto next = handle.promise().continuation;
            return next ? next : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; }
    FinalAwaiter final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { std::terminate(); }  // errors are values here
};
template <class T>
struct Promise : PromiseBase {
    std::optional<T> value;
    Task<T> get_return_object();
    template <class U>
    void return_value(U&& result) { value.emplace(std::forward<U>(result)); }
    T take() { return std::move(*value); }
};
template <>
struct Promise<void> : PromiseBase {
    Task<void> get_return_object();
    void return_void() {}
    void take() {}
};

}  // namespace detail

// A coroutine that starts when it is awaited or spawned. Movable; owns its frame.
template <class T = void>
class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Task() {
        if (handle_) handle_.destroy();
    }
    bool await_ready() const { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) {
        handle_.promise().continuation = waiting;
        return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
    return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}
inline Task<void> detail::Promise<void>::get_return_object() {
    return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}

// ---- cancellation -------------------------------------------------------------------------------

// Asks the call that is awaited under it to end; calls that begin later end at once (-ECANCELED).
// Of one executor's thread, as everything here.
class StopSource {
public:
    void request_stop();
    bool is_stopped() const { return is_stopped_; }

private:
    template <class T>
    friend class Call;
    std::vector<uint64_t> running_;
    bool is_stopped_ = false;
};

// ---- calls --------------------------------------------------------------------------------------

// One system call to await. Memory that it names must live until it has completed.
template <class T>
class [[nodiscard]] Call : public Waiter {
public:
    explicit Call(const Entry& entry) : Waiter{&on_completion}, entry_(entry) {}
    Call(const Call&) = delete;
    // Only before it is awaited: its address is the corr_id.
    Call(Call&& other) noexcept : Waiter{&on_completion}, entry_(other.entry_), stop_(other.stop_), limit_(other.limit_) {}

    Call&& stoppable_by(StopSource& stop) && {
        stop_ = &stop;
        return std::move(*this);
    }
    // -ECANCELED becomes ETIMEDOUT when it was the clock.
    Call&& within(std::chrono::nanoseconds limit) && {
        limit_ = limit;
        return std::move(*this);
    }
    const Entry& entry() const { return entry_; }

    bool await_ready() {
        if (stop_ == nullptr || !stop_->is_stopped_) return false;
        result_ = -ECANCELED;
        return true;
    }
    void await_suspend(std::coroutine_handle<> waiting);
    Result<T> await_resume();

private:
    static void on_completion(Waiter& waiter, const Completion& completion) {
        auto& call = static_cast<Call&>(waiter);
        call.result_ = completion.result;
        call.waiting_.resume();
    }
    Entry entry_;
    StopSource* stop_ = nullptr;
    std::optional<std::chrono::nanoseconds> limit_;
    uint64_t timer_ = 0;
    int64_t result_ = 0;
    std::coroutine_handle<> waiting_;
};

// ---- executor -----------------------------------------------------------------------------------

// One ring on one thread. run() returns when every spawned task has ended.
class Executor {
public:
    explicit Executor(uint32_t entries = 1024) : entries_(entries) {}
    Result<void> open(Way way = Way::Auto);
    Way way() const { return way_; }
    void spawn(Task<void> task);
    Result<void> run();
    // f(ring), whichever it is: force(), tier() and the like.
    template <class F>
    auto with(F&& f) {
        if (uring_ != nullptr) [[likely]] return f(*uring_);
        if (device_ != nullptr) return f(*device_);
        return f(*pooled_);
    }
    uint32_t task_count() const { return tasks_; }
    static Executor& current() { return *detail::current_executor; }

    // For awaiters: takes the entry now or as soon as the ring has room.
    void submit(const Entry& entry) {
        if (!waiting_.empty() || !try_submit(entry)) waiting_.push_back(entry);
    }
    uint64_t add_timer(std::chrono::nanoseconds limit, uint64_t corr_id);
    bool remove_timer(uint64_t timer);  // false: it has fired
    void cancel(uint64_t corr_id);

private:
    using Clock = std::chrono::steady_clock;
    struct Timer {
        Clock::time_point deadline;
        uint64_t id;
        uint64_t corr_id;
        bool operator>(const Timer& other) const { return deadline > other.deadline; }
    };
    struct Root;
    static Root start_root(Executor& executor, Task<void> task);
    bool try_submit(const Entry& entry) {
        if (uring_ != nullptr) [[likely]] return uring_->submit(entry);
        return with([&](auto& ring) { return ring.submit(entry); });
    }
    void submit_waiting();
    void fire_timers();

    uint32_t entries_;
    Way way_ = Way::Auto;
    std::unique_ptr<Server> uring_;  // one of the three, once it is open
    std::unique_ptr<DeviceServer> device_;
    std::unique_ptr<PooledServer> pooled_;
    std::deque<Entry> waiting_;         // the ring was full
    std::vector<uint64_t> cancelled_;   // were waiting
    std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
    std::vector<uint64_t> live_timers_;
    uint64_t next_timer_ = 1;
    uint32_t tasks_ = 0;
};

// Runs `body(executor)` on `threads` threads, one ring each; the first error of an open() wins.
Result<void> run_on_threads(unsigned threads, const std::function<void(Executor&)>& body, uint32_t entries = 1024);

template <class T>
void Call<T>::await_suspend(std::coroutine_handle<> waiting) {
    Executor& executor = Executor::current();
    waiting_ = waiting;
    entry_.corr_id = reinterpret_cast<uint64_t>(static_cast<Waiter*>(this));
    if (stop_ != nullptr) stop_->running_.push_back(entry_.corr_id);
    if (limit_) timer_ = executor.add_timer(*limit_, entry_.corr_id);
    executor.submit(entry_);
}

template <class T>
Result<T> Call<T>::await_resume() {
    if (stop_ != nullptr) std::erase(stop_->running_, entry_.corr_id);
    if (limit_ && timer_ != 0 && !Executor::current().remove_timer(timer_) && result_ == -ECANCELED)
        result_ = -ETIMEDOUT;
    if (result_ < 0) return fail(static_cast<int>(result_));
    if constexpr (std::is_void_v<T>) return {};
    else return static_cast<T>(result_);
}

template <class T>
auto with_timeout(Call<T>&& call, std::chrono::nanoseconds limit) {
    return std::move(call).within(limit);
}

// ---- groups -------------------------------------------------------------------------------------

// Calls that run one after the other without coming back between them; after a failure the rest is
// ECANCELED. Results in order, raw (a value or -errno).
template <size_t N>
class [[nodiscard]] Group {
public:
    Group(std::array<Entry, N> entries, uint32_t flags) : entries_(entries), flags_(flags) {}
    bool await_ready() const { return N == 0; }
    void await_suspend(std::coroutine_handle<> waiting) {
        waiting_ = waiting;
        for (size_t i = 0; i < N; ++i) {
            members_[i].group = this;
            members_[i].wake = &on_completion;
            entries_[i].corr_id = reinterpret_cast<uint64_t>(static_cast<Waiter*>(&members_[i]));
            if (i == 0) entries_[i].flags |= flags_ & KSVC_ENTRY_DRAIN;
            if (i + 1 < N) entries_[i].flags |= flags_ & KSVC_ENTRY_LINKED;
        }
        for (const Entry& entry : entries_) Executor::current().submit(entry);
    }
    std::array<int64_t, N> await_resume() const { return results_; }

private:
    struct Member : Waiter {
        Group* group = nullptr;
    };
    static void on_completion(Waiter& waiter, const Completion& completion) {
        auto& member = static_cast<Member&>(waiter);
        Group& group = *member.group;
        group.results_[static_cast<size_t>(&member - group.members_.data())] = completion.result;
        if (++group.done_ == N) group.waiting_.resume();
    }
    std::array<Entry, N> entries_;
    uint32_t flags_;
    std::array<Member, N> members_{};
    std::array<int64_t, N> results_{};
    size_t done_ = 0;
    std::coroutine_handle<> waiting_;
};

template <class... T>
auto in_order(Call<T>&&... calls) {
    return Group<sizeof...(T)>({calls.entry()...}, KSVC_ENTRY_LINKED);
}
// Starts after everything before it has completed; what comes later starts after it.
template <class... T>
auto drained(Call<T>&&... calls) {
    return Group<sizeof...(T)>({calls.entry()...}, KSVC_ENTRY_LINKED | KSVC_ENTRY_DRAIN);
}

}  // namespace ksvc
