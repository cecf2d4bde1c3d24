// SPDX-License-Identifier: MIT
//
// Dynptrs: descriptors of memory that live in two stack slots and are touched by helpers only.
#include "lib/bpf/analysis.h"

namespace gyre::bpf {
namespace {

// The slot at fp - 8*(slot+1); a dynptr's first slot lies lower in memory: the higher number.
bool dynptr_slot(const Reg& r, u32& slot) {
    if (r.kind != Kind::Stack || !r.var.is_constant()) {
        return false;
    }
    s64 off = r.off + static_cast<s64>(r.var.value());
    if (off % 8 != 0 || off > -16 || off < -static_cast<s64>(kStackBytes)) {
        return false;
    }
    slot = static_cast<u32>(-off / 8 - 1);
    return true;
}

}  // namespace

bool Analysis::create_dynptr(unsigned number, DynptrKind kind, u32 ref, bool read_only,
                             u32) {
    const Reg base = reg(number);
    u32 slot = 0;
    if (!dynptr_slot(base, slot)) {
        return fail(Problem::BadArgument, static_cast<int>(number), "r", number,
                    " must point to 16 aligned bytes of the stack for the new dynptr");
    }
    if (!grow_stack(base.frame, -8 * static_cast<s64>(slot + 1))) {
        return false;
    }
    for (u32 i = slot - 1; i <= slot; i++) {
        if (!destroy_dynptr_if_overwritten(base.frame, i)) {
            return false;
        }
    }
    note_stack_use(base.frame, u64{3} << (slot - 1), false);
    Frame& f = frame_at(base.frame);
    u32 id = new_id();
    for (u32 i = slot - 1; i <= slot; i++) {
        Slot& s = f.stack->slots()[i];
        if (s.tags[0] == Tag::Iterator || s.tags[0] == Tag::IrqFlag) {
            return fail(Problem::BadArgument, static_cast<int>(number),
                        "the dynptr would overwrite an iterator");
        }
        s = Slot{};
        for (Tag& t : s.tags) {
            t = Tag::Dynptr;
        }
        s.reg = Reg::pointer(Kind::Dynptr);
        s.reg.extra = static_cast<u32>(kind);
        s.reg.frame = i == slot ? 1 : 0;
        s.reg.id = id;
        s.reg.ref = ref;
        s.reg.flags = read_only ? kReadOnly : 0;
    }
    return true;
}

bool Analysis::find_dynptr(unsigned number, bool allow_const, Reg& out) {
    const Reg base = reg(number);
    if (base.kind == Kind::Dynptr && allow_const) {
        if (!check_constant_offset(base, number, false)) {
            return false;
        }
        out = base;
        return true;
    }
    u32 slot = 0;
    if (!dynptr_slot(base, slot)) {
        return fail(Problem::BadArgument, static_cast<int>(number), "r", number,
                    " must point to a dynptr on the stack");
    }
    const Frame& f = frame_at(base.frame);
    if (slot >= f.stack_slots || slot == 0 ||
        f.stack->slots()[slot].tags[0] != Tag::Dynptr ||
        f.stack->slots()[slot].reg.frame != 1) {
        return fail(Problem::BadArgument, static_cast<int>(number), "r", number,
                    " points to no initialized dynptr");
    }
    note_stack_use(base.frame, u64{3} << (slot - 1), true);
    out = f.stack->slots()[slot].reg;
    return true;
}

// Ends a referenced dynptr: its reference, its slices, its clones and its slots.
bool Analysis::release_dynptr(unsigned number) {
    Reg object;
    if (!find_dynptr(number, false, object)) {
        return false;
    }
    if (object.ref == 0) {
        return fail(Problem::BadReference, static_cast<int>(number),
                    "the dynptr holds nothing to release");
    }
    u32 ref = object.ref;
    for (u32 i = 0; i < state_->reference_count; i++) {
        if (state_->references[i].id == ref) {
            for (u32 k = i + 1; k < state_->reference_count; k++) {
                state_->references[k - 1] = state_->references[k];
            }
            state_->reference_count--;
            break;
        }
    }
    for (u32 f = 0; f < state_->frame_count; f++) {
        for (u32 i = 0; i < state_->frames[f]->stack_slots; i++) {
            const Slot& s = state_->frames[f]->stack->slots()[i];
            if (s.tags[0] == Tag::Dynptr && s.reg.ref == ref) {
                u32 id = s.reg.id;
                if (!own_frame(f) || !own_stack(frame_at(f), frame_at(f).stack_slots)) {
                    return false;
                }
                frame_at(f).stack->slots()[i] = Slot{};
                if (!change_regs([&](const Reg& r) { return r.parent != 0 && r.parent == id; },
                                 [](Reg& r) { r = Reg::unknown(); })) {
                    return false;
                }
            }
        }
    }
    return change_regs([&](const Reg& r) { return r.ref == ref; },
                       [](Reg& r) { r = Reg::unknown(); });
}

}  // namespace gyre::bpf
