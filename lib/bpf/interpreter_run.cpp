// SPDX-License-Identifier: MIT
//
// What each step does. A handler ends by jumping to the next step's handler (a tail call), so there is
// no loop and the processor predicts each jump by itself. Steps are counted where control moves.
#include "lib/bpf/helper_ids.h"
#include "lib/bpf/interpreter_machine.h"
#include "lib/bpf/interpreter_math.h"

namespace gyre::bpf {
namespace {

constexpr bool is_single(RunMode mode) { return mode == RunMode::Single; }

template <RunMode kMode>
[[gnu::always_inline]] inline void next(const Step* pc, u64* regs, Machine* m) {
    if constexpr (is_single(kMode)) {
        m->pc = pc;
        return;
    } else {
        [[clang::musttail]] return pc->go(pc, regs, m);
    }
}

void stop(const Step* pc, u64*, Machine* m) {
    m->steps += m->mode == RunMode::Single ? 0 : static_cast<u64>(pc - m->block) + 1;
    m->pc = pc;
}

[[gnu::cold, gnu::noinline]] void fault(const Step* pc, u64* regs, Machine* m, const char* why,
                                        bool is_unsupported = false) {
    m->fail(why, is_unsupported);
    stop(pc, regs, m);
}

void fall_off(const Step* pc, u64* regs, Machine* m) {
    fault(pc, regs, m, "the program runs off its end");
}
void bad_register(const Step* pc, u64* regs, Machine* m) {
    fault(pc, regs, m, "the frame pointer is written");
}
void bad_instruction(const Step* pc, u64* regs, Machine* m) {
    fault(pc, regs, m, "an instruction that does not exist");
}
void unsupported_address(const Step* pc, u64* regs, Machine* m) {
    fault(pc, regs, m, "an address that only a kernel has", true);
}
void unsupported_load(const Step* pc, u64* regs, Machine* m) {
    fault(pc, regs, m, "a legacy packet load", true);
}
void unsupported_call(const Step* pc, u64* regs, Machine* m) {
    fault(pc, regs, m, "a kernel function that the interpreter does not know", true);
}

// Counts what was run up to a jump; false if the program has had its time.
template <RunMode kMode>
[[gnu::always_inline]] inline bool moves(const Step* pc, const Step* to, Machine* m) {
    if constexpr (!is_single(kMode)) {
        m->steps += static_cast<u64>(pc - m->block) + 1;
        m->block = to;
        return to > pc || m->steps <= m->max_steps;
    }
    return true;
}

[[gnu::cold, gnu::noinline]] void too_long(const Step* to, Machine* m) {
    m->fail("the program runs too long");
    m->pc = to;
}

template <RunMode kMode, u8 kOp, bool kWide, bool kRegister, bool kSigned>
void alu(const Step* pc, u64* regs, Machine* m) {
    const u64 b = kRegister ? regs[pc->src] : pc->imm;
    regs[pc->dst] = compute<kOp, kWide, kSigned>(regs[pc->dst], b);
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

// A mov that widens 8, 16 or 32 bits with their sign.
template <RunMode kMode, bool kWide>
void move_signed(const Step* pc, u64* regs, Machine* m) {
    const u64 v = extend_sign(regs[pc->src], static_cast<unsigned>(pc->off));
    regs[pc->dst] = kWide ? v : static_cast<u32>(v);
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode, bool kSwaps>
void convert(const Step* pc, u64* regs, Machine* m) {
    regs[pc->dst] = convert_bytes(regs[pc->dst], static_cast<s32>(pc->imm), kSwaps);
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode>
void load_wide(const Step* pc, u64* regs, Machine* m) {
    regs[pc->dst] = pc->imm;
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode, u8 kOp, bool kWide, bool kRegister>
void jump(const Step* pc, u64* regs, Machine* m) {
    const u64 b = kRegister ? regs[pc->src] : pc->imm;
    if (!holds<kOp, kWide>(regs[pc->dst], b)) {
        [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
    }
    const Step* to = pc + pc->target;
    if (!moves<kMode>(pc, to, m)) {
        return too_long(to, m);
    }
    [[clang::musttail]] return next<kMode>(to, regs, m);
}

template <RunMode kMode>
void may_goto(const Step* pc, u64* regs, Machine* m) {
    // The kernel's budget is larger, but no program may rely on it.
    const Step* to = ++m->may_gotos[m->depth] > m->may_goto_budget ? pc + pc->target : pc + 1;
    if (!moves<kMode>(pc, to, m)) {
        return too_long(to, m);
    }
    [[clang::musttail]] return next<kMode>(to, regs, m);
}

template <u32 kSize>
[[gnu::always_inline]] inline u64 fetch(const u8* p) {
    u64 v = 0;
    memcpy(&v, p, kSize);
    return v;
}

// The bytes at an address that a program computed; null if it may not have them.
template <RunMode kMode, u32 kSize, bool kIsWrite>
[[gnu::always_inline]] inline u8* reach(u64 address, Machine* m) {
    if constexpr (kMode == RunMode::Pure) {
        return reinterpret_cast<u8*>(address);
    }
    const u64 index = address >> kRegionShift;
    const u64 offset = (address & kOffsetMask) - kRegionMiddle;
    if (index < m->regions.size()) [[likely]] {
        const Region& r = m->regions[index];
        if (offset < (kIsWrite ? r.writable : r.readable) && (offset & r.mask) + kSize <= r.element)
            [[likely]] {
            return r.base + offset;
        }
    }
    return m->translate(address, kSize, kIsWrite);
}

// True if the address lies in the context and was answered from its layout.
template <RunMode kMode>
[[gnu::always_inline]] inline bool is_context(u64 address, const Machine* m, u64& offset) {
    if constexpr (kMode == RunMode::Pure) {
        offset = address - reinterpret_cast<u64>(m->context.data());
        return offset < m->context.size();
    } else {
        offset = (address & kOffsetMask) - kRegionMiddle;
        return (address >> kRegionShift) == kContextRegion;
    }
}

[[gnu::cold, gnu::noinline]] void bad_load(const Step* pc, u64* regs, Machine* m, u64 address) {
    const bool is_map = address >= kMapPointers;
    fault(pc, regs, m, is_map ? "a member of a kernel's map" : "a load outside memory", is_map);
}

template <RunMode kMode, u32 kSize, bool kSigned>
void load(const Step* pc, u64* regs, Machine* m) {
    const u64 address = regs[pc->src] + static_cast<u64>(s64{pc->off});
    u64 offset = 0;
    u64 value = 0;
    bool handled = false;
    if (is_context<kMode>(address, m, offset) && !m->load_context(offset, value, handled)) {
        return stop(pc, regs, m);
    }
    if (!handled) {
        const u8* p = reach<kMode, kSize, false>(address, m);
        if (p == nullptr) [[unlikely]] {
            return bad_load(pc, regs, m, address);
        }
        value = fetch<kSize>(p);
    }
    regs[pc->dst] = kSigned ? extend_sign(value, kSize * 8) : value;
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode, u32 kSize, bool kRegister>
void store(const Step* pc, u64* regs, Machine* m) {
    const u64 value = kRegister ? regs[pc->src] : pc->imm;
    u8* p = reach<kMode, kSize, true>(regs[pc->dst] + static_cast<u64>(s64{pc->off}), m);
    if (p == nullptr) [[unlikely]] {
        return fault(pc, regs, m, "a store outside memory");
    }
    memcpy(p, &value, kSize);
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

// Slots of the running function's own frame at a constant place: checked when they were decoded.
template <RunMode kMode, u32 kSize, bool kSigned>
void load_frame(const Step* pc, u64* regs, Machine* m) {
    const u64 value = fetch<kSize>(m->frame + pc->off);
    regs[pc->dst] = kSigned ? extend_sign(value, kSize * 8) : value;
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode, u32 kSize, bool kRegister>
void store_frame(const Step* pc, u64* regs, Machine* m) {
    const u64 value = kRegister ? regs[pc->src] : pc->imm;
    memcpy(m->frame + pc->off, &value, kSize);
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode>
void atomic(const Step* pc, u64* regs, Machine* m) {
    if (!m->do_atomic(*pc)) {
        return stop(pc, regs, m);
    }
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode>
void call_helper(const Step* pc, u64* regs, Machine* m) {
    if (!m->call_helper(static_cast<u32>(pc->imm))) {
        return stop(pc, regs, m);
    }
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

template <RunMode kMode>
void call_kernel(const Step* pc, u64* regs, Machine* m) {
    if (!m->call_kernel(static_cast<KernelFunction>(pc->imm))) {
        return stop(pc, regs, m);
    }
    [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
}

// The frames in use are all that may be reached of the stack.
template <RunMode kMode>
void resize_stack(Machine* m) {
    if constexpr (kMode == RunMode::Checked) {
        Region& r = m->regions[kStackRegion];
        r.readable = r.writable = r.element = u64{m->depth + 1} * kStackBytes;
    }
}

// A frame of its own for a function; false if there is no room or no time left.
template <RunMode kMode>
bool enter(const Step* pc, const Step* to, const Step* back, u64* regs, Machine* m) {
    if (m->depth + 1 >= kMaxFrames) {
        fault(pc, regs, m, "calls nest too deep");
        return false;
    }
    // A call is charged like a jump back: recursion ends, too.
    if (!moves<kMode>(pc, to, m) || (!is_single(kMode) && m->steps > m->max_steps)) {
        too_long(to, m);
        return false;
    }
    Return& r = m->returns[m->depth++];
    r.pc = back;
    r.is_callback = false;
    m->may_gotos[m->depth] = 0;
    for (unsigned k = 0; k < 4; k++) {
        r.saved[k] = regs[6 + k];
    }
    regs[kFramePointer] += kStackBytes;
    m->frame += kStackBytes;
    resize_stack<kMode>(m);
    for (u64 k = 0; k < kStackBytes && !m->written.empty(); k++) {
        m->written[m->depth * kStackBytes + k] = 0;
    }
    return true;
}

template <RunMode kMode>
void call_function(const Step* pc, u64* regs, Machine* m) {
    const Step* to = pc + pc->target;
    if (!enter<kMode>(pc, to, pc + 1, regs, m)) {
        return;
    }
    [[clang::musttail]] return next<kMode>(to, regs, m);
}

// bpf_loop(count, callback, context, flags): each callback returns to the call itself.
template <RunMode kMode>
void call_loop(const Step* pc, u64* regs, Machine* m) {
    constexpr u64 kMostRounds = 1u << 23, kTooMany = static_cast<u64>(-7), kInvalid = static_cast<u64>(-22);
    Iteration& loop = m->iterations[m->depth];
    const u64 callback = regs[2] - kFunctionPointers;
    if (callback >= m->code.size()) {
        return fault(pc, regs, m, "a callback that is no function");
    }
    const bool is_refused = regs[4] != 0 || static_cast<u32>(regs[1]) > kMostRounds;
    if (!loop.is_active && !is_refused) {
        loop = {true, false, static_cast<u32>(regs[1]), 0};
    }
    if (is_refused || loop.is_stopped || loop.done >= loop.most) {
        regs[0] = !is_refused ? loop.done : regs[4] != 0 ? kInvalid : kTooMany;
        loop = Iteration{};
        [[clang::musttail]] return next<kMode>(pc + 1, regs, m);
    }
    Return& r = m->returns[m->depth];
    const Step* to = m->code.data() + callback;
    if (!enter<kMode>(pc, to, pc, regs, m)) {
        return;
    }
    r.is_callback = true;
    for (unsigned k = 0; k < 6; k++) {
        r.kept[k] = regs[k];
    }
    regs[1] = loop.done++;
    regs[2] = regs[3];
    [[clang::musttail]] return next<kMode>(to, regs, m);
}

template <RunMode kMode>
void leave(const Step* pc, u64* regs, Machine* m) {
    if (m->depth == 0) {
        m->result.is_finished = true;
        m->result.value = regs[0];
        return stop(pc, regs, m);
    }
    if (m->object_count != 0 && !m->leave_objects()) {
        return stop(pc, regs, m);
    }
    const Return& r = m->returns[--m->depth];
    for (unsigned k = 0; k < 4; k++) {
        regs[6 + k] = r.saved[k];
    }
    m->iterations[m->depth].is_stopped = r.is_callback && regs[0] != 0;
    for (unsigned k = 0; k < 6 && r.is_callback; k++) {
        regs[k] = r.kept[k];
    }
    regs[kFramePointer] -= kStackBytes;
    m->frame -= kStackBytes;
    resize_stack<kMode>(m);
    moves<kMode>(pc, r.pc, m);
    [[clang::musttail]] return next<kMode>(r.pc, regs, m);
}

// Choosing a handler: the instruction's fields become template arguments one after another.
template <RunMode kMode, u8 kOp, bool kSigned = false>
Handler alu_form(const Insn& insn) {
    const bool is_wide = insn.insn_class() == kClassAlu64;
    if (insn.uses_register_source()) {
        return is_wide ? alu<kMode, kOp, true, true, kSigned> : alu<kMode, kOp, false, true, kSigned>;
    }
    return is_wide ? alu<kMode, kOp, true, false, kSigned> : alu<kMode, kOp, false, false, kSigned>;
}

template <RunMode kMode>
Handler alu_handler(const Insn& insn) {
    const bool is_wide = insn.insn_class() == kClassAlu64;
    switch (insn.op()) {
        case kAdd: return alu_form<kMode, kAdd>(insn);
        case kSub: return alu_form<kMode, kSub>(insn);
        case kMul: return alu_form<kMode, kMul>(insn);
        case kDiv: return insn.off == 1 ? alu_form<kMode, kDiv, true>(insn) : alu_form<kMode, kDiv>(insn);
        case kMod: return insn.off == 1 ? alu_form<kMode, kMod, true>(insn) : alu_form<kMode, kMod>(insn);
        case kOr: return alu_form<kMode, kOr>(insn);
        case kAnd: return alu_form<kMode, kAnd>(insn);
        case kXor: return alu_form<kMode, kXor>(insn);
        case kLsh: return alu_form<kMode, kLsh>(insn);
        case kRsh: return alu_form<kMode, kRsh>(insn);
        case kArsh: return alu_form<kMode, kArsh>(insn);
        case kNeg: return is_wide ? alu<kMode, kNeg, true, false, false> : alu<kMode, kNeg, false, false, false>;
        case kMov:
            if (!insn.uses_register_source() || insn.off == 0) {
                return alu_form<kMode, kMov>(insn);
            }
            if (insn.off == 1) {
                return unsupported_address;
            }
            if (insn.off != 8 && insn.off != 16 && !(insn.off == 32 && is_wide)) {
                return nullptr;
            }
            return is_wide ? move_signed<kMode, true> : move_signed<kMode, false>;
        case kEnd:
            if (insn.imm != 16 && insn.imm != 32 && insn.imm != 64) {
                return nullptr;
            }
            return is_wide || insn.uses_register_source() ? convert<kMode, true> : convert<kMode, false>;
        default: return nullptr;
    }
}

template <RunMode kMode, u8 kOp>
Handler jump_form(const Insn& insn) {
    const bool is_wide = insn.insn_class() == kClassJmp;
    if (insn.uses_register_source()) {
        return is_wide ? jump<kMode, kOp, true, true> : jump<kMode, kOp, false, true>;
    }
    return is_wide ? jump<kMode, kOp, true, false> : jump<kMode, kOp, false, false>;
}

template <RunMode kMode>
Handler jump_handler(const Insn& insn) {
    const bool is_wide = insn.insn_class() == kClassJmp;
    switch (insn.op()) {
        case kJa: return jump<kMode, kJa, true, false>;
        case kJeq: return jump_form<kMode, kJeq>(insn);
        case kJne: return jump_form<kMode, kJne>(insn);
        case kJgt: return jump_form<kMode, kJgt>(insn);
        case kJge: return jump_form<kMode, kJge>(insn);
        case kJlt: return jump_form<kMode, kJlt>(insn);
        case kJle: return jump_form<kMode, kJle>(insn);
        case kJset: return jump_form<kMode, kJset>(insn);
        case kJsgt: return jump_form<kMode, kJsgt>(insn);
        case kJsge: return jump_form<kMode, kJsge>(insn);
        case kJslt: return jump_form<kMode, kJslt>(insn);
        case kJsle: return jump_form<kMode, kJsle>(insn);
        case kJcond: return is_wide ? may_goto<kMode> : nullptr;
        case kExit: return is_wide ? leave<kMode> : nullptr;
        case kCall:
            if (!is_wide || insn.uses_register_source()) {
                return nullptr;
            }
            if (insn.src() == kCallHelper && insn.imm == static_cast<s32>(helper::kLoop)) {
                return call_loop<kMode>;
            }
            return insn.src() == kCallHelper       ? call_helper<kMode>
                   : insn.src() == kCallSubprogram ? call_function<kMode>
                                                   : unsupported_call;
        default: return nullptr;
    }
}

bool is_own_slot(const Insn& insn, unsigned base, RunMode mode) {
    const s32 size = static_cast<s32>(access_size(insn.size_bits()));
    return !is_single(mode) && base == kFramePointer && insn.off >= -static_cast<s32>(kStackBytes) &&
           insn.off + size <= 0;
}

template <RunMode kMode, u32 kSize>
Handler load_form(const Insn& insn) {
    const bool is_signed = insn.mode() == kModeMemSx;
    if (is_own_slot(insn, insn.src(), kMode)) {
        return is_signed ? load_frame<kMode, kSize, true> : load_frame<kMode, kSize, false>;
    }
    return is_signed ? load<kMode, kSize, true> : load<kMode, kSize, false>;
}

template <RunMode kMode, u32 kSize>
Handler store_form(const Insn& insn) {
    const bool is_register = insn.insn_class() == kClassStx;
    if (is_own_slot(insn, insn.dst(), kMode)) {
        return is_register ? store_frame<kMode, kSize, true> : store_frame<kMode, kSize, false>;
    }
    return is_register ? store<kMode, kSize, true> : store<kMode, kSize, false>;
}

template <RunMode kMode>
Handler memory_handler(const Insn& insn) {
    const bool is_load = insn.insn_class() == kClassLdx;
    if (insn.mode() == kModeAtomic && insn.insn_class() == kClassStx) {
        const u32 size = access_size(insn.size_bits());
        const bool moves_only = insn.imm == kAtomicLoadAcquire || insn.imm == kAtomicStoreRelease;
        if (insn.imm == kAtomicLoadAcquire && insn.dst() >= kFramePointer) {
            return nullptr;
        }
        return size >= 4 || moves_only ? atomic<kMode> : nullptr;
    }
    const bool is_signed = is_load && insn.mode() == kModeMemSx && insn.size_bits() != kSizeDw;
    if (insn.mode() != kModeMem && !is_signed) {
        return nullptr;
    }
    switch (insn.size_bits()) {
        case kSizeB: return is_load ? load_form<kMode, 1>(insn) : store_form<kMode, 1>(insn);
        case kSizeH: return is_load ? load_form<kMode, 2>(insn) : store_form<kMode, 2>(insn);
        case kSizeW: return is_load ? load_form<kMode, 4>(insn) : store_form<kMode, 4>(insn);
        default: return is_load ? load_form<kMode, 8>(insn) : store_form<kMode, 8>(insn);
    }
}

template <RunMode kMode>
Handler choose(const Insn& insn) {
    switch (insn.insn_class()) {
        case kClassAlu: case kClassAlu64: return alu_handler<kMode>(insn);
        case kClassJmp: case kClassJmp32: return jump_handler<kMode>(insn);
        case kClassLd:
            if (!is_ld_imm64(insn)) {
                return insn.mode() == kModeAbs || insn.mode() == kModeInd ? unsupported_load : nullptr;
            }
            return insn.src() == kPseudoNone || insn.src() == kPseudoMapFd ||
                           insn.src() == kPseudoMapValue || insn.src() == kPseudoFunc
                       ? load_wide<kMode>
                       : unsupported_address;
        default: return memory_handler<kMode>(insn);
    }
}

}  // namespace

Handler handler_of(const Insn& insn, RunMode mode) {
    switch (mode) {
        case RunMode::Checked: return choose<RunMode::Checked>(insn);
        case RunMode::Pure: return choose<RunMode::Pure>(insn);
        default: return choose<RunMode::Single>(insn);
    }
}

Handler kernel_call_handler(RunMode mode) {
    return mode == RunMode::Single ? call_kernel<RunMode::Single> : call_kernel<RunMode::Checked>;
}
Handler fall_off_handler() { return fall_off; }
Handler bad_register_handler() { return bad_register; }
Handler bad_instruction_handler() { return bad_instruction; }

}  // namespace gyre::bpf
