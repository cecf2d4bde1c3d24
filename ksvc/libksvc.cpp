// SPDX-License-Identifier: MIT
//
// The C API over the three ways down. Entries that were got lie in an array of the ring's own until
// they are submitted, so that a C program fills them in place.
#include "ksvc/libksvc.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <variant>

#include "ksvc/compositions.h"
#include "ksvc/tier0.h"

// The front comes first: the inline functions of the header know nothing else.
struct ksvc_ring {
    ksvc_front front{};
    ksvc_way way = KSVC_WAY_AUTO;
    ksvc::Default* uring = nullptr;  // the instance, when it is that one
    std::unique_ptr<ksvc::Entry[]> entries;
    std::variant<std::monostate, std::unique_ptr<ksvc::Default>, std::unique_ptr<ksvc::OnDevice>,
                 std::unique_ptr<ksvc::Pooled>>
        instance;

    // The way is fixed at open(), so this branch is always the same one.
    template <class F>
    [[gnu::always_inline]] auto with(F&& f) {
        if (uring != nullptr) [[likely]] return f(*uring);
        if (auto* device = std::get_if<2>(&instance)) return f(**device);
        return f(**std::get_if<3>(&instance));
    }

    // Says how many. Interim completions may have taken room since get_entry: what is left then waits
    // for the next time.
    [[gnu::always_inline]] unsigned take_entries(auto& ring) {
        ksvc::Entry* const first = front.entries;
        const unsigned count = front.got;
        const unsigned taken = ring.submit(std::span<const ksvc::Entry>(first, count));
        if (taken != count) [[unlikely]] std::copy(first + taken, first + count, first);
        front.got = count - taken;
        front.room -= taken;
        return taken;
    }
};
static_assert(std::is_standard_layout_v<ksvc_front> && offsetof(ksvc_ring, front) == 0);

namespace {

int negative(std::errc error) { return -static_cast<int>(error); }

template <class I>
int try_open(ksvc_ring& ring, unsigned entries, ksvc_way way) {
    auto instance = std::unique_ptr<I>(new (std::nothrow) I(entries));
    if (instance == nullptr) return -ENOMEM;
    if (auto opened = instance->open(); !opened) return negative(opened.error());
    if constexpr (std::is_same_v<I, ksvc::Default>) ring.uring = instance.get();
    ring.front.done = &instance->sink().queue();
    ring.instance = std::move(instance);
    ring.way = way;
    return 0;
}

ksvc::Patience patience_of(long long timeout_ns) {
    if (timeout_ns < 0) return {};
    return std::chrono::nanoseconds{timeout_ns};
}

}  // namespace

