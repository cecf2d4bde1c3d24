// SPDX-License-Identifier: MIT
//
// See pid_table.h. Numbers are looked up in chunks of an array that appear when first needed and stay; given out by a
// round over a bitmap.
#include "kernel/linux/pid_table.h"

#include <bit>
#include <new>

#include "kernel/linux/process.h"

namespace gyre::linux {
namespace {

constinit PidNamespace g_initial;

}  // namespace

PidNamespace& PidNamespace::initial() { return g_initial; }

Result<Ref<PidSlot>> PidNamespace::allocate() {
    auto* slot = new (std::nothrow) PidSlot(*this);
    if (!slot) return fail(Error::NoMemory);
    Chunk* spare = nullptr;
    for (;;) {
        Pid wants_chunk = -1;
        {
            SpinGuard guard(lock_);
            const Pid number = next_free_locked();
            if (number < 0) break;
            std::atomic<Chunk*>& chunk = chunks_[number >> kChunkShift];
            if (!chunk.load(std::memory_order_relaxed) && spare) {
                chunk.store(spare, std::memory_order_release);
                spare = nullptr;
            }
            if (Chunk* there = chunk.load(std::memory_order_relaxed)) {
                used_[number / 64] |= uint64_t{1} << (number % 64);
                last_given_.store(number, std::memory_order_relaxed);
                slot->number_ = number;
                there->slots[number & (kChunkSize - 1)].store(slot, std::memory_order_release);
            } else {
                wants_chunk = number;
            }
        }
        if (wants_chunk < 0) {
            delete spare;
            return Ref<PidSlot>::adopt(slot);
        }
        spare = new (std::nothrow) Chunk();
        if (!spare) {
            delete slot;
            return fail(Error::NoMemory);
        }
    }
    delete spare;
    delete slot;
    return fail(Error::WouldBlock);
}

Result<Ref<PidSlot>> PidNamespace::make_zero() {
    auto* slot = new (std::nothrow) PidSlot(*this);
    if (!slot) return fail(Error::NoMemory);
    return Ref<PidSlot>::adopt(slot);
}

// The first free number after the last one given, going round once; -1 when there is none.
Pid PidNamespace::next_free_locked() const {
    const Pid from = last_given_.load(std::memory_order_relaxed) + 1;
    if (const Pid number = free_in_range_locked(from, kMostPids); number >= 0) return number;
    return free_in_range_locked(kFirstReusedPid, from);
}

Pid PidNamespace::free_in_range_locked(Pid from, Pid to) const {
    for (Pid word = from / 64; word * 64 < to; ++word) {
        uint64_t free = ~used_[word];
        if (word == from / 64) free &= ~uint64_t{0} << (from % 64);
        if (free == 0) continue;
        const Pid number = word * 64 + std::countr_zero(free);
        return number < to ? number : -1;
    }
    return -1;
}

PidSlot* PidNamespace::slot_of(Pid number) const {
    if (number <= 0 || number >= kMostPids) return nullptr;
    const Chunk* chunk = chunks_[number >> kChunkShift].load(std::memory_order_acquire);
    return chunk ? chunk->slots[number & (kChunkSize - 1)].load(std::memory_order_acquire) : nullptr;
}

Ref<Task> PidNamespace::find_task(Pid number) const {
    epoch::Reader reader;
    const PidSlot* slot = slot_of(number);
    return slot ? Ref<Task>::try_from(slot->task.load(std::memory_order_acquire)) : Ref<Task>();
}

Ref<Process> PidNamespace::find_process(Pid number) const {
    epoch::Reader reader;
    const PidSlot* slot = slot_of(number);
    return slot ? Ref<Process>::try_from(slot->process.load(std::memory_order_acquire)) : Ref<Process>();
}

Ref<PidSlot> PidNamespace::find_slot(Pid number) const {
    epoch::Reader reader;
    return Ref<PidSlot>::try_from(slot_of(number));
}

Ref<Process> PidNamespace::next_process(Pid from) const {
    if (from < 1) from = 1;
    for (Pid number = from; number < kMostPids; ++number) {
        // The bitmap is only a hint here: a stale word costs a look too many, or misses what was born just now.
        const uint64_t used = __atomic_load_n(&used_[number / 64], __ATOMIC_RELAXED) >> (number % 64);
        if (used == 0) {
            number |= 63;
            continue;
        }
        number += std::countr_zero(used);
        if (Ref<Process> found = find_process(number)) return found;
    }
    return {};
}

void PidNamespace::release(PidSlot& slot) {
    const Pid number = slot.number();
    if (number == 0) return;  // never in the table
    SpinGuard guard(lock_);
    chunks_[number >> kChunkShift].load(std::memory_order_relaxed)->slots[number & (kChunkSize - 1)].store(
        nullptr, std::memory_order_release);
    used_[number / 64] &= ~(uint64_t{1} << (number % 64));
}

void PidSlot::last_reference_gone() {
    namespace_.release(*this);
    epoch::retire(node_, [](epoch::Node* node) {
        auto* slot = reinterpret_cast<PidSlot*>(reinterpret_cast<char*>(node) - offsetof(PidSlot, node_));
        delete slot;
    });
}

}  // namespace gyre::linux
