// SPDX-License-Identifier: MIT
//
// Open-coded iterators: made, advanced and ended by kernel functions, kept in stack slots. A loop
// over one ends because the kernel's iterator ends; so a round that learns nothing new may stop.
#include "lib/bpf/analysis.h"
#include "lib/bpf/kfunc_call.h"

namespace gyre::bpf {

// `it` points to the iterator: to free slots for a new one, else to one of the same type.
bool Analysis::iterator_argument(unsigned number, std::string_view type, KfuncCall& call) {
    const Reg r = reg(number);
    int n = static_cast<int>(number);
    const Btf& kernel = *environment_.kernel_btf;
    u32 type_id = kernel.find(type, BtfKind::Struct);
    u32 size = 0;
    if (type_id == 0 || !kernel.size_of(type_id, size) || size % 8 != 0 || size == 0) {
        return fail(Problem::BadType, n, "the iterator's type is not known");
    }
    s64 off = r.off + static_cast<s64>(r.var.value());
    u32 slots = size / 8;
    if (r.kind != Kind::Stack || !r.var.is_constant() || off % 8 != 0 ||
        off + static_cast<s64>(size) > 0 || off < -static_cast<s64>(kStackBytes)) {
        return fail(Problem::BadArgument, n, "r", number,
                    " must point to an aligned iterator on the stack");
    }
    call.iterator_frame = r.frame;
    call.iterator_slot = static_cast<u32>(-off / 8 - 1);
    call.iterator_slots = slots;
    if (!grow_stack(r.frame, off)) {
        return false;
    }
    Frame& f = frame_at(r.frame);
    bool is_new = (call.row->flags & kIteratorNew) != 0;
    for (u32 i = 0; i < slots; i++) {
        const Slot& s = f.stack->slots()[call.iterator_slot - i];
        if (is_new) {
            if (s.tags[0] == Tag::Iterator || s.tags[0] == Tag::Dynptr ||
                s.tags[0] == Tag::IrqFlag) {
                return fail(Problem::BadArgument, n,
                            "the new iterator would overwrite another object");
            }
            continue;
        }
        bool fits = s.tags[0] == Tag::Iterator && s.reg.extra == type_id &&
                    s.reg.frame == (i == 0 ? 1 : 0);
        if (!fits) {
            return fail(Problem::BadArgument, n, "r", number,
                        " points to no initialized iterator of this type");
        }
        if (s.reg.has(kUntrusted)) {
            return fail(Problem::BadArgument, n,
                        "the iterator lives in an RCU section that has ended");
        }
        call.is_rcu_iterator = s.reg.has(kRcu);
    }
    if (is_new) {
        u32 ref = new_id();
        bool needs_rcu = (call.row->flags & kRcuProtected) != 0;
        if (needs_rcu && program_.is_sleepable && state_->rcu_locks == 0) {
            return fail(Problem::SleepRule, n, "this iterator needs an RCU section");
        }
        if (!acquire(ReferenceKind::Object, ref, nullptr)) {
            return false;
        }
        for (u32 i = 0; i < slots; i++) {
            Slot& s = f.stack->slots()[call.iterator_slot - i];
            s = Slot{};
            for (Tag& t : s.tags) {
                t = Tag::Iterator;
            }
            s.reg = Reg::pointer(Kind::Iterator);
            s.reg.extra = type_id;
            s.reg.frame = i == 0 ? 1 : 0;
            s.reg.ref = i == 0 ? ref : 0;
            s.reg.flags = needs_rcu ? kRcu : 0;
        }
    }
    u64 mask = ((u64{1} << slots) - 1) << (call.iterator_slot + 1 - slots);
    note_stack_use(r.frame, mask, !is_new);
    return true;
}

bool Analysis::iterator_destroy(KfuncCall& call) {
    Frame& f = frame_at(call.iterator_frame);
    SlotTable slots = f.stack->slots();
    u32 ref = slots[call.iterator_slot].reg.ref;
    for (u32 i = 0; i < call.iterator_slots; i++) {
        slots[call.iterator_slot - i] = Slot{};
    }
    return release_reference(ref);
}

// r0 holds the element, which may be null: two ways from here.
bool Analysis::iterator_next(KfuncCall& call) {
    u32 at = state_->insn;
    auto iterator = [&]() -> Reg& {
        return frame_at(call.iterator_frame).stack->slots()[call.iterator_slot].reg;
    };
    if (!iterator().is_drained) {
        State* active = fork(at + 1, true);
        if (active == nullptr) {
            return false;
        }
        State* drained = state_;
        state_ = active;
        bool ready = own_frame(call.iterator_frame) &&
                     own_stack(frame_at(call.iterator_frame),
                               frame_at(call.iterator_frame).stack_slots);
        if (ready) {
            iterator().range++;
            Reg& r0 = reg(0);
            r0.flags &= ~u32{kMaybeNull};
            r0.id = 0;
            ready = widen_at(at, true);
        }
        state_ = drained;
        if (!ready) {
            return false;
        }
    }
    if (!own_frame(call.iterator_frame) ||
        !own_stack(frame_at(call.iterator_frame), frame_at(call.iterator_frame).stack_slots)) {
        return false;
    }
    iterator().is_drained = true;
    reg(0) = Reg::constant(0);
    state_->insn = at + 1;
    return true;
}

// may_goto: taken when the loop's budget is spent, which happens at some time.
bool Analysis::step_may_goto(const Insn& insn) {
    if (insn.code != (kClassJmp | kJcond) || insn.registers != 0 || insn.imm != 0) {
        return fail(Problem::BadEncoding, -1, "a may_goto sets reserved fields");
    }
    u32 at = state_->insn;
    Successors next = successors(program_.insns, at);
    State* inside = fork(next.insn[0], false);
    if (inside == nullptr) {
        return false;
    }
    inside->frames[inside->frame_count - 1]->may_goto_depth++;
    State* outside = state_;
    state_ = inside;
    bool widened = widen_at(at, true);
    state_ = outside;
    state_->insn = next.insn[1];
    return widened;
}

}  // namespace gyre::bpf
