// SPDX-License-Identifier: MIT
//
// A table of numbered slots: Linux descriptors and object handles are both one. Lookup takes no lock (epoch);
// changes take the table's. The lowest free slot is found through a bitmap in words, not by a walk.
// A slot holds a reference to a T and 32 bits that belong to the slot (close-on-exec; rights).
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <new>

#include "kernel/sync/epoch.h"
#include "kernel/sync/spin_lock.h"
#include "lib/base/ref.h"

namespace gyre {

template <class T, LockRank Rank>
class SlotTable {
public:
    struct Entry {
        Ref<T> object;
        uint32_t bits = 0;
    };

    SlotTable() = default;
    SlotTable(const SlotTable&) = delete;
    SlotTable& operator=(const SlotTable&) = delete;
    ~SlotTable() {
        clear();
        if (Slots* slots = slots_.load(std::memory_order_relaxed)) destroy(slots);
    }

    // Lock-free. Null when the slot is empty or out of range.
    Ref<T> get(uint32_t number) const {
        epoch::Reader reader;
        const Slots* slots = slots_.load(std::memory_order_acquire);
        if (!slots || number >= slots->capacity) return {};
        return Ref<T>::try_from(slots->slot(number).object.load(std::memory_order_acquire));
    }
    Result<Entry> get_entry(uint32_t number) const {
        SpinGuard guard(lock_);
        const Slots* slots = slots_.load(std::memory_order_relaxed);
        if (!slots || number >= slots->capacity) return fail(Error::BadDescriptor);
        const Slot& slot = slots->slot(number);
        T* object = slot.object.load(std::memory_order_relaxed);
        if (!object) return fail(Error::BadDescriptor);
        return Entry{Ref<T>(object), slot.bits};
    }

    // Puts the object into the lowest free slot that is at least `minimum` and below `limit`.
    // Errors: TooManyFiles when there is none, NoMemory.
    Result<uint32_t> insert(Ref<T> object, uint32_t bits, uint32_t minimum, uint32_t limit) {
        Slots* spare = nullptr;
        for (;;) {
            uint32_t wanted;
            {
                SpinGuard guard(lock_);
                adopt_spare_locked(spare);
                Slots* slots = slots_.load(std::memory_order_relaxed);
                const uint32_t number = lowest_free_locked(slots, minimum);
                if (number >= limit) {
                    wanted = 0;
                } else if (slots && number < slots->capacity) {
                    fill_locked(*slots, number, object.leak(), bits);
                    free_unused(spare);
                    return number;
                } else {
                    wanted = number + 1;
                }
            }
            free_unused(spare);
            if (wanted == 0) return fail(Error::TooManyFiles);
            spare = TRY(make_slots(wanted));
        }
    }

    // Puts the object into exactly this slot; what was there is handed back. Errors: NoMemory.
    Result<Entry> replace(uint32_t number, Ref<T> object, uint32_t bits) {
        Slots* spare = nullptr;
        for (;;) {
            {
                SpinGuard guard(lock_);
                adopt_spare_locked(spare);
                Slots* slots = slots_.load(std::memory_order_relaxed);
                if (slots && number < slots->capacity) {
                    Slot& slot = slots->slot(number);
                    Entry old{Ref<T>::adopt(slot.object.load(std::memory_order_relaxed)), slot.bits};
                    if (!old.object) ++count_;
                    set_used(*slots, number, true);
                    slot.bits = bits;
                    slot.object.store(object.leak(), std::memory_order_release);
                    free_unused(spare);
                    return old;
                }
            }
            free_unused(spare);
            spare = TRY(make_slots(number + 1));
        }
    }

    // Empties the slot and hands out what was in it. Errors: BadDescriptor.
    Result<Entry> remove(uint32_t number) {
        SpinGuard guard(lock_);
        Slots* slots = slots_.load(std::memory_order_relaxed);
        if (!slots || number >= slots->capacity) return fail(Error::BadDescriptor);
        T* object = slots->slot(number).object.load(std::memory_order_relaxed);
        if (!object) return fail(Error::BadDescriptor);
        return take_locked(*slots, number);
    }

    Status set_bits(uint32_t number, uint32_t bits) {
        SpinGuard guard(lock_);
        Slots* slots = slots_.load(std::memory_order_relaxed);
        if (!slots || number >= slots->capacity || !slots->slot(number).object.load(std::memory_order_relaxed))
            return fail(Error::BadDescriptor);
        slots->slot(number).bits = bits;
        return {};
    }

    // The first used slot at or after `from`, or UINT32_MAX. With it one walks a table that changes meanwhile.
    uint32_t next_used(uint32_t from) const {
        SpinGuard guard(lock_);
        const Slots* slots = slots_.load(std::memory_order_relaxed);
        if (!slots) return UINT32_MAX;
        for (uint32_t word = from / 64; word < slots->capacity / 64; ++word) {
            uint64_t used = slots->used()[word];
            if (word == from / 64) used &= ~uint64_t{0} << (from % 64);
            if (used) return word * 64 + static_cast<uint32_t>(std::countr_zero(used));
        }
        return UINT32_MAX;
    }

