// SPDX-License-Identifier: MIT
//
// The helpers that the interpreter knows: maps that hold values, ring buffer records, time and chance.
#include "lib/bpf/helper_ids.h"
#include "lib/bpf/interpreter_machine.h"

namespace gyre::bpf {
namespace {

constexpr u64 kNoEntry = static_cast<u64>(-2), kTooBig = static_cast<u64>(-7),
              kFault = static_cast<u64>(-14);  // -ENOENT, -E2BIG, -EFAULT

}  // namespace

// The entry's number + 1, or 0.
u64 Machine::find_entry(MapState& m, const u8* key, bool create) {
    bool is_array = m.map->type == MapType::Array || m.map->type == MapType::PercpuArray;
    if (is_array) {
        u32 index = 0;
        memcpy(&index, key, 4);
        return index < m.map->max_entries ? u64{index} + 1 : 0;
    }
    u64 unused = 0;
    for (u64 i = 0; i < m.map->max_entries; i++) {
        if (!m.used[i]) {
            unused = unused == 0 ? i + 1 : unused;
        } else if (memcmp(m.keys.data() + i * m.map->key_size, key, m.map->key_size) == 0) {
            return i + 1;
        }
    }
    if (create && unused != 0) {
        m.used[unused - 1] = 1;
        memcpy(m.keys.data() + (unused - 1) * m.map->key_size, key, m.map->key_size);
        return unused;
    }
    return 0;
}

bool Machine::map_helper(u32 id, u64& value) {
    u64 index = regs[1] - kMapPointers;
    if (index >= maps.size()) {
        return fail("a map helper without a map");
    }
    MapState& m = maps[index];
    if (m.values.empty()) {
        return fail("this kind of map is not modelled", true);
    }
    const u8* key = translate(regs[2], m.map->key_size, false);
    if (key == nullptr) {
        return fail("a map key outside memory");
    }
    u64 entry = find_entry(m, key, id == helper::kMapUpdate);
    if (id == helper::kMapLookup) {
        value = entry == 0 ? 0 : map_value_address(index, (entry - 1) * m.stride);
        return true;
    }
    if (id == helper::kMapUpdate) {
        const u8* from = translate(regs[3], m.map->value_size, false);
        if (from == nullptr) {
            return fail("a map value outside memory");
        }
        if (entry != 0) {
            memmove(m.values.data() + (entry - 1) * m.stride, from, m.map->value_size);
        }
        value = entry == 0 ? kTooBig : 0;
        return true;
    }
    bool is_hash = entry != 0 && m.map->type != MapType::Array && m.map->type != MapType::PercpuArray;
    if (is_hash) {
        m.used[entry - 1] = 0;
    }
    value = is_hash ? 0 : kNoEntry;
    return true;
}

bool Machine::ring_helper(u32 id, u64& value) {
    bool is_pure = mode == RunMode::Pure;
    if (id == helper::kRingbufReserve) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        value = 0;
        for (u64 k = 0; k < kMaxRecords && (random >> 62) != 0; k++) {  // at times there is no room
            if (held[k] == 0 && regs[2] <= kRecordBytes && regs[2] != 0) {
                held[k] = static_cast<u32>(regs[2]);
                u64 offset = k * kRecordBytes;
                value = is_pure ? reinterpret_cast<u64>(records.data()) + offset
                                : address_of(kRecordRegion, offset);
                break;
            }
        }
        return true;
    }
    u64 base = is_pure ? reinterpret_cast<u64>(records.data()) : address_of(kRecordRegion, 0);
    u64 offset = regs[1] - base;
    u64 record = offset / kRecordBytes;
    if (record >= kMaxRecords || offset % kRecordBytes != 0 || held[record] == 0) {
        return fail("a record is given back that is not held");
    }
    held[record] = 0;
    value = 0;
    return true;
}

bool Machine::call_helper(u32 id) {
    u64 value = 0;
    bool fine = true;
    switch (id) {
        case helper::kMapLookup: case helper::kMapUpdate: case helper::kMapDelete:
            fine = map_helper(id, value);
            break;
        case helper::kRingbufReserve: case helper::kRingbufSubmit: case helper::kRingbufDiscard:
            fine = ring_helper(id, value);
            break;
        case helper::kGetPrandom:
            random = random * 6364136223846793005u + 1442695040888963407u;
            value = random >> 32;
            break;
        case 26: {  // skb_load_bytes
            u8* to = translate(regs[3], regs[4], true);
            if (to == nullptr && regs[4] != 0) {
                return fail("a helper writes outside memory");
            }
            bool fits = regs[2] <= packet.size() && regs[4] <= packet.size() - regs[2];
            if (regs[4] != 0 && fits) {
                memcpy(to, packet.data() + regs[2], regs[4]);
            } else if (regs[4] != 0) {
                memset(to, 0, regs[4]);
            }
            value = fits ? 0 : kFault;
            break;
        }
        case 5: case 125: value = 1'000'000'000; break;  // ktime_get_ns, _boot_ns
        case helper::kSpinLock: case helper::kSpinUnlock: fine = spin_lock(id == helper::kSpinLock); break;
        case helper::kDynptrFromMem: case helper::kRingbufReserveDynptr: case helper::kRingbufSubmitDynptr:
        case helper::kRingbufDiscardDynptr: case helper::kDynptrRead: case helper::kDynptrWrite: case helper::kDynptrData:
            if (mode == RunMode::Pure) {
                return fail("a helper that the interpreter does not know", true);
            }
            fine = buffer_helper(id, value);
            break;
        case helper::kGetSmpProcessorId: case 42: value = 0; break;
        case helper::kTracePrintk: value = 0; break;
        case helper::kTailCall: value = kNoEntry; break;
        default: return fail("a helper that the interpreter does not know", true);
    }
    regs[0] = value;
    return fine;
}

}  // namespace gyre::bpf
