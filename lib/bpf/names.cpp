// SPDX-License-Identifier: MIT
//
// Names of kinds and problems, for people and for JSON.
#include "lib/bpf/state.h"
#include "lib/bpf/verifier.h"

namespace gyre::bpf {

const char* kind_name(Kind kind) {
    switch (kind) {
        case Kind::Uninitialized: return "nothing that was written";
        case Kind::Scalar: return "a number";
        case Kind::Context: return "the context";
        case Kind::ConstMap: return "a map";
        case Kind::MapValue: return "a map value";
        case Kind::MapKey: return "a map key";
        case Kind::Stack: return "the stack";
        case Kind::Packet: return "the packet";
        case Kind::PacketMeta: return "the packet's metadata";
        case Kind::PacketEnd: return "the packet's end";
        case Kind::FlowKeys: return "flow keys";
        case Kind::Socket: return "a socket";
        case Kind::SockCommon: return "a sock_common";
        case Kind::TcpSock: return "a tcp_sock";
        case Kind::XdpSock: return "an xdp_sock";
        case Kind::TpBuffer: return "a tracepoint buffer";
        case Kind::BtfObject: return "a kernel object";
        case Kind::Memory: return "a block of memory";
        case Kind::Buffer: return "a buffer";
        case Kind::Function: return "a function";
        case Kind::Dynptr: return "a dynptr";
        case Kind::Iterator: return "an iterator";
        case Kind::Arena: return "an arena pointer";
        case Kind::IrqFlag: return "an interrupt flag";
    }
    return "?";
}

const char* problem_hint(Problem problem) {
    switch (problem) {
        case Problem::OutOfBounds:
            return "Compare the offset or size with its limit just before the access, as an "
                   "unsigned number, on every path. If the compiler removed the check as "
                   "redundant, hide the value from it with an empty asm or a volatile copy.";
        case Problem::NullPointer:
            return "Test the pointer for null on the way to this instruction and return if it is.";
        case Problem::UnreadableRegister:
            return "Set the variable on every path. Calls destroy r1 to r5; keep values in "
                   "variables of your own.";
        case Problem::UninitializedStack:
            return "Initialize the whole structure, padding included, for example with = {}.";
        case Problem::ReferenceLeak:
            return "Release what was acquired on every path, error paths included.";
        case Problem::InfiniteLoop:
            return "Give the loop a counter with a constant bound, or use bpf_loop or an iterator.";
        case Problem::TooComplex:
            return "Make the program simpler: fewer branches between merges, smaller unrolled "
                   "loops, bpf_loop or iterators for long ones, global functions for parts.";
        case Problem::StackTooDeep:
            return "Move large variables into a map, or make the functions share less stack.";
        case Problem::PointerArithmetic:
            return "Compute the offset as a bounded number first, then add it to the pointer once.";
        case Problem::BadContextAccess:
            return "Read the context's members directly, whole, by the names of the structure.";
        case Problem::BadHelper:
            return "Use another program type, or a helper that this type offers.";
        case Problem::BadReturnValue:
            return "Return one of the values that this program type defines.";
        case Problem::LockRule:
            return "Between lock and unlock only touch the protected data; unlock on every path.";
        case Problem::SleepRule:
            return "Mark the program sleepable (a section name with \".s\") or use a helper that "
                   "does not sleep.";
        case Problem::BadType: return "Compile with -g, so that the object carries its types.";
        default: return "";
    }
}

const char* problem_name(Problem problem) {
    switch (problem) {
        case Problem::None: return "none";
        case Problem::BadEncoding: return "bad-encoding";
        case Problem::BadControlFlow: return "bad-control-flow";
        case Problem::UnreadableRegister: return "unreadable-register";
        case Problem::BadRegisterUse: return "bad-register-use";
        case Problem::PointerArithmetic: return "pointer-arithmetic";
        case Problem::OutOfBounds: return "out-of-bounds";
        case Problem::Misaligned: return "misaligned";
        case Problem::BadContextAccess: return "bad-context-access";
        case Problem::UninitializedStack: return "uninitialized-stack";
        case Problem::NullPointer: return "null-pointer";
        case Problem::ReadOnly: return "read-only";
        case Problem::BadHelper: return "bad-helper";
        case Problem::BadArgument: return "bad-argument";
        case Problem::BadReturnValue: return "bad-return-value";
        case Problem::ReferenceLeak: return "reference-leak";
        case Problem::BadReference: return "bad-reference";
        case Problem::LockRule: return "lock-rule";
        case Problem::SleepRule: return "sleep-rule";
        case Problem::StackTooDeep: return "stack-too-deep";
        case Problem::TooManyFrames: return "too-many-frames";
        case Problem::InfiniteLoop: return "infinite-loop";
        case Problem::TooComplex: return "too-complex";
        case Problem::OutOfMemory: return "out-of-memory";
        case Problem::NotSupported: return "not-supported";
        case Problem::BadType: return "bad-type";
    }
    return "?";
}

}  // namespace gyre::bpf
