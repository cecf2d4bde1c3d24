// SPDX-License-Identifier: MIT
//
// A ring as a program has it: composes one implementation of each of the seven concepts. It sends
// every entry the way the router says, keeps LINKED and DRAIN in order across all tiers, and sees
// to it that each accepted entry gets exactly one final completion.
//
// Used by one thread at a time. What order.h does not hold back goes out without a queue between.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "ksvc/completion_sink.h"
#include "ksvc/concepts.h"
#include "ksvc/order.h"
#include "ksvc/trap.h"

namespace ksvc {

template <SyscallRouter Router, IoBackend Backend, WorkerPool Pool, Notifier Notify, CompletionSink Sink,
          BufferProvider Buffers, SharedPage Page>
class Instance {
    static_assert(Backend::kRunsPoolTier || Pool::kIsInline || Notify::kIsPollable || !Backend::kWaits,
                  "a backend that waits in the kernel needs a notifier that it can watch");

public:
    // `entries`: how many may be accepted and not yet consumed.
    explicit Instance(uint32_t entries) : sink_(entries), inbox_(*this) {}
    ~Instance() { settle(); }
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    // Opens the backend and lets the router probe. ENOSYS, EPERM, ENOENT...: this way down is shut.
    // `with_event_fd`: event_fd() will be asked for. The device must know that from the start, and then
    // signals every completion; the other backends can be told later.
    Result<void> open(bool with_event_fd = false) {
        if constexpr (requires { backend_.signal_by(notifier_.fd()); })
            if (with_event_fd) backend_.signal_by(notifier_.fd());
        if (auto opened = backend_.open(std::min(sink_.capacity(), 4096u)); !opened) return opened;
        router_.probe(page_, backend_);
        return {};
    }

    // Takes one entry; false: `entries` are under way or unread (back pressure).
    [[gnu::always_inline]] bool submit(const Entry& entry) {
        // Copies for the slow ways, so that an entry made on the spot never touches memory here.
        if (room_ == 0 || entry.flags != 0 || entry.corr_id >= kTokenLimit) [[unlikely]]
            return submit_slowly(Entry(entry));
        --room_;
        if constexpr (requires { backend_.start_nop(entry.corr_id); }) {
            if (entry.syscall_nr == KSVC_NR_NOP && router_.route(entry) == Tier::Kernel) {
                backend_.start_nop(entry.corr_id);
                return true;
            }
        }
        submit_plain(Entry(entry));
        return true;
    }

    // As submit() for each of them, in order; says how many were taken. Runs of NOPs stay in registers.
    [[gnu::always_inline]] uint32_t submit(std::span<const Entry> entries) {
        uint32_t taken = 0;
        while (taken < entries.size()) {
            if constexpr (requires { backend_.start_nops(entries); }) {
                if (room_ != 0 && router_.tier(KSVC_NR_NOP) == Tier::Kernel) {
                    const uint32_t started = backend_.start_nops(entries.subspan(taken, std::min<size_t>(room_, entries.size() - taken)));
                    room_ -= started;
                    taken += started;
                    if (taken == entries.size()) break;
                }
            }
            if (!submit(entries[taken])) break;
            ++taken;
        }
        return taken;
    }

    // Hands to the kernel what was submitted.
    Result<void> flush() {
        order_.end_group();
        if (order_.is_waiting() || !blocked_.empty()) [[unlikely]] pump();
        return backend_.flush();
    }

    // Moves finished work into the sink; says how many completions it delivered.
    unsigned reap() {
        const uint64_t before = delivered();
        if (!instant_.empty()) [[unlikely]] collect_instant();
        backend_.reap(Taker{this});
        if (!instant_.empty()) [[unlikely]] collect_instant();
        if (inbox_.has_mail.load(std::memory_order_acquire)) [[unlikely]] collect_inbox();
        if (order_.is_waiting() || !blocked_.empty()) [[unlikely]] pump();
        return static_cast<unsigned>(delivered() - before);
    }

