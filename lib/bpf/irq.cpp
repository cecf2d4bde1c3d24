// SPDX-License-Identifier: MIT
//
// Interrupts off and on again: bpf_local_irq_save leaves what it found in a stack slot that nothing else
// may touch, bpf_local_irq_restore takes it back, the latest first (Linux 6.14, process_irq_flag). Locks
// that save interrupts themselves (bpf_res_spin_lock_irqsave) keep a flag of their own kind.
#include "lib/bpf/analysis.h"
#include "lib/bpf/kfunc_call.h"

namespace gyre::bpf {

bool Analysis::irq_flag_argument(unsigned number, KfuncCall& call) {
    const Reg r = reg(number);
    const int n = static_cast<int>(number);
    const s64 off = r.off + static_cast<s64>(r.var.value());
    if (r.kind != Kind::Stack || !r.var.is_constant() || off % 8 != 0 || off + 8 > 0 ||
        off < -static_cast<s64>(kStackBytes)) {
        return fail(Problem::BadArgument, n, "r", number,
                    " must point to eight aligned bytes of the stack, which keep the interrupt flag");
    }
    if (!grow_stack(r.frame, off)) {
        return false;
    }
    const u32 slot = static_cast<u32>(-off / 8 - 1);
    Slot& s = frame_at(r.frame).stack->slots()[slot];
    const bool saves = call.name.ends_with("save");
    const u32 keeper = call.name.starts_with("bpf_res_spin_") ? 1 : 0;  // whose flag it is
    note_stack_use(r.frame, u64{1} << slot, !saves);
    if (saves) {
        if (s.tags[0] == Tag::Iterator || s.tags[0] == Tag::Dynptr || s.tags[0] == Tag::IrqFlag) {
            return fail(Problem::BadArgument, n,
                        "the interrupt flag would overwrite another object on the stack");
        }
        const u32 id = new_id();
        if (!acquire(ReferenceKind::IrqSave, id, nullptr)) {
            return false;
        }
        s = Slot{};
        for (Tag& t : s.tags) {
            t = Tag::IrqFlag;
        }
        s.reg = Reg::pointer(Kind::IrqFlag);
        s.reg.id = id;
        s.reg.extra = keeper;
        state_->active_irq = id;
        return true;
    }
    if (s.tags[0] != Tag::IrqFlag) {
        return fail(Problem::BadArgument, n, "r", number, " points to no saved interrupt flag");
    }
    if (s.reg.extra != keeper) {
        return fail(Problem::LockRule, n, "the interrupt flag was saved ", keeper ? "without" : "together with",
                    " a lock and must be restored so");
    }
    if (s.reg.id != state_->active_irq) {
        return fail(Problem::LockRule, n,
                    "interrupt flags must be restored in the opposite order of their saving");
    }
    state_->active_irq = 0;
    u32 kept = 0;
    for (u32 i = 0; i < state_->reference_count; i++) {
        const Reference held = state_->references[i];
        if (held.kind == ReferenceKind::IrqSave && held.id == s.reg.id) {
            continue;
        }
        if (held.kind == ReferenceKind::IrqSave) {
            state_->active_irq = held.id;
        }
        state_->references[kept++] = held;
    }
    state_->reference_count = static_cast<u16>(kept);
    s = Slot{};
    return true;
}

}  // namespace gyre::bpf