    // A copy of every slot, as fork makes it. `this` must be empty. Errors: NoMemory.
    Status copy_from(const SlotTable& other) {
        uint32_t capacity;
        {
            SpinGuard guard(other.lock_);
            const Slots* theirs = other.slots_.load(std::memory_order_relaxed);
            capacity = theirs ? theirs->capacity : 0;
        }
        for (;;) {
            if (capacity == 0) return {};
            Slots* mine = TRY(make_slots(capacity));
            SpinGuard guard(other.lock_);
            const Slots* theirs = other.slots_.load(std::memory_order_relaxed);
            if (theirs->capacity > mine->capacity) {
                capacity = theirs->capacity;
                free_unused(mine);
                continue;
            }
            for (uint32_t word = 0; word < theirs->capacity / 64; ++word) {
                uint64_t used = theirs->used()[word];
                mine->used()[word] = used;
                for (; used; used &= used - 1) {
                    const uint32_t number = word * 64 + static_cast<uint32_t>(std::countr_zero(used));
                    T* object = theirs->slot(number).object.load(std::memory_order_relaxed);
                    object->add_reference();
                    mine->slot(number).object.store(object, std::memory_order_relaxed);
                    mine->slot(number).bits = theirs->slot(number).bits;
                }
            }
            count_ = other.count_;
            slots_.store(mine, std::memory_order_release);
            return {};
        }
    }

    void clear() {
        for (uint32_t number = next_used(0); number != UINT32_MAX; number = next_used(number + 1))
            (void)remove(number);
    }
    uint32_t count() const { return count_; }
    uint32_t capacity() const {
        const Slots* slots = slots_.load(std::memory_order_relaxed);
        return slots ? slots->capacity : 0;
    }

private:
    struct Slot {
        std::atomic<T*> object{nullptr};
        uint32_t bits = 0;
    };
    // One allocation: this header, the slots, the bitmap.
    struct Slots {
        epoch::Node node;
        uint32_t capacity;  // a multiple of 64
        Slot& slot(uint32_t number) { return reinterpret_cast<Slot*>(this + 1)[number]; }
        const Slot& slot(uint32_t number) const { return reinterpret_cast<const Slot*>(this + 1)[number]; }
        uint64_t* used() { return reinterpret_cast<uint64_t*>(reinterpret_cast<Slot*>(this + 1) + capacity); }
        const uint64_t* used() const {
            return reinterpret_cast<const uint64_t*>(reinterpret_cast<const Slot*>(this + 1) + capacity);
        }
    };

    static Result<Slots*> make_slots(uint32_t wanted) {
        const uint32_t capacity = std::bit_ceil(wanted < 64 ? 64u : wanted);
        const size_t bytes = sizeof(Slots) + capacity * sizeof(Slot) + capacity / 64 * sizeof(uint64_t);
        void* memory = ::operator new(bytes, std::nothrow);
        if (!memory) return fail(Error::NoMemory);
        auto* slots = new (memory) Slots{{}, capacity};
        for (uint32_t i = 0; i < capacity; ++i) new (&slots->slot(i)) Slot;
        for (uint32_t i = 0; i < capacity / 64; ++i) slots->used()[i] = 0;
        return slots;
    }
    static void destroy(Slots* slots) { ::operator delete(slots); }
    static void free_unused(Slots*& slots) {
        if (slots) destroy(slots);
        slots = nullptr;
    }

    // Moves everything into the larger `spare`; readers may still be in the old one, so it is retired.
    void adopt_spare_locked(Slots*& spare) {
        Slots* old = slots_.load(std::memory_order_relaxed);
        if (!spare || (old && old->capacity >= spare->capacity)) return;
        if (old) {
            for (uint32_t i = 0; i < old->capacity; ++i) {
                spare->slot(i).object.store(old->slot(i).object.load(std::memory_order_relaxed),
                                            std::memory_order_relaxed);
                spare->slot(i).bits = old->slot(i).bits;
            }
            for (uint32_t i = 0; i < old->capacity / 64; ++i) spare->used()[i] = old->used()[i];
        }
        slots_.store(spare, std::memory_order_release);
        spare = nullptr;
        if (old)
            epoch::retire(old->node, [](epoch::Node* node) { destroy(reinterpret_cast<Slots*>(node)); });
    }
    uint32_t lowest_free_locked(const Slots* slots, uint32_t minimum) const {
        if (!slots || minimum >= slots->capacity) return minimum;
        for (uint32_t word = minimum / 64; word < slots->capacity / 64; ++word) {
            uint64_t free = ~slots->used()[word];
            if (word == minimum / 64) free &= ~uint64_t{0} << (minimum % 64);
            if (free) return word * 64 + static_cast<uint32_t>(std::countr_zero(free));
        }
        return slots->capacity;
    }
    static void set_used(Slots& slots, uint32_t number, bool is_used) {
        const uint64_t bit = uint64_t{1} << (number % 64);
        if (is_used)
            slots.used()[number / 64] |= bit;
        else
            slots.used()[number / 64] &= ~bit;
    }
    void fill_locked(Slots& slots, uint32_t number, T* object, uint32_t bits) {
        set_used(slots, number, true);
        slots.slot(number).bits = bits;
        slots.slot(number).object.store(object, std::memory_order_release);
        ++count_;
    }
    Entry take_locked(Slots& slots, uint32_t number) {
        Slot& slot = slots.slot(number);
        Entry entry{Ref<T>::adopt(slot.object.load(std::memory_order_relaxed)), slot.bits};
        slot.object.store(nullptr, std::memory_order_release);
        set_used(slots, number, false);
        --count_;
        return entry;
    }

    std::atomic<Slots*> slots_{nullptr};
    mutable SpinLock lock_{Rank};
    uint32_t count_ = 0;
};

}  // namespace gyre
