// SPDX-License-Identifier: MIT
//
// select(2) and pselect6(2): the bit sets become entries of a poll, and its answers bits again.
#include <algorithm>
#include <memory>
#include <new>

#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/poll.h"
#include "kernel/linux/context.h"
#include "kernel/linux/poll_deadline.h"
#include "lib/base/vector.h"

namespace gyre::linux {
namespace {

enum Which : size_t { kRead, kWrite, kExcept, kSets };

// What makes a bit of each set true.
constexpr uint32_t kEventsOf[kSets] = {
    poll_events::kIn | poll_events::kReadNormal | poll_events::kReadBand | poll_events::kHangUp |
        poll_events::kError,
    poll_events::kOut | poll_events::kWriteNormal | poll_events::kWriteBand | poll_events::kError,
    poll_events::kPriority,
};

struct Sets {
    UserInOut<std::byte> user[kSets];
    std::unique_ptr<uint64_t[]> words;  // kSets times word_count
    size_t word_count = 0;
    uint32_t count = 0;

    std::span<uint64_t> set(size_t which) { return {words.get() + which * word_count, word_count}; }
    bool is_asked(size_t which, uint32_t number) {
        return (set(which)[number / 64] >> (number % 64) & 1) != 0;
    }

    Status read(uint32_t wanted_count) {
        count = wanted_count;
        word_count = (size_t{count} + 63) / 64;
        words.reset(new (std::nothrow) uint64_t[kSets * word_count + 1]());
        if (!words) return fail(Error::NoMemory);
        for (size_t which = 0; which < kSets; ++which)
            if (!user[which].is_null() && word_count != 0)
                TRY_VOID(UserIn<uint64_t>(user[which].address()).read_all(set(which)));
        return {};
    }
    Status write() {
        for (size_t which = 0; which < kSets; ++which)
            if (!user[which].is_null() && word_count != 0)
                TRY_VOID(UserOut<uint64_t>(user[which].address()).write_all(set(which)));
        return {};
    }
};

struct Asked {
    uint32_t number;
    uint32_t sets;  // bits: which of them
};

Result<size_t> find_asked(Sets& sets, Vector<Asked>& asked) {
    for (size_t word = 0; word < sets.word_count; ++word) {
        uint64_t any = sets.set(kRead)[word] | sets.set(kWrite)[word] | sets.set(kExcept)[word];
        for (; any; any &= any - 1) {
            const uint32_t number =
                static_cast<uint32_t>(word * 64) + static_cast<uint32_t>(__builtin_ctzll(any));
            if (number >= sets.count) break;
            uint32_t bits = 0;
            for (size_t which = 0; which < kSets; ++which)
                bits |= uint32_t{sets.is_asked(which, number)} << which;
            TRY_VOID(asked.try_push_back(Asked{number, bits}));
        }
    }
    return asked.size();
}

// A bit beyond the highest descriptor that the process may have is not looked at, so the sets need
// no more words.
uint32_t usable_count(int count) {
    return std::min(static_cast<uint32_t>(count), FileTable::kMostDescriptors);
}

CallResult select_until(CallContext& context, int count, Sets& sets, Patience patience) {
    if (count < 0) return fail(Error::InvalidArgument);
    TRY_VOID(sets.read(usable_count(count)));
    Vector<Asked> asked;
    const size_t entry_count = TRY(find_asked(sets, asked));
    std::unique_ptr<PollEntry[]> entries(new (std::nothrow) PollEntry[entry_count]);
    if (!entries) return fail(Error::NoMemory);
    for (size_t i = 0; i < entry_count; ++i) {
        entries[i].file = TRY(context.files().get(static_cast<int>(asked[i].number)));
        for (size_t which = 0; which < kSets; ++which)
            if (asked[i].sets >> which & 1) entries[i].events |= kEventsOf[which];
    }
    // An error or a hang-up always ends a poll, but a select only where its set asks for it.
    long true_bits = 0;
    for (;;) {
        const uint32_t ready = TRY(poll_files({entries.get(), entry_count}, patience));
        for (size_t which = 0; which < kSets; ++which)
            std::fill_n(sets.set(which).data(), sets.word_count, 0);
        for (size_t i = 0; i < entry_count; ++i)
            for (size_t which = 0; which < kSets; ++which)
                if ((asked[i].sets >> which & 1) && (entries[i].returned & kEventsOf[which])) {
                    sets.set(which)[asked[i].number / 64] |= uint64_t{1} << (asked[i].number % 64);
                    ++true_bits;
                }
        if (true_bits != 0 || ready == 0) break;
        for (size_t i = 0; i < entry_count; ++i)
            if (entries[i].returned) entries[i].file.reset();  // says only what nobody asked for
        for (size_t i = 0; i < entry_count; ++i)
            entries[i].returned = 0;
    }
    TRY_VOID(sets.write());
    return true_bits;
}

struct MaskArgument {
    uint64_t address;
    uint64_t size;
};

}  // namespace

CallResult sys_select(CallContext& context, int count, UserInOut<std::byte> read_fds,
                      UserInOut<std::byte> write_fds, UserInOut<std::byte> except_fds,
                      UserInOut<abi::Timeval> timeout) {
    const PollDeadline deadline = TRY(PollDeadline::from(timeout));
    Sets sets{{read_fds, write_fds, except_fds}, nullptr};
    return deadline.finish_without_mask(select_until(context, count, sets, deadline.patience()));
}

CallResult sys_pselect6(CallContext& context, int count, UserInOut<std::byte> read_fds,
                        UserInOut<std::byte> write_fds, UserInOut<std::byte> except_fds,
                        UserInOut<abi::Timespec> timeout, UserIn<std::byte> sigmask) {
    MaskArgument mask{};
    if (!sigmask.is_null()) mask = TRY(UserIn<MaskArgument>(sigmask.address()).read());
    const PollDeadline deadline = TRY(PollDeadline::from(timeout));
    TRY_VOID(set_temporary_mask(context, mask.address, mask.size));
    Sets sets{{read_fds, write_fds, except_fds}, nullptr};
    return deadline.finish(context, select_until(context, count, sets, deadline.patience()));
}

}  // namespace gyre::linux
