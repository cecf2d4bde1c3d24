// SPDX-License-Identifier: MIT
//
// getrandom(2).
#include <algorithm>
#include <climits>

#include "call_handlers.h"
#include "kernel/linux/context.h"
#include "kernel/memory/types.h"
#include "kernel/random/random.h"
#include "kernel/schedule/thread.h"

namespace gyre::linux {
namespace {
constexpr uint32_t kNonBlock = 1, kRandom = 2, kInsecure = 4;  // GRND_*
constexpr size_t kChunk = 512;
constexpr size_t kUninterrupted = 256;  // so much comes whole, whatever signals wait
}  // namespace

CallResult sys_getrandom(CallContext& context, UserOut<std::byte> buffer, size_t count,
                         uint32_t flags) {
    if (flags & ~(kNonBlock | kRandom | kInsecure)) return fail(Error::InvalidArgument);
    if ((flags & (kRandom | kInsecure)) == (kRandom | kInsecure))
        return fail(Error::InvalidArgument);
    count = std::min<size_t>(count, INT_MAX & ~(kPageSize - 1));
    std::byte chunk[kChunk];
    size_t done = 0;
    while (done < count) {
        const size_t wanted = std::min(count - done, kChunk);
        random::fill({chunk, wanted});
        const size_t copied = user_memory::copy_out_partial(buffer.address() + done, chunk, wanted);
        done += copied;
        if (copied < wanted) {
            if (done == 0) return fail(Error::BadAddress);
            break;
        }
        if (done >= kUninterrupted && context.task.thread().is_interrupted()) break;
        Thread::preemption_point();
    }
    return static_cast<long>(done);
}

}  // namespace gyre::linux
