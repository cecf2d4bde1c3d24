// SPDX-License-Identifier: MIT
//
// The C API over the three ways down. Entries that were got lie in an array of the ring's own until
// they are submitted, so that a C program fills them in place.
#include "ksvc/libksvc.h"

#include <bit>
#include <memory>
#include <new>
#include <variant>

#include "ksvc/compositions.h"
#include "ksvc/tier0.h"

struct ksvc_ring {
    ksvc_way way = KSVC_WAY_AUTO;
    unsigned got = 0;
    unsigned capacity = 0;
    ksvc::Default* uring = nullptr;  // the instance, when it is that one
    std::unique_ptr<ksvc::Entry[]> entries;
    std::variant<std::monostate, std::unique_ptr<ksvc::Default>, std::unique_ptr<ksvc::OnDevice>,
                 std::unique_ptr<ksvc::Pooled>>
        instance;

    // The way is fixed at open(), so this branch is always the same one.
    template <class F>
    auto with(F&& f) {
        if (uring != nullptr) [[likely]] return f(*uring);
        if (auto* device = std::get_if<2>(&instance)) return f(**device);
        return f(**std::get_if<3>(&instance));
    }

    void take_entries(auto& ring) {
        for (unsigned i = 0; i < got; ++i) (void)ring.submit(entries[i]);
        got = 0;
    }
};

namespace {

int negative(std::errc error) { return -static_cast<int>(error); }

template <class I>
int try_open(ksvc_ring& ring, unsigned entries, ksvc_way way) {
    auto instance = std::unique_ptr<I>(new (std::nothrow) I(entries));
    if (instance == nullptr) return -ENOMEM;
    if (auto opened = instance->open(); !opened) return negative(opened.error());
    if constexpr (std::is_same_v<I, ksvc::Default>) ring.uring = instance.get();
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
    made->capacity = entries;
    made->entries.reset(new (std::nothrow) ksvc::Entry[entries]);
    if (made->entries == nullptr) return -ENOMEM;
    *ring = made.release();
    return 0;
}

void ksvc_close(ksvc_ring* ring) { delete ring; }

ksvc_way ksvc_way_of(const ksvc_ring* ring) { return ring->way; }

ksvc_entry* ksvc_get_entry(ksvc_ring* ring) {
    const unsigned space = ring->with([](auto& instance) { return instance.space(); });
    if (ring->got >= space) return nullptr;
    ksvc_entry* entry = &ring->entries[ring->got++];
    *entry = {};
    return entry;
}

int ksvc_submit(ksvc_ring* ring) {
    return ring->with([&](auto& instance) {
        const auto count = static_cast<int>(ring->got);
        ring->take_entries(instance);
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

int ksvc_submit_and_wait(ksvc_ring* ring, unsigned count) {
    const auto taken = static_cast<int>(ring->got);
    const int error = ksvc_wait(ring, count, -1);
    return error != 0 ? error : taken;
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

const ksvc_completion* ksvc_next(ksvc_ring* ring) {
    return ring->with([](auto& instance) { return instance.peek(); });
}

void ksvc_advance(ksvc_ring* ring, unsigned count) {
    ring->with([&](auto& instance) { instance.advance(count); });
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
