// SPDX-License-Identifier: MIT
//
// The named compositions: `Default` for any program, `Server` for one thread that waits on many
// sockets, and the two that other machines need (`Pooled`, `OnDevice`).
#pragma once

#include "ksvc/buffer_provider.h"
#include "ksvc/device_backend.h"
#include "ksvc/instance.h"
#include "ksvc/notifier.h"
#include "ksvc/router.h"
#include "ksvc/shared_page.h"
#include "ksvc/uring_backend.h"
#include "ksvc/worker_pool.h"

namespace ksvc {

using Default = Instance<ProbingRouter, BasicUring, GrowingPool, EventfdNotifier, RingSink, HeapBuffers, FilledPage>;
// Completions go straight to who waits; the ring belongs to one thread for good.
using Server = Instance<ProbingRouter, ServerUring, GrowingPool, EventfdNotifier, DirectSink, HeapBuffers, FilledPage>;
// Neither io_uring nor the device: workers only, and no descriptor at all.
using Pooled = Instance<ProbingRouter, NoBackend, GrowingPool, FutexNotifier, RingSink, HeapBuffers, FilledPage>;
// The server's two other ways down.
using DeviceServer = Instance<ProbingRouter, DeviceBackend, InlinePool, EventfdNotifier, DirectSink, HeapBuffers, DevicePage>;
using PooledServer = Instance<ProbingRouter, NoBackend, GrowingPool, FutexNotifier, DirectSink, HeapBuffers, FilledPage>;
using OnDevice = Instance<ProbingRouter, DeviceBackend, InlinePool, EventfdNotifier, RingSink, HeapBuffers, DevicePage>;

// Where calls go down. Auto: the first that works here, in this order.
enum class Way : uint8_t { Auto, Device, Uring, Pool };

// Calls `handle(completion)` for each completion of a ring-sink instance until it says false or
// nothing can come any more. The generic loop of an event-driven program.
template <class I, class Handler>
Result<void> dispatch(I& instance, Handler&& handle) {
    while (true) {
        if (auto waited = instance.wait(1); !waited) {
            if (waited.error() == std::errc::interrupted) continue;
            if (waited.error() == std::errc::resource_deadlock_would_occur) return {};
            return waited;
        }
        while (const Completion* next = instance.peek()) {
            const Completion completion = *next;
            instance.advance(1);
            if (!handle(completion)) return {};
        }
    }
}

}  // namespace ksvc
