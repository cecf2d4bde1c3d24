// SPDX-License-Identifier: MIT
//
// Locks in maps' values and in objects that a program allocated: bpf_spin_lock, of which one may be
// held, and bpf_res_spin_lock (Linux 6.15), which may be nested and may fail. Linux:
// process_spin_lock. What is forbidden while a lock is held stands where calls are made.
#include "lib/bpf/analysis.h"
#include "lib/bpf/kfunc_call.h"

namespace gyre::bpf {
namespace {

bool is_lock(ReferenceKind kind) {
    return kind == ReferenceKind::SpinLock || kind == ReferenceKind::ResSpinLock ||
           kind == ReferenceKind::ResSpinLockIrq;
}

// A lock is known by what it lies in: a map or a type, and which of its values.
const void* owner_of(const Reg& r, const Btf* program_types) {
    return r.kind == Kind::MapValue ? static_cast<const void*>(r.map)
                                    : static_cast<const void*>(program_types);
}

}  // namespace

bool Analysis::holds_lock_of(const Reg& r) const {
    for (u32 i = 0; i < state_->reference_count; i++) {
        const Reference& held = state_->references[i];
        if (is_lock(held.kind) && held.id == r.id && held.object == owner_of(r, program_.btf)) {
            return true;
        }
    }
    return false;
}

bool Analysis::take_lock(const Reg& r, ReferenceKind kind) {
    if (is_in_tree_callback()) {
        return fail(Problem::LockRule, 1, "the comparison of a tree's nodes may not touch locks");
    }
    if (kind == ReferenceKind::SpinLock && state_->lock_count != 0) {
        return fail(Problem::LockRule, 1, "a second lock is taken while one is held");
    }
    if (kind != ReferenceKind::SpinLock && holds_lock_of(r)) {
        return fail(Problem::LockRule, 1, "the lock that is taken is held already");
    }
    state_->lock_count++;
    return acquire(kind, r.id, owner_of(r, program_.btf));
}

bool Analysis::release_lock(const Reg& r, ReferenceKind kind) {
    if (is_in_tree_callback()) {
        return fail(Problem::LockRule, 1, "the comparison of a tree's nodes may not touch locks");
    }
    constexpr u32 kNone = ~u32{0};
    u32 found = kNone;
    u32 latest = kNone;
    for (u32 i = 0; i < state_->reference_count; i++) {
        const Reference& held = state_->references[i];
        if (is_lock(held.kind)) {
            latest = i;
            const bool fits =
                held.kind == kind && held.id == r.id && held.object == owner_of(r, program_.btf);
            found = fits ? i : found;
        }
    }
    if (latest == kNone) {
        return fail(Problem::LockRule, 1, "a lock is released that is not held");
    }
    if (found == kNone) {
        return fail(Problem::LockRule, 1, "the lock that is released is not the one that is held");
    }
    if (found != latest) {
        return fail(Problem::LockRule, 1,
                    "locks must be released in the opposite order of their taking");
    }
    for (u32 k = found + 1; k < state_->reference_count; k++) {
        state_->references[k - 1] = state_->references[k];
    }
    state_->reference_count--;
    state_->lock_count--;
    return change_regs([](const Reg& x) { return x.has(kNonOwning); },
                       [](Reg& x) { x = Reg::unknown(); });
}

// bpf_res_spin_lock and its relatives name the lock by their first argument.
bool Analysis::lock_argument(unsigned number, const KfuncCall& call) {
    const Reg r = reg(number);
    const int n = static_cast<int>(number);
    const bool is_object = r.kind == Kind::BtfObject && r.has(kAlloc) && r.is_program_type;
    if (r.kind != Kind::MapValue && !is_object) {
        return fail(Problem::BadArgument, n, "r", number,
                    " does not point to a lock of a map or of an allocated object");
    }
    if (!r.var.is_constant()) {
        return fail(Problem::BadArgument, n, "the place of the lock must be constant");
    }
    const s64 at = r.off + static_cast<s64>(r.var.value());
    bool is_there = false;
    for (const SpecialField& f : is_object ? object_fields(r.extra) : r.map->fields) {
        is_there =
            is_there || (f.kind == FieldKind::ResSpinLock && at == static_cast<s64>(f.offset));
    }
    if (!is_there) {
        return fail(Problem::BadArgument, n, "r", number, " points to no bpf_res_spin_lock");
    }
    const bool keeps_interrupts =
        !call.name.ends_with("_irqsave") && !call.name.ends_with("_irqrestore");
    const ReferenceKind kind =
        keeps_interrupts ? ReferenceKind::ResSpinLock : ReferenceKind::ResSpinLockIrq;
    return call.name.starts_with("bpf_res_spin_lock") ? take_lock(r, kind) : release_lock(r, kind);
}

// The lock was not had, because another waits for it that waits for this one: r0 is an error.
bool Analysis::push_failed_lock() {
    constexpr s32 kLargestErrno = 4095;
    State* failed = fork(state_->insn + 1, true);
    if (failed == nullptr) {
        return false;
    }
    State* outside = state_;
    state_ = failed;
    const bool is_ready = own_frame(state_->frame_count - 1u);
    if (is_ready) {
        clobber_caller_saved();
        Reg& r0 = reg(0);
        r0 = Reg::unknown();
        r0.var.smin = r0.var.half_smin = -kLargestErrno;
        r0.var.smax = r0.var.half_smax = -1;
        synchronize(r0.var);
    }
    state_ = outside;
    return is_ready;
}

}  // namespace gyre::bpf
