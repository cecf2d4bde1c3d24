// SPDX-License-Identifier: MIT
//
// The checking interpreter (interpreter.h).
#include "lib/bpf/interpreter.h"

#include <string.h>

#include "lib/bpf/cfg.h"
#include "lib/bpf/helper_ids.h"

namespace gyre::bpf {
namespace {

// An address: region number from 1 in the upper bits, then an offset around the middle, so that a
// pointer may wander before its object and come back.
constexpr unsigned kRegionShift = 40;
constexpr u64 kMiddle = u64{1} << 38;
constexpr u64 kStackRegion = 1, kContextRegion = 2, kPacketRegion = 3, kFirstMapRegion = 4;
constexpr u64 kMapPointers = u64{0xfff0} << kRegionShift;
constexpr u64 kMayGotoBudget = 1u << 16;
constexpr u64 kMaxMapBytes = 8u << 20;

constexpr u64 address_of(u64 region, u64 offset) {
    return (region << kRegionShift) + kMiddle + offset;
}

u64 load_bytes(const u8* p, u32 size) {
    u64 v = 0;
    memcpy(&v, p, size);
    return v;
}

}  // namespace

bool Interpreter::fail(const char* why, bool is_unsupported) {
    if (result_.fault == nullptr) {
        result_.fault = why;
        result_.is_unsupported = is_unsupported;
    }
    return false;
}

const char* Interpreter::prepare(const Program& program, const Environment& environment,
                                 Arena& arena) {
    program_ = &program;
    u32 type = static_cast<u32>(program.type);
    if (type >= environment.rules.size() || environment.rules[type].context == nullptr) {
        return "programs of this type cannot be run";
    }
    rules_ = &environment.rules[type];
    stack_ = arena.make_array<u8>(kStackBytes * kMaxFrames);
    maps_ = arena.make_array<MapState>(program.maps.size());
    if (stack_.empty() || maps_.size() != program.maps.size()) {
        return "no memory for the program's stack and maps";
    }
    for (size_t i = 0; i < program.maps.size(); i++) {
        const Map& map = *program.maps[i];
        MapState& m = maps_[i];
        m.map = &map;
        m.stride = (map.value_size + 7) & ~7u;
        u64 bytes = static_cast<u64>(m.stride) * map.max_entries;
        bool holds_values = map.type == MapType::Array || map.type == MapType::PercpuArray ||
                            map.type == MapType::Hash || map.type == MapType::LruHash ||
                            map.type == MapType::PercpuHash || map.type == MapType::LruPercpuHash;
        if (!holds_values || bytes > kMaxMapBytes) {
            continue;  // only a program that touches it will notice
        }
        m.values = arena.make_array<u8>(bytes);
        m.used = arena.make_array<u8>(map.max_entries);
        m.keys = arena.make_array<u8>(static_cast<u64>(map.key_size) * map.max_entries);
        if (m.values.size() != bytes || m.used.size() != map.max_entries) {
            return "no memory for the program's maps";
        }
        if (!map.frozen_contents.empty() && map.frozen_contents.size() <= bytes) {
            memcpy(m.values.data(), map.frozen_contents.data(), map.frozen_contents.size());
        }
    }
    return nullptr;
}

u8* Interpreter::translate(u64 address, u64 size, bool is_write) {
    u64 region = address >> kRegionShift;
    u64 offset = (address & ((u64{1} << kRegionShift) - 1)) - kMiddle;
    std::span<u8> memory;
    if (region == kStackRegion) {
        memory = stack_;
    } else if (region == kContextRegion) {
        memory = context_;
    } else if (region == kPacketRegion) {
        memory = packet_;
    } else if (region >= kFirstMapRegion && region - kFirstMapRegion < maps_.size()) {
        MapState& m = maps_[region - kFirstMapRegion];
        if (is_write && (m.map->flags & kMapReadOnlyProgram)) {
            return nullptr;
        }
        if (m.stride == 0 || offset >= m.values.size() ||
            offset % m.stride + size > m.map->value_size) {
            return nullptr;
        }
        memory = m.values;
    }
    if (offset > memory.size() || size > memory.size() - offset) {
        return nullptr;
    }
    return memory.data() + offset;
}

// Members of the context that stand for packet pointers; the rest is plain memory.
bool Interpreter::load_context(u64 offset, u32 size, u64& value, bool& handled) {
    const ContextLayout* layout = rules_->context;
    for (const ContextLayout* l : {layout, layout->base}) {
        if (l == nullptr) {
            continue;
        }
        for (const ContextField& f : l->read) {
            if (offset < f.begin || offset >= f.end) {
                continue;
            }
            handled = true;
            switch (f.result) {
                case ContextResult::Packet:
                case ContextResult::PacketMeta: value = address_of(kPacketRegion, 0); return true;
                case ContextResult::PacketEnd:
                    value = address_of(kPacketRegion, packet_.size());
                    return true;
                case ContextResult::Scalar: handled = false; return true;
                case ContextResult::SocketOrNull:
                case ContextResult::SockCommonOrNull: value = 0; return true;
                default: return fail("the context holds a kernel object", true);
            }
        }
    }
    (void)size;
    handled = false;
    return true;
}

bool Interpreter::load(const Insn& insn) {
    u32 size = access_size(insn.size_bits());
    u64 address = regs_[insn.src()] + static_cast<u64>(static_cast<s64>(insn.off));
    u64 value = 0;
    bool handled = false;
    if (address >> kRegionShift == kContextRegion) {
        u64 offset = (address & ((u64{1} << kRegionShift) - 1)) - kMiddle;
        if (!load_context(offset, size, value, handled)) {
            return false;
        }
    }
    if (!handled) {
        const u8* p = translate(address, size, false);
        if (p == nullptr) {
            bool is_map = address >= kMapPointers;
            return fail(is_map ? "a member of a kernel's map" : "a load outside memory", is_map);
        }
        value = load_bytes(p, size);
    }
    if (insn.mode() == kModeMemSx) {
        unsigned up = 64 - size * 8;
        value = static_cast<u64>(static_cast<s64>(value << up) >> up);
    }
    regs_[insn.dst()] = value;
    return true;
}

bool Interpreter::store(const Insn& insn) {
    u32 size = access_size(insn.size_bits());
    u64 value = insn.insn_class() == kClassStx ? regs_[insn.src()]
                                               : static_cast<u64>(static_cast<s64>(insn.imm));
    u8* p = translate(regs_[insn.dst()] + static_cast<u64>(static_cast<s64>(insn.off)), size, true);
    if (p == nullptr) {
        return fail("a store outside memory");
    }
    memcpy(p, &value, size);
    return true;
}

bool Interpreter::atomic(const Insn& insn) {
    u32 size = access_size(insn.size_bits());
    unsigned base = insn.imm == kAtomicLoadAcquire ? insn.src() : insn.dst();
    u8* p = translate(regs_[base] + static_cast<u64>(static_cast<s64>(insn.off)), size, true);
    if (p == nullptr) {
        return fail("an atomic access outside memory");
    }
    u64 mask = size == 8 ? ~u64{0} : 0xffffffffu;
    u64 old = load_bytes(p, size);
    u64 operand = regs_[insn.src()] & mask;
    u64 now = old;
    switch (insn.imm) {
        case kAdd: case kAdd | kAtomicFetch: now = old + operand; break;
        case kAnd: case kAnd | kAtomicFetch: now = old & operand; break;
        case kOr: case kOr | kAtomicFetch: now = old | operand; break;
        case kXor: case kXor | kAtomicFetch: now = old ^ operand; break;
        case kAtomicXchg: now = operand; break;
        case kAtomicCmpXchg: now = old == (regs_[0] & mask) ? operand : old; break;
        case kAtomicStoreRelease: now = operand; break;
        default: break;
    }
    memcpy(p, &now, size);
    if (insn.imm == kAtomicCmpXchg) {
        regs_[0] = old;
    } else if (insn.imm == kAtomicLoadAcquire) {
        regs_[insn.dst()] = old;
    } else if ((insn.imm & kAtomicFetch) && insn.imm != kAtomicStoreRelease) {
        regs_[insn.src()] = old;
    }
    return true;
}

void Interpreter::alu(const Insn& insn) {
    bool wide = insn.insn_class() == kClassAlu64;
    u64& dst = regs_[insn.dst()];
    u64 b = insn.uses_register_source() ? regs_[insn.src()]
                                        : static_cast<u64>(static_cast<s64>(insn.imm));
    u64 a = dst;
    if (insn.op() == kEnd) {
        u64 v = a;
        bool swaps = wide || insn.uses_register_source();
        if (insn.imm == 16) {
            v = swaps ? __builtin_bswap16(static_cast<u16>(v)) : static_cast<u16>(v);
        } else if (insn.imm == 32) {
            v = swaps ? __builtin_bswap32(static_cast<u32>(v)) : static_cast<u32>(v);
        } else {
            v = swaps ? __builtin_bswap64(v) : v;
        }
        dst = v;
        return;
    }
    if (!wide) {
        a = static_cast<u32>(a);
        b = static_cast<u32>(b);
    }
    u64 shift = b & (wide ? 63 : 31);
    s64 sa = wide ? static_cast<s64>(a) : static_cast<s32>(a);
    s64 sb = wide ? static_cast<s64>(b) : static_cast<s32>(b);
    u64 r = 0;
    switch (insn.op()) {
        case kAdd: r = a + b; break;
        case kSub: r = a - b; break;
        case kMul: r = a * b; break;
        case kDiv:
            if (insn.off == 1) {
                r = sb == 0 ? 0 : sb == -1 ? ~static_cast<u64>(sa) + 1 : static_cast<u64>(sa / sb);
            } else {
                r = b == 0 ? 0 : a / b;
            }
            break;
        case kMod:
            if (insn.off == 1) {
                r = sb == 0 ? a : sb == -1 ? 0 : static_cast<u64>(sa % sb);
            } else {
                r = b == 0 ? a : a % b;
            }
            break;
        case kOr: r = a | b; break;
        case kAnd: r = a & b; break;
        case kXor: r = a ^ b; break;
        case kLsh: r = a << shift; break;
        case kRsh: r = a >> shift; break;
        case kArsh: r = static_cast<u64>(sa >> shift); break;
        case kNeg: r = ~a + 1; break;
        default:  // mov
            r = b;
            if (insn.uses_register_source() && insn.off > 1) {
                unsigned up = 64 - static_cast<unsigned>(insn.off);
                r = static_cast<u64>(static_cast<s64>(b << up) >> up);
            }
            break;
    }
    dst = wide ? r : static_cast<u32>(r);
}

bool Interpreter::is_taken(const Insn& insn) const {
    bool wide = insn.insn_class() == kClassJmp;
    u64 a = regs_[insn.dst()];
    u64 b = insn.uses_register_source() ? regs_[insn.src()]
                                        : static_cast<u64>(static_cast<s64>(insn.imm));
    if (!wide) {
        a = static_cast<u32>(a);
        b = static_cast<u32>(b);
    }
    s64 sa = wide ? static_cast<s64>(a) : static_cast<s32>(a);
    s64 sb = wide ? static_cast<s64>(b) : static_cast<s32>(b);
    switch (insn.op()) {
        case kJeq: return a == b;
        case kJne: return a != b;
        case kJgt: return a > b;
        case kJge: return a >= b;
        case kJlt: return a < b;
        case kJle: return a <= b;
        case kJset: return (a & b) != 0;
        case kJsgt: return sa > sb;
        case kJsge: return sa >= sb;
        case kJslt: return sa < sb;
        case kJsle: return sa <= sb;
        default: return true;
    }
}

bool Interpreter::load_imm64(const Insn& insn) {
    const Insn& second = program_->insns[at_ + 1];
    u64 value = static_cast<u32>(insn.imm) | static_cast<u64>(static_cast<u32>(second.imm)) << 32;
    switch (insn.src()) {
        case kPseudoNone: break;
        case kPseudoMapFd: value = kMapPointers + static_cast<u32>(insn.imm); break;
        case kPseudoMapValue:
            value = address_of(kFirstMapRegion + static_cast<u32>(insn.imm),
                               static_cast<u32>(second.imm));
            break;
        default: return fail("an address that only a kernel has", true);
    }
    regs_[insn.dst()] = value;
    at_ += 2;
    return true;
}

// The entry's number + 1, or 0.
u64 Interpreter::find_entry(MapState& m, const u8* key, bool create) {
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

bool Interpreter::call_helper(u32 id) {
    u64 result = 0;
    u64 index = regs_[1] - kMapPointers;
    MapState* m = index < maps_.size() ? &maps_[index] : nullptr;
    switch (id) {
        case helper::kMapLookup:
        case helper::kMapUpdate:
        case helper::kMapDelete: {
            if (m == nullptr) {
                return fail("a map helper without a map");
            }
            if (m->values.empty()) {
                return fail("this kind of map is not modelled", true);
            }
            const u8* key = translate(regs_[2], m->map->key_size, false);
            if (key == nullptr) {
                return fail("a map key outside memory");
            }
            u64 entry = find_entry(*m, key, id == helper::kMapUpdate);
            if (id == helper::kMapLookup) {
                result = entry == 0 ? 0
                                    : address_of(kFirstMapRegion + index, (entry - 1) * m->stride);
            } else if (id == helper::kMapUpdate) {
                const u8* value = translate(regs_[3], m->map->value_size, false);
                if (value == nullptr) {
                    return fail("a map value outside memory");
                }
                if (entry != 0) {
                    memmove(m->values.data() + (entry - 1) * m->stride, value, m->map->value_size);
                }
                result = entry == 0 ? static_cast<u64>(-7) : 0;  // E2BIG
            } else {
                bool is_hash = entry != 0 && m->map->type != MapType::Array &&
                               m->map->type != MapType::PercpuArray;
                if (is_hash) {
                    m->used[entry - 1] = 0;
                }
                result = is_hash ? 0 : static_cast<u64>(-2);  // ENOENT
            }
            break;
        }
        case helper::kGetPrandom:
            random_ = random_ * 6364136223846793005u + 1442695040888963407u;
            result = random_ >> 32;
            break;
        case 5: case 125: result = 1'000'000'000; break;  // ktime_get_ns, _boot_ns
        case helper::kGetSmpProcessorId: case 42: result = 0; break;
        case helper::kTracePrintk: result = 0; break;
        case helper::kTailCall: result = static_cast<u64>(-2); break;
        default: return fail("a helper that the interpreter does not know", true);
    }
    regs_[0] = result;
    at_++;
    return true;
}

bool Interpreter::call(const Insn& insn) {
    if (insn.src() == kCallHelper) {
        return call_helper(static_cast<u32>(insn.imm));
    }
    if (insn.src() != kCallSubprogram) {
        return fail("a kernel function that the interpreter does not know", true);
    }
    if (depth_ + 1 >= kMaxFrames) {
        return fail("calls nest too deep");
    }
    Return& r = returns_[depth_++];
    r.insn = at_ + 1;
    for (unsigned k = 0; k < 4; k++) {
        r.saved[k] = regs_[6 + k];
    }
    regs_[kFramePointer] += kStackBytes;
    at_ += 1 + static_cast<u32>(insn.imm);
    return true;
}

RunResult Interpreter::run(std::span<u8> context, std::span<u8> packet, u64 max_steps, u64 seed) {
    context_ = context;
    packet_ = packet;
    result_ = RunResult{};
    random_ = seed;
    may_gotos_ = 0;
    depth_ = 0;
    at_ = 0;
    for (u64& r : regs_) {
        r = 0;
    }
    regs_[1] = address_of(kContextRegion, 0);
    regs_[kFramePointer] = address_of(kStackRegion, kStackBytes);
    bool fine = true;
    while (fine) {
        if (at_ >= program_->insns.size()) {
            fail("the program runs off its end");
            break;
        }
        if (result_.steps++ >= max_steps) {
            fail("the program runs too long");
            break;
        }
        const Insn& insn = program_->insns[at_];
        switch (insn.insn_class()) {
            case kClassAlu:
            case kClassAlu64:
                if (insn.op() == kMov && insn.off == 1) {
                    fine = fail("an arena address", true);
                    break;
                }
                alu(insn);
                at_++;
                break;
            case kClassLdx:
                fine = load(insn);
                at_ += fine;
                break;
            case kClassSt:
            case kClassStx:
                fine = insn.mode() == kModeAtomic ? atomic(insn) : store(insn);
                at_ += fine;
                break;
            case kClassLd:
                fine = is_ld_imm64(insn) ? load_imm64(insn)
                                         : fail("a legacy packet load", true);
                break;
            default:
                if (insn.op() == kCall) {
                    fine = call(insn);
                } else if (insn.op() == kExit) {
                    if (depth_ == 0) {
                        result_.is_finished = true;
                        result_.value = regs_[0];
                        result_.insn = at_;
                        return result_;
                    }
                    const Return& r = returns_[--depth_];
                    for (unsigned k = 0; k < 4; k++) {
                        regs_[6 + k] = r.saved[k];
                    }
                    regs_[kFramePointer] -= kStackBytes;
                    at_ = r.insn;
                } else if (insn.op() == kJcond) {
                    // The kernel's budget is larger, but no program may rely on it.
                    bool is_spent = ++may_gotos_ > kMayGotoBudget;
                    at_ = successors(program_->insns, at_).insn[is_spent ? 1 : 0];
                } else {
                    Successors next = successors(program_->insns, at_);
                    at_ = next.count == 1 ? next.insn[0] : next.insn[is_taken(insn) ? 1 : 0];
                }
                break;
        }
    }
    result_.insn = at_;
    return result_;
}

}  // namespace gyre::bpf
