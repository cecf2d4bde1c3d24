// SPDX-License-Identifier: MIT
//
// Atomic operations on memory: what they may touch, and what they leave in registers.
#include "lib/bpf/analysis.h"

namespace gyre::bpf {

bool Analysis::step_atomic(const Insn& insn) {
    u32 size = access_size(insn.size_bits());
    unsigned d = insn.dst();
    unsigned s = insn.src();
    if (insn.insn_class() != kClassStx || d >= kRegisterCount || s >= kRegisterCount) {
        return fail(Problem::BadEncoding, -1, "an unknown atomic operation");
    }
    bool is_ordered = insn.imm == kAtomicLoadAcquire || insn.imm == kAtomicStoreRelease;
    if (is_ordered && environment_.target.version >= 615) {
        if (insn.imm == kAtomicLoadAcquire && d >= kFramePointer) {
            return fail(Problem::BadRegisterUse, static_cast<int>(d), "r10 may not be written");
        }
        unsigned base = insn.imm == kAtomicLoadAcquire ? s : d;
        Kind k = reg(base).kind;
        if (k == Kind::Context || reg(base).is_packet() || k == Kind::FlowKeys ||
            k == Kind::Socket || k == Kind::SockCommon || k == Kind::TcpSock ||
            k == Kind::XdpSock) {
            return fail(Problem::BadRegisterUse, static_cast<int>(base),
                        "atomic operations on ", kind_name(k), " are not allowed");
        }
        if (insn.imm == kAtomicLoadAcquire) {
            return access(s, insn.off, size, Access::Read, static_cast<int>(d), false, true);
        }
        if (reg(s).kind == Kind::Uninitialized) {
            return fail(Problem::UnreadableRegister, static_cast<int>(s),
                        "the stored register was never written");
        }
        return access(d, insn.off, size, Access::Write, static_cast<int>(s), false, true);
    }
    switch (insn.imm) {
        case kAdd: case kAdd | kAtomicFetch: case kAnd: case kAnd | kAtomicFetch: case kOr:
        case kOr | kAtomicFetch: case kXor: case kXor | kAtomicFetch: case kAtomicXchg:
        case kAtomicCmpXchg: break;
        default: return fail(Problem::BadEncoding, -1, "an unknown atomic operation");
    }
    if (size != 4 && size != 8) {
        return fail(Problem::BadEncoding, -1, "atomic operations have four or eight bytes");
    }
    for (unsigned n : {s, d}) {
        if (reg(n).kind == Kind::Uninitialized) {
            return fail(Problem::UnreadableRegister, static_cast<int>(n), "r", n,
                        " is read before it is written");
        }
    }
    if (insn.imm == kAtomicCmpXchg && reg(0).kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, 0, "r0 is read before it is written");
    }
    Kind k = reg(d).kind;
    if (k == Kind::Context || reg(d).is_packet() || k == Kind::FlowKeys || k == Kind::Socket ||
        k == Kind::SockCommon || k == Kind::TcpSock || k == Kind::XdpSock) {
        return fail(Problem::BadRegisterUse, static_cast<int>(d), "atomic operations on ",
                    kind_name(k), " are not allowed");
    }
    bool is_fetching_bits = insn.imm == (kAnd | kAtomicFetch) || insn.imm == (kOr | kAtomicFetch) ||
                            insn.imm == (kXor | kAtomicFetch);
    if (k == Kind::Arena && is_fetching_bits) {  // x86-64 compiles these to a loop, which may not fault
        return fail(Problem::BadRegisterUse, static_cast<int>(d),
                    "an atomic and, or, xor that fetches is not allowed on an arena");
    }
    int loaded = -1;
    if (insn.imm == kAtomicCmpXchg) {
        loaded = 0;
    } else if (insn.imm & kAtomicFetch) {
        loaded = static_cast<int>(s);
    }
    if (loaded == static_cast<int>(kFramePointer)) {
        return fail(Problem::BadRegisterUse, loaded, "r10 may not be written");
    }
    // Spilled pointers may not be part of arithmetic, but may be overwritten by it as plain bytes.
    Reg keep = reg(d);
    Reg before = loaded >= 0 ? reg(static_cast<unsigned>(loaded)) : Reg{};
    if (!access(d, insn.off, size, Access::Read, loaded, false, true)) {
        return false;
    }
    if (loaded >= 0) {
        Reg fetched = reg(static_cast<unsigned>(loaded));
        reg(static_cast<unsigned>(loaded)) = before;
        if (loaded == static_cast<int>(d)) {
            reg(d) = keep;
        }
        Reg stored = Reg::unknown();
        Reg source = reg(s);
        reg(s) = s == d ? source : stored;
        bool written = access(d, insn.off, size, Access::Write, s == d ? -1 : static_cast<int>(s),
                              false, true);
        reg(s) = source;
        if (!written) {
            return false;
        }
        reg(static_cast<unsigned>(loaded)) = fetched;
        return true;
    }
    // The memory now holds a number of which nothing is known.
    if (reg(d).kind == Kind::Stack) {
        Reg source = reg(s);
        bool same = s == d;
        if (!same) {
            reg(s) = Reg::unknown();
        }
        bool written = access(d, insn.off, size, Access::Write, same ? -1 : static_cast<int>(s),
                              false, true);
        if (!same) {
            reg(s) = source;
        }
        return written;
    }
    return access(d, insn.off, size, Access::Write, -1, false, true);
}

}  // namespace gyre::bpf
