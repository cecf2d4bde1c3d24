// SPDX-License-Identifier: MIT
//
// The interpreter's memory: which bytes an address may touch, what a context holds, and atomic operations.
#include "lib/bpf/interpreter_machine.h"

namespace gyre::bpf {

bool Machine::fail(const char* why, bool is_unsupported) {
    if (result.fault == nullptr) {
        result.fault = why;
        result.is_unsupported = is_unsupported;
    }
    return false;
}

u32 Machine::insn_at(const Step* step) const {
    return insn_of[static_cast<size_t>(step - code.data())];
}

u64 Machine::map_value_address(u64 map, u64 offset) const {
    if (mode == RunMode::Pure) {
        return map < maps.size() ? reinterpret_cast<u64>(maps[map].values.data()) + offset : 0;
    }
    return address_of(kFirstMapRegion + map, offset);
}

u8* Machine::translate(u64 address, u64 size, bool is_write) {
    if (mode == RunMode::Pure) {
        return reinterpret_cast<u8*>(address);
    }
    u64 index = address >> kRegionShift;
    u64 offset = (address & kOffsetMask) - kRegionMiddle;
    if (index >= regions.size()) {
        return nullptr;
    }
    if (index == kStackRegion) {
        // Functions reach their own frame and those that called them.
        u64 limit = u64{depth + 1} * kStackBytes;
        if (offset >= limit || size > limit - offset) {
            return nullptr;
        }
        if (object_count != 0 && !touch_objects(offset, size, is_write)) {
            return nullptr;
        }
        for (u64 k = 0; k < size && !written.empty(); k++) {
            if (is_write) {
                written[offset + k] = 1;
            } else if (written[offset + k] == 0) {
                fail("a read of stack that was never written");
                return nullptr;
            }
        }
        return stack.data() + offset;
    }
    if (index == kContextRegion) {
        return offset < context.size() && size <= context.size() - offset ? context.data() + offset
                                                                         : nullptr;
    }
    if (index == kRecordRegion) {
        u64 record = offset / kRecordBytes;
        if (record >= kMaxRecords || offset % kRecordBytes + size > held[record]) {
            return nullptr;
        }
        return records.data() + offset;
    }
    if (index == kObjectRegion) {
        return translate_object(offset, size, is_write);
    }
    const Region& r = regions[index];
    if (offset >= (is_write ? r.writable : r.readable) || (offset & r.mask) + size > r.element) {
        return nullptr;
    }
    for (const SpecialField& f : index >= kFirstMapRegion ? maps[index - kFirstMapRegion].map->fields
                                                          : std::span<const SpecialField>()) {
        const u64 within = offset & r.mask;
        if (within < u64{f.offset} + f.size && f.offset < within + size) {
            return nullptr;
        }
    }
    return r.base + offset;
}

// Members of the context that stand for packet pointers; the rest is plain memory.
bool Machine::load_context(u64 offset, u64& value, bool& handled) {
    handled = false;
    bool is_pure = mode == RunMode::Pure;
    const ContextLayout* layout = rules->context;
    for (const ContextLayout* l : {layout, layout->base}) {
        if (l == nullptr) {
            continue;
        }
        for (const ContextField& f : l->read) {
            if (offset < f.begin || offset >= f.end) {
                continue;
            }
            u64 begin = is_pure ? reinterpret_cast<u64>(packet.data()) : address_of(kPacketRegion, 0);
            handled = true;
            switch (f.result) {
                case ContextResult::Packet:
                case ContextResult::PacketMeta: value = begin; return true;
                case ContextResult::PacketEnd: value = begin + packet.size(); return true;
                case ContextResult::Scalar: handled = false; return true;
                case ContextResult::SocketOrNull:
                case ContextResult::SockCommonOrNull: value = 0; return true;
                default: return fail("the context holds a kernel object", true);
            }
        }
    }
    return true;
}

bool Machine::do_atomic(const Step& step) {
    const u32 size = static_cast<u32>(step.target);
    const s32 what = static_cast<s32>(step.imm);
    const unsigned base = what == kAtomicLoadAcquire ? step.src : step.dst;
    u64 address = regs[base] + static_cast<u64>(s64{step.off});
    bool only_loads = what == kAtomicLoadAcquire;
    bool only_stores = what == kAtomicStoreRelease;
    u8* p = only_stores ? nullptr : translate(address, size, false);
    if (!only_loads && (p != nullptr || only_stores)) {
        p = translate(address, size, true);
    }
    if (p == nullptr) {
        return fail("an atomic access outside memory");
    }
    const u64 mask = size == 8 ? ~u64{0} : 0xffffffffu;
    const u64 old = load_bytes(p, size);
    const u64 operand = regs[step.src] & mask;
    u64 now = old;
    switch (what) {
        case kAdd: case kAdd | kAtomicFetch: now = old + operand; break;
        case kAnd: case kAnd | kAtomicFetch: now = old & operand; break;
        case kOr: case kOr | kAtomicFetch: now = old | operand; break;
        case kXor: case kXor | kAtomicFetch: now = old ^ operand; break;
        case kAtomicXchg: case kAtomicStoreRelease: now = operand; break;
        case kAtomicCmpXchg: now = old == (regs[0] & mask) ? operand : old; break;
        case kAtomicLoadAcquire: regs[step.dst] = old; return true;
        default: return fail("an atomic operation that does not exist");
    }
    memcpy(p, &now, size);
    if (what == kAtomicCmpXchg) {
        regs[0] = old;
    } else if ((what & kAtomicFetch) != 0 && !only_stores) {
        regs[step.src] = old;
    }
    return true;
}

}  // namespace gyre::bpf