    // Flushes, then waits until `count` completions have been delivered (direct sink: since the
    // call; ring sink: lie in the ring). ETIME: time is up. EINTR: a signal came. EDEADLK: fewer
    // than `count` can ever come.
    [[gnu::always_inline]] Result<void> wait(uint32_t count, Patience patience = {}) {
        // A batch of plain calls in the kernel and nothing else: submit, sleep, copy. Inlined whole: the kernel
        // leaves no predictions for returns, so each function around a trap costs a dear one.
        if constexpr (kHasShortWay)
            if (!patience && can_wait_shortly(count)) [[likely]]
                return finish_short_wait(count, backend_.enter(backend_.hand_over(), count));
        return wait_with_care(count, patience);
    }

    // The two halves of that, for who makes the trap in a place of its own (the C API).
    static constexpr bool kHasShortWay = !Sink::kIsDirect && Backend::kHasShortWay;
    [[gnu::always_inline]] bool can_wait_shortly(uint32_t count) const {
        return !is_mixed_ && sink_.ready() == 0 && running() >= count && backend_.has_fresh();
    }
    [[gnu::always_inline]] Result<void> finish_short_wait(uint32_t count, int submitted) requires kHasShortWay {
        if (reap_plain() >= count) [[likely]] return {};
        if (submitted == -EINTR) return fail(EINTR);
        return wait_with_care(count, {});
    }

private:
    [[gnu::noinline]] Result<void> wait_with_care(uint32_t count, Patience patience) {
        order_.end_group();
        if (order_.is_waiting() || !blocked_.empty()) pump();
        const uint64_t first = Sink::kIsDirect ? delivered() : delivered() - sink_.ready();
        reap();
        is_mixed_ = has_mixed_work();
        if (delivered() - first >= count) return flush();
        const auto deadline = deadline_of(patience);
        while (true) {
            const uint64_t missing = count - (delivered() - first);
            if (running() + order_.held_count() < missing && multi_running_ == 0) return fail(EDEADLK);
            const auto slept = sleep(static_cast<unsigned>(missing), deadline);
            reap();
            if (delivered() - first >= count) return {};
            if (!slept) return slept;
        }
    }

public:
    // Ring sink only: the completion `index` places behind the oldest, or nullptr.
    const Completion* peek(uint32_t index = 0) requires(!Sink::kIsDirect) {
        if (sink_.ready() <= index) [[unlikely]] reap();
        return sink_.ready() > index ? &sink_.at(index) : nullptr;
    }
    void advance(uint32_t count) requires(!Sink::kIsDirect) { sink_.advance(count); }

    // How many entries with this corr_id were reached. ENOENT: none; EALREADY: out of reach.
    Result<unsigned> cancel(uint64_t corr_id);

    Router& router() { return router_; }
    Backend& backend() { return backend_; }
    Pool& pool() { return pool_; }
    Notify& notifier() { return notifier_; }
    Sink& sink() { return sink_; }
    Buffers& buffers() { return buffers_; }
    Page& page() { return page_; }

    // Slots of the sink that are promised or filled.
    uint32_t accepted() const { return running() + order_.held_count() + sink_.ready(); }
    // Started, final completion not yet delivered.
    uint32_t running() const { return running_ + granted_ - room_; }
    uint32_t space() const { return sink_.capacity() - accepted(); }
    Tier tier(uint32_t nr) const { return router_.tier(nr); }
    Result<void> force(uint32_t nr, Tier tier) { return router_.force(nr, tier); }