extern "C" {

int ksvc_open(ksvc_ring** ring, unsigned entries, ksvc_way way) {
    if (ring == nullptr || entries == 0 || entries > KSVC_RING_ENTRIES_MAX) return -EINVAL;
    auto made = std::unique_ptr<ksvc_ring>(new (std::nothrow) ksvc_ring);
    if (made == nullptr) return -ENOMEM;
    entries = std::bit_ceil(entries);
    int error = -EINVAL;
    if (way == KSVC_WAY_AUTO || way == KSVC_WAY_DEVICE)
        error = try_open<ksvc::OnDevice>(*made, entries, KSVC_WAY_DEVICE);
    if (error != 0 && (way == KSVC_WAY_AUTO || way == KSVC_WAY_URING))
        error = try_open<ksvc::Default>(*made, entries, KSVC_WAY_URING);
    if (error != 0 && (way == KSVC_WAY_AUTO || way == KSVC_WAY_POOL))
        error = try_open<ksvc::Pooled>(*made, entries, KSVC_WAY_POOL);
    if (error != 0) return error;
    made->entries.reset(new (std::nothrow) ksvc::Entry[entries]);
    if (made->entries == nullptr) return -ENOMEM;
    made->front.entries = made->entries.get();
    made->front.room = entries;
    *ring = made.release();
    return 0;
}

void ksvc_close(ksvc_ring* ring) { delete ring; }

ksvc_way ksvc_way_of(const ksvc_ring* ring) { return ring->way; }

int ksvc_find_room(ksvc_ring* ring) {
    ring->front.room = ring->with([](auto& instance) { return instance.space(); });
    return ring->front.got < ring->front.room;
}

int ksvc_submit(ksvc_ring* ring) {
    return ring->with([&](auto& instance) {
        const auto count = static_cast<int>(ring->take_entries(instance));
        const auto flushed = instance.flush();
        return flushed ? count : negative(flushed.error());
    });
}

int ksvc_wait(ksvc_ring* ring, unsigned count, long long timeout_ns) {
    return ring->with([&](auto& instance) {
        ring->take_entries(instance);
        const auto waited = instance.wait(count, patience_of(timeout_ns));
        return waited ? 0 : negative(waited.error());
    });
}

int ksvc_begin_wait(ksvc_ring* ring, unsigned count, ksvc_trap* trap) {
    if (ring->uring != nullptr) [[likely]] {
        trap->taken = ring->take_entries(*ring->uring);
        if (ring->uring->can_wait_shortly(count)) [[likely]] {
            trap->fd = ring->uring->backend().fd();
            trap->fresh = ring->uring->backend().hand_over();
            return 1;
        }
    } else {
        trap->taken = ring->with([&](auto& instance) { return ring->take_entries(instance); });
    }
    const int error = ksvc_wait(ring, count, -1);
    trap->result = error != 0 ? error : static_cast<int>(trap->taken);
    return 0;
}

int ksvc_end_wait(ksvc_ring* ring, unsigned count, const ksvc_trap* trap) {
    const auto waited = ring->uring->finish_short_wait(count, trap->result);
    return waited ? static_cast<int>(trap->taken) : negative(waited.error());
}

unsigned ksvc_peek(ksvc_ring* ring, ksvc_completion* completions, unsigned most) {
    return ring->with([&](auto& instance) {
        unsigned count = 0;
        for (; count < most; ++count) {
            const ksvc::Completion* next = instance.peek(count);
            if (next == nullptr) break;
            completions[count] = *next;
        }
        return count;
    });
}

const ksvc_completion* ksvc_next_again(ksvc_ring* ring) {
    return ring->with([](auto& instance) { return instance.peek(); });
}

int ksvc_cancel_entry(ksvc_ring* ring, ksvc_u64 corr_id) {
    return ring->with([&](auto& instance) {
        ring->take_entries(instance);
        const auto reached = instance.cancel(corr_id);
        return reached ? static_cast<int>(*reached) : negative(reached.error());
    });
}

int ksvc_event_fd(ksvc_ring* ring) {
    return ring->with([]<class I>(I& instance) -> int {
        if constexpr (requires { instance.event_fd(); }) {
            if constexpr (std::is_same_v<I, ksvc::OnDevice>) return instance.backend().fd();
            const auto fd = instance.event_fd();
            return fd ? *fd : negative(fd.error());
        } else {
            return -EOPNOTSUPP;
        }
    });
}

ksvc_route ksvc_probe_call(const ksvc_ring* ring, unsigned syscall_nr) {
    return const_cast<ksvc_ring*>(ring)->with(
        [&](auto& instance) { return static_cast<ksvc_route>(instance.tier(syscall_nr)); });
}

int ksvc_force_route(ksvc_ring* ring, unsigned syscall_nr, ksvc_route route) {
    return ring->with([&](auto& instance) {
        // Tier has a byte only: what does not fit must not become another route.
        const auto wanted = static_cast<unsigned>(route);
        if (wanted != KSVC_ROUTE_NONE && wanted > KSVC_ROUTE_TRAP) return -EINVAL;
        const auto forced = instance.force(syscall_nr, static_cast<ksvc::Tier>(route));
        return forced ? 0 : negative(forced.error());
    });
}

int ksvc_getpid(void) { return ksvc::getpid(); }
int ksvc_getppid(void) { return ksvc::getppid(); }
unsigned ksvc_getuid(void) { return ksvc::getuid(); }
unsigned ksvc_geteuid(void) { return ksvc::geteuid(); }
unsigned ksvc_getgid(void) { return ksvc::getgid(); }
unsigned ksvc_getegid(void) { return ksvc::getegid(); }

}
