// SPDX-License-Identifier: MIT
//
// The seven places where implementations vary. Each is a concept with a safe default and real
// alternatives (the table is in doc/libksvc.md); Instance (instance.h) composes one of each.
//
// Threads: an Instance, and so every part but the worker pool's own threads and Notifier::notify,
// belongs to one thread at a time, as a ring of liburing does.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

#include "ksvc/tier.h"

namespace ksvc {

// How long a wait may last. None: for ever; 0: only look.
using Patience = std::optional<std::chrono::nanoseconds>;

// Where what a worker finished is brought to. Called from any thread. `signal`: what the call sent to
// its caller (SIGPIPE, SIGXFSZ) and the worker has taken back, to be raised by the owner; or 0.
struct FinishedPort {
    void (*finished)(FinishedPort& port, uint64_t token, int64_t result, int signal);
};

// Takes one completion: what a backend is given to reap into. False: no room, keep it.
template <class F>
concept CompletionTaker = requires(F take, uint64_t token, int64_t result, uint32_t flags) {
    { take(token, result, flags) } -> std::same_as<bool>;
    { take.has_room(flags) } -> std::same_as<bool>;
};
struct AnyTaker {
    bool operator()(uint64_t, int64_t, uint32_t) const;
    bool has_room(uint32_t flags) const;
};

// Says by which tier a call goes; can be asked and told.
template <class R>
concept SyscallRouter = requires(R& router, const R& fixed, const Entry& entry, uint32_t nr, Tier tier) {
    { fixed.route(entry) } -> std::same_as<Tier>;        // where this very entry goes
    { fixed.tier(nr) } -> std::same_as<Tier>;            // where calls of this number usually go
    { fixed.below(entry) } -> std::same_as<Tier>;        // the way when the backend finds it unfit
    { router.force(nr, tier) } -> std::same_as<Result<void>>;
};

// Runs calls in the kernel. `token` comes back with the completion; its top bit pair is the
// backend's own (kBackendBit), so tokens are below 2^62 or have only bit 63 set.
template <class B>
concept IoBackend = requires(B& backend, const Entry& entry, uint64_t token, uint32_t nr, AnyTaker taker,
                             unsigned count, Patience patience, int fd) {
    { B::kRunsPoolTier } -> std::convertible_to<bool>;  // brings its own workers for Tier 2
    { B::kWaits } -> std::convertible_to<bool>;         // wait() sleeps in the kernel
    { B::kHasShortWay } -> std::convertible_to<bool>;  // hand_over(), enter(), reap_plain(): see UringBackend
    { backend.can_run(nr) } -> std::same_as<bool>;
    { backend.start(entry, token) } -> std::same_as<Start>;
    { backend.room() } -> std::same_as<uint32_t>;    // so many start() will not find Full
    { backend.has_fresh() } -> std::same_as<bool>;  // entries that flush() would hand on
    { backend.flush() } -> std::same_as<Result<void>>;
    { backend.reap(taker) } -> std::same_as<unsigned>;
    { backend.wait(count, patience) } -> std::same_as<Result<void>>;  // flushes too
    { backend.watch(fd) } -> std::same_as<bool>;  // end a wait when fd is readable
    { backend.cancel(token) } -> std::same_as<Result<unsigned>>;
    { backend.notify_by(fd) } -> std::same_as<Result<void>>;
    { backend.cancel_all() } -> std::same_as<void>;  // before the end: ask everything to stop
};

// Makes calls by trap on threads of this process.
template <class P>
concept WorkerPool = requires(P& pool, const Entry& entry, uint64_t token, FinishedPort& port) {
    { pool.run(entry, token, port) } -> std::same_as<bool>;  // false: no thread could be had
    { pool.cancel(token, port) } -> std::same_as<unsigned>;  // not started ones; the caller answers for them
    { pool.thread_count() } -> std::same_as<unsigned>;
    { P::kIsInline } -> std::convertible_to<bool>;
};

// Wakes the owner of an Instance from another thread.
template <class N>
concept Notifier = requires(N& notifier, Patience patience) {
    { notifier.notify() } -> std::same_as<void>;            // any thread; cheap while nobody sleeps
    { notifier.prepare_sleep() } -> std::same_as<void>;     // from now on notify() must wake
    { notifier.finish_sleep() } -> std::same_as<void>;
    { notifier.wait(patience) } -> std::same_as<bool>;      // false: time is up or a signal came
    { notifier.fd() } -> std::same_as<int>;                 // -1: cannot be polled
    { N::kIsPollable } -> std::convertible_to<bool>;
};

// Where final and interim completions go.
template <class S>
concept CompletionSink = requires(S& sink, const Completion& completion) {
    { sink.room() } -> std::same_as<uint32_t>;  // completions that fit now
    { sink.capacity() } -> std::same_as<uint32_t>;
    { sink.put_count() } -> std::same_as<uint64_t>;  // completions since the start
    { sink.put(completion) } -> std::same_as<void>;
    { S::kIsDirect } -> std::convertible_to<bool>;  // put() consumes: nothing to peek
};

struct BufferView {
    std::span<std::byte> bytes;
    uint32_t id = 0;
};

// Lends memory for input and output.
template <class B>
concept BufferProvider = requires(B& provider, size_t bytes, BufferView view) {
    { provider.take(bytes) } -> std::same_as<Result<BufferView>>;
    { provider.give_back(view) } -> std::same_as<void>;
};

// Tier 0: answers without a call, or declines.
template <class P>
concept SharedPage = requires(const P& page, const Entry& entry, uint32_t nr) {
    { page.answers(nr) } -> std::same_as<bool>;
    { page.answer(entry) } -> std::same_as<std::optional<int64_t>>;
};

}  // namespace ksvc
