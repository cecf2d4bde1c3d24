// SPDX-License-Identifier: MIT
//
// Tests of user copies and IoCursor: the testing thread borrows an address space of its own and faults like a program's
// call would; and of two CPUs that fault, fork and unmap in one space.
#include <array>
#include <atomic>

#include "kernel/memory/address_space.h"
#include "kernel/memory/io_cursor.h"
#include "kernel/memory/page.h"
#include "kernel/memory/user.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/thread.h"
#include "kernel/test/test.h"

namespace gyre {

namespace {

constexpr Protection kReadWrite = Protection::Read | Protection::Write;
constexpr uintptr_t kBase = 0x10'0000'0000;

// The current thread lives in a fresh space while this exists: `pages` at kBase, then a hole.
struct Borrowed {
    explicit Borrowed(uint64_t pages) {
        auto created = AddressSpace::create();
        if (!created) return;
        space = std::move(*created);
        MapRequest request;
        request.hint = {kBase};
        request.placement = Placement::Fixed;
        request.length = pages * kPageSize;
        request.protection = kReadWrite;
        is_ready = space->map(request).has_value();
        Thread::set_current_address_space(space);
    }
    ~Borrowed() { Thread::set_current_address_space({}); }
    Ref<AddressSpace> space;
    bool is_ready = false;
};

constinit std::array<std::byte, 3 * kPageSize> buffer{};

}  // namespace

KERNEL_TEST(user_copy_moves_bytes_of_every_length) {
    Borrowed borrowed(4);
    REQUIRE(borrowed.is_ready);
    for (const size_t length : {0, 1, 7, 8, 9, 63, 64, 65, 100, 4095, 4096, 4097, 10000}) {
        for (size_t i = 0; i < length; ++i) buffer[i] = std::byte(i * 7 + length);
        EXPECT(user_memory::copy_out(kBase + 3, buffer.data(), length).has_value());
        for (size_t i = 0; i < length; ++i) buffer[i] = std::byte{0};
        EXPECT(user_memory::copy_in(buffer.data(), kBase + 3, length).has_value());
        bool is_equal = true;
        for (size_t i = 0; i < length; ++i) is_equal &= buffer[i] == std::byte(i * 7 + length);
        EXPECT(is_equal);
    }
    EXPECT(user_memory::zero(kBase + 5, 5001).has_value());
    EXPECT(user_memory::copy_in(buffer.data(), kBase, 6000).has_value());
    EXPECT(buffer[4] != std::byte{0} && buffer[5] == std::byte{0} && buffer[5005] == std::byte{0});
    EXPECT(buffer[5006] != std::byte{0});
}

KERNEL_TEST(user_copy_counts_exactly_up_to_a_hole) {
    Borrowed borrowed(2);
    REQUIRE(borrowed.is_ready);
    const uintptr_t end = kBase + 2 * kPageSize;
    for (const size_t before : {0, 1, 5, 8, 13, 64, 100, 4096, 5000}) {
        EXPECT(user_memory::copy_out_partial(end - before, buffer.data(), before + 20) == before);
        EXPECT(user_memory::copy_in_partial(buffer.data(), end - before, before + 200) == before);
        EXPECT(user_memory::zero_partial(end - before, before + 200) == before);
        EXPECT(user_memory::copy_in(buffer.data(), end - before, before + 1) == Status(fail(Error::BadAddress)));
    }
    EXPECT(user_memory::copy_in(buffer.data(), kUserEnd - 4, 8) == Status(fail(Error::BadAddress)));
    EXPECT(user_memory::copy_out(kDirectMapBase, buffer.data(), 8) == Status(fail(Error::BadAddress)));
    EXPECT(user_memory::copy_out(UINTPTR_MAX - 2, buffer.data(), 8) == Status(fail(Error::BadAddress)));
    EXPECT(borrowed.space->protect({kBase}, kPageSize, Protection::Read).has_value());
    EXPECT(user_memory::copy_out(kBase, buffer.data(), 8) == Status(fail(Error::BadAddress)));
}

KERNEL_TEST(user_strings_end_at_their_zero) {
    Borrowed borrowed(1);
    REQUIRE(borrowed.is_ready);
    std::array<char, 64> text;
    for (size_t shift = 0; shift < 9; ++shift) {
        for (size_t length = 0; length < 30; ++length) {
            std::array<char, 64> from;
            from.fill('x');
            from[length] = 0;
            EXPECT(user_memory::copy_out(kBase + shift, from.data(), from.size()).has_value());
            EXPECT(*user_memory::copy_string_in(text.data(), kBase + shift, text.size()) == length);
            EXPECT(text[length] == 0);
            EXPECT(*user_memory::copy_string_in(text.data(), kBase + shift, length + 1) == length);
            EXPECT(user_memory::copy_string_in(text.data(), kBase + shift, length).error() == Error::NameTooLong);
        }
    }
    const std::array<char, 3> tail = {'a', 'b', 0};
    const uintptr_t end = kBase + kPageSize;
    EXPECT(user_memory::copy_out(end - 3, tail.data(), 3).has_value());
    EXPECT(*user_memory::copy_string_in(text.data(), end - 3, text.size()) == 2);
    EXPECT(user_memory::copy_out(end - 1, tail.data(), 1).has_value());
    EXPECT(user_memory::copy_string_in(text.data(), end - 2, text.size()).error() == Error::BadAddress);
}

KERNEL_TEST(user_words_without_faults) {
    Borrowed borrowed(1);
    REQUIRE(borrowed.is_ready);
    EXPECT(user_memory::load_u32_nofault(kBase).error() == Error::BadAddress);  // not brought, and not waited for
    const uint32_t value = 5;
    EXPECT(user_memory::copy_out(kBase, &value, sizeof value).has_value());
    EXPECT(*user_memory::load_u32_nofault(kBase) == 5);
    uint32_t expected = 4;
    EXPECT(!*user_memory::compare_exchange_u32_nofault(kBase, expected, 6) && expected == 5);
    EXPECT(*user_memory::compare_exchange_u32_nofault(kBase, expected, 6));
    EXPECT(*user_memory::load_u32_nofault(kBase) == 6);
}

KERNEL_TEST(io_cursor_walks_pieces_and_stops_at_faults) {
    Borrowed borrowed(2);
    REQUIRE(borrowed.is_ready);
    const uintptr_t end = kBase + 2 * kPageSize;
    const std::array<UserPiece, 4> pieces = {UserPiece{kBase, 3}, {kBase + 100, 0}, {kBase + 50, 4}, {end - 2, 10}};
    IoCursor cursor = IoCursor::user(pieces);
    EXPECT(cursor.remaining() == 17);
    const std::array<std::byte, 20> from = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
    EXPECT(*cursor.put(std::span(from).first(5)) == 5);
    EXPECT(*cursor.put(std::span(from).first(12)) == 4);
    EXPECT(cursor.put(std::span(from).first(1)).error() == Error::BadAddress);
    IoCursor back = IoCursor::user(pieces);
    std::array<std::byte, 20> to{};
    EXPECT(*back.take(std::span(to).first(6)) == 6);
    EXPECT(to[0] == std::byte{1} && to[4] == std::byte{5} && to[5] == std::byte{1});
    IoCursor kernel = IoCursor::kernel(std::span<std::byte>(to));
    EXPECT(*kernel.put_zeroes(2) == 2 && to[0] == std::byte{0} && to[2] == std::byte{3});
}

namespace {

struct Storm {
    Ref<AddressSpace> space;
    std::atomic<uint32_t> running{0};
    std::atomic<uint32_t> failures{0};
};

// Maps, writes, forks and unmaps beside the others; what one wrote in its own mapping must stay.
void storm_thread(void* argument) {
    auto& storm = *static_cast<Storm*>(argument);
    for (uint32_t round = 0; round < 5; ++round) {
        MapRequest request;
        request.length = 20 * kPageSize;
        request.protection = kReadWrite;
        const auto at = storm.space->map(request);
        if (!at) {
            ++storm.failures;
            break;
        }
        for (uint64_t i = 0; i < 20; ++i) {
            const uint64_t value = at->value + i + round;
            if (!user_memory::copy_out(at->value + i * kPageSize, &value, sizeof value)) ++storm.failures;
        }
        Result<Ref<AddressSpace>> child = storm.space->fork();
        for (uint64_t i = 0; i < 20; ++i) {
            uint64_t value = 0;
            if (!user_memory::copy_in(&value, at->value + i * kPageSize, sizeof value) || value != at->value + i + round)
                ++storm.failures;
            value = 0;
            if (!user_memory::copy_out(at->value + i * kPageSize, &value, sizeof value)) ++storm.failures;
            if (!child) continue;
            uint64_t seen = 0;
            const auto read = (*child)->read_foreign(*at + i * kPageSize, std::as_writable_bytes(std::span(&seen, 1)));
            if (!read || seen != at->value + i + round) ++storm.failures;
        }
        child = fail(Error::NotFound);
        if (!storm.space->unmap(*at, 20 * kPageSize)) ++storm.failures;
        Thread::yield();
    }
    Thread::set_current_address_space({});
    --storm.running;
    Thread::exit();
}

}  // namespace

KERNEL_TEST(address_space_survives_many_cpus) {
    const auto before = page_allocator::statistics();
    {
        Storm storm;
        storm.space = TEST_TRY(AddressSpace::create());
        const uint32_t count = online_cpu_count() + 1;
        for (uint32_t i = 0; i < count; ++i) {
            ++storm.running;
            auto thread = Thread::create({.name = "storm", .entry = storm_thread, .argument = &storm,
                                          .address_space = storm.space.get()});
            REQUIRE(thread.has_value());
            (*thread)->start();
        }
        while (storm.running != 0) Thread::yield();
        EXPECT(storm.failures == 0);
        EXPECT(storm.space->usage().resident_pages == 0);
    }
    const auto after = page_allocator::statistics();
    EXPECT(after.vmo_pages == before.vmo_pages);
}

}  // namespace gyre
