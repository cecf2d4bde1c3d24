// SPDX-License-Identifier: MIT
//
// References: what was acquired must be released on every path, once.
#include "lib/bpf/analysis.h"

namespace gyre::bpf {

bool Analysis::acquire(ReferenceKind kind, u32 id, const void* object) {
    if (state_->reference_count >= kMaxReferences) {
        return fail(Problem::TooComplex, -1, "more than ", kMaxReferences,
                    " references are held at once");
    }
    state_->references[state_->reference_count++] = {kind, id, state_->insn, object};
    return true;
}

bool Analysis::has_reference(u32 ref) const {
    for (u32 i = 0; i < state_->reference_count; i++) {
        if (state_->references[i].id == ref &&
            state_->references[i].kind == ReferenceKind::Object) {
            return true;
        }
    }
    return false;
}

// Ends a reference: every pointer that depended on it is gone.
bool Analysis::release_reference(u32 ref) {
    for (u32 i = 0; i < state_->reference_count; i++) {
        if (state_->references[i].id == ref &&
            state_->references[i].kind == ReferenceKind::Object) {
            for (u32 k = i + 1; k < state_->reference_count; k++) {
                state_->references[k - 1] = state_->references[k];
            }
            state_->reference_count--;
            return change_regs([&](const Reg& r) { return r.ref == ref; },
                               [](Reg& r) { r = Reg::unknown(); });
        }
    }
    return fail(Problem::BadReference, -1, "the reference is not held");
}

// Packets may have moved: nothing that was known of them holds any more.
void Analysis::invalidate_packets() {
    change_regs([](const Reg& r) { return r.is_packet() || r.kind == Kind::PacketEnd ||
                                          (r.kind == Kind::Memory &&
                                           r.has(kDynptrSkb | kDynptrXdp)); },
                [](Reg& r) { r = Reg::unknown(); });
}

}  // namespace gyre::bpf