    // Makes notifier().fd() readable whenever there may be something to reap: for poll and epoll.
    // operation_not_supported: the device was opened without.
    Result<int> event_fd() requires(Notify::kIsPollable) {
        notifier_.notify_always();
        if (auto registered = backend_.notify_by(notifier_.fd()); !registered) return std::unexpected(registered.error());
        return notifier_.fd();
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr uint64_t kTokenLimit = 1ull << 62;  // the bits above are the library's

    struct Letter {
        uint64_t token;
        int64_t result;
        int signal = 0;  // to be raised when it is delivered
    };
    // Finished calls of workers, until the owner collects them.
    struct Inbox : FinishedPort {
        explicit Inbox(Instance& self) : FinishedPort{&on_finished}, owner(self) {}
        static void on_finished(FinishedPort& port, uint64_t token, int64_t result, int signal) {
            auto& inbox = static_cast<Inbox&>(port);
            // Under the lock to the end: the owner may go as soon as it has collected the last one.
            std::lock_guard guard(inbox.lock);
            inbox.mail.push_back({token, result, signal});
            inbox.has_mail.store(true);
            inbox.owner.notifier_.notify();
        }
        Instance& owner;
        std::mutex lock;
        std::vector<Letter> mail;
        std::atomic<bool> has_mail{false};
    };

    // A final completion has a slot promised; an interim one needs a slot beyond those.
    struct Taker {
        Instance* self;
        bool operator()(uint64_t token, int64_t result, uint32_t flags) {
            if (!has_room(flags)) return false;
            self->deliver(token, result, flags);
            return true;
        }
        bool has_room(uint32_t flags) const {
            if constexpr (Sink::kIsDirect) return true;
            if ((flags & KSVC_COMPLETION_MORE) == 0) return true;
            self->revoke();
            return self->has_room_for_interim();
        }
    };

    struct Pending {
        Entry entry;
        uint64_t token;
    };

    // Room that submit() may use without looking: slots of the sink and of the backend's queue, and
    // nothing that holds entries back. Whoever else takes such a slot revokes it first.
    void grant() {
        if (order_.is_holding() == 0) granted_ = room_ = std::min(space(), backend_.room());
    }
    void revoke() {
        running_ += granted_ - room_;
        granted_ = room_ = 0;
    }
    [[gnu::noinline]] bool submit_slowly(const Entry& entry);
    [[gnu::noinline]] void submit_plain(const Entry& entry);
    void submit_with_care(const Entry& entry);
    void pump();
    void run_unit(OrderUnit&& unit);
    void start(const Entry& entry, uint64_t token);
    void start_by(Tier tier, const Entry& entry, uint64_t token);
    void answer(uint64_t token, int64_t result) { instant_.push_back({token, result}); }
    void deliver(uint64_t token, int64_t result, uint32_t flags) {
        if (token & kOrderBit) [[unlikely]] return deliver_ordered(token, result, flags);
        if ((flags & KSVC_COMPLETION_MORE) == 0) --running_;
        put(token, result, flags);
    }
    void deliver_ordered(uint64_t token, int64_t result, uint32_t flags);
    void put(uint64_t corr_id, int64_t result, uint32_t flags) {
        sink_.put({.corr_id = corr_id, .result = result, .flags = flags, .pad = 0});
    }
    void collect_instant();
    void collect_inbox();
    Result<void> sleep(unsigned count, std::optional<Clock::time_point> deadline);
    void settle();
    bool has_mixed_work() const {
        return (pool_running_ | multi_running_ | order_.held_count() | order_.is_holding()) != 0 || !instant_.empty() ||
               !blocked_.empty();
    }
    uint64_t delivered() const { return sink_.put_count(); }
    [[gnu::always_inline]] uint32_t reap_plain() requires kHasShortWay {
        typename Sink::Writer writer(sink_);
        const unsigned count = backend_.reap_plain(writer);
        sink_.commit(writer);
        running_ -= count;
        return count;
    }
    bool has_room_for_interim() const { return sink_.room() > running() + order_.held_count(); }
    static std::optional<Clock::time_point> deadline_of(Patience patience) {
        if (!patience) return {};
        return Clock::now() + std::min(*patience, std::chrono::nanoseconds{std::chrono::hours{24 * 365}});
    }

    // What every call touches comes first, close together.
    uint32_t room_ = 0;          // what is left of what was granted
    uint32_t granted_ = 0;
    uint32_t running_ = 0;       // see running(), which counts what went into the grant
    uint32_t pool_running_ = 0;  // of these, with workers
    uint32_t multi_running_ = 0;
    bool is_mixed_ = false;      // work that is not plain calls in the kernel may be under way
    Sink sink_;
    Order order_;
    Backend backend_;
    Buffers buffers_;  // may have to say to the backend that they go
    Router router_;
    Page page_;
    Notify notifier_;
    Inbox inbox_;
    std::vector<Letter> instant_; // answered at submission (Tiers 0 and 3), not yet delivered
    std::vector<Letter> letters_; // collect_inbox's own
    std::deque<Pending> blocked_; // started, but the backend had no room
    Pool pool_;  // last: its threads end before anything else goes
};

}  // namespace ksvc

#include "ksvc/instance_inline.h"
