// SPDX-License-Identifier: MIT
//
// mprotect(2), madvise(2), mincore(2), msync(2). Leaves out memory protection keys and the advice that needs swapping,
// merging or huge pages: what is only a hint there is accepted and does nothing, as on a Linux without these; the rest
// is EINVAL.
#include <algorithm>
#include <array>

#include "call_handlers.h"
#include "kernel/linux/context.h"
#include "kernel/linux/memory_flags.h"
#include "kernel/linux/process.h"
#include "kernel/memory/user.h"

namespace gyre::linux {

CallResult sys_mprotect(CallContext& context, uint64_t address, size_t length, int protection) {
    constexpr int kGrows = kProtGrowsDown | kProtGrowsUp;
    if ((protection & kGrows) == kGrows) return fail(Error::InvalidArgument);
    if ((address & (kPageSize - 1)) != 0) return fail(Error::InvalidArgument);
    if (length == 0) return 0;
    if (!is_sound_range(address, length)) return fail(Error::NoMemory);
    const int rest = protection & ~kGrows;
    if ((rest & ~(kProtRead | kProtWrite | kProtExec | kProtSem)) != 0) return fail(Error::InvalidArgument);
    uint64_t start = address;
    if ((protection & kProtGrowsDown) != 0) {
        // From the start of the stack that holds the address.
        const auto view = context.address_space().next_mapping({address});
        if (!view || view->start.value > address) return fail(Error::NoMemory);
        if (!view->grows_down) return fail(Error::InvalidArgument);
        start = view->start.value;
    } else if ((protection & kProtGrowsUp) != 0) {
        return fail(Error::InvalidArgument);  // nothing grows up on x86
    }
    TRY_VOID(context.address_space().protect({start}, address + page_ceiling(length) - start, protection_of(rest)));
    return 0;
}

namespace {

// madvise(2)'s numbers.
enum : int {
    kNormal = 0, kRandom = 1, kSequential = 2, kWillNeed = 3, kDontNeed = 4, kFree = 8, kRemove = 9, kDontFork = 10,
    kDoFork = 11, kMergeable = 12, kUnmergeable = 13, kHugePage = 14, kNoHugePage = 15, kDontDump = 16, kDoDump = 17,
    kWipeOnFork = 18, kKeepOnFork = 19, kCold = 20, kPageOut = 21, kPopulateRead = 22, kPopulateWrite = 23,
};

Result<AddressSpace::Advice> advice_of(int advice) {
    using Advice = AddressSpace::Advice;
    switch (advice) {
        case kNormal: case kRandom: case kSequential: case kCold: case kPageOut: case kDontDump: case kDoDump:
        case kHugePage: case kNoHugePage:
            return Advice::None;
        case kWillNeed: return Advice::WillNeed;
        case kDontNeed: return Advice::DontNeed;
        case kFree: return Advice::Free;
        case kRemove: return Advice::Remove;
        case kDontFork: return Advice::DontFork;
        case kDoFork: return Advice::DoFork;
        case kWipeOnFork: return Advice::WipeOnFork;
        case kKeepOnFork: return Advice::KeepOnFork;
        case kPopulateRead: return Advice::PopulateRead;
        case kPopulateWrite: return Advice::PopulateWrite;
        default: return fail(Error::InvalidArgument);
    }
}

}  // namespace

CallResult sys_madvise(CallContext& context, uint64_t address, size_t length, int advice) {
    const AddressSpace::Advice wanted = TRY(advice_of(advice));
    if ((address & (kPageSize - 1)) != 0 || !is_sound_range(address, length)) return fail(Error::InvalidArgument);
    TRY_VOID(context.address_space().advise({address}, length, wanted));
    return 0;
}

CallResult sys_mincore(CallContext& context, uint64_t address, size_t length, UserOut<std::byte> residency) {
    if ((address & (kPageSize - 1)) != 0) return fail(Error::InvalidArgument);
    if (!is_sound_range(address, length) || address + length > kUserEnd) return fail(Error::NoMemory);
    uint64_t pages = page_ceiling(length) >> kPageShift;
    if (pages != 0 && (residency.address() >= kUserEnd || pages > kUserEnd - residency.address()))
        return fail(Error::BadAddress);
    std::array<uint8_t, 256> chunk;
    for (uint64_t done = 0; done < pages;) {
        const uint64_t count = std::min<uint64_t>(pages - done, chunk.size());
        TRY_VOID(context.address_space().residency({address + (done << kPageShift)}, count, chunk));
        TRY_VOID(residency.offset(done).write_all(std::as_bytes(std::span(chunk).first(count))));
        done += count;
        if (Thread::current().has_interruption(Interruption::Kill)) return fail(Error::Interrupted);
        Thread::preemption_point();
    }
    return 0;
}

// Every page cache is the file itself today, so there is nothing to write back; the checks are Linux's.
CallResult sys_msync(CallContext& context, uint64_t address, size_t length, int flags) {
    if ((flags & ~(kSyncAsync | kSyncInvalidate | kSyncSync)) != 0) return fail(Error::InvalidArgument);
    if ((address & (kPageSize - 1)) != 0) return fail(Error::InvalidArgument);
    if ((flags & kSyncAsync) != 0 && (flags & kSyncSync) != 0) return fail(Error::InvalidArgument);
    if (!is_sound_range(address, length)) return fail(Error::NoMemory);
    const uint64_t end = address + page_ceiling(length);
    bool has_hole = false;
    for (uint64_t at = address; at < end;) {
        const auto view = context.address_space().next_mapping({at});
        if (!view || view->start.value > at) has_hole = true;
        if (!view || view->start.value >= end) break;
        if ((flags & kSyncInvalidate) != 0 && view->is_locked) return fail(Error::Busy);
        at = view->end.value;
    }
    if (has_hole) return fail(Error::NoMemory);
    return 0;
}

}  // namespace gyre::linux
