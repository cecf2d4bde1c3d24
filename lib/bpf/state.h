// SPDX-License-Identifier: MIT
//
// What is known at one point of one path: registers, stack slots, frames, references and locks.
// Frames and chunks of stacks are shared between states and copied when one of them is about to
// change, so a state is cheap to fork and to keep.
#pragma once

#include "lib/bpf/arena.h"
#include "lib/bpf/environment.h"
#include "lib/bpf/isa.h"
#include "lib/bpf/scalar.h"

namespace gyre::bpf {

enum class Kind : u8 {
    Uninitialized, Scalar, Context, ConstMap, MapValue, MapKey, Stack, Packet, PacketMeta,
    PacketEnd, FlowKeys, Socket, SockCommon, TcpSock, XdpSock, TpBuffer, BtfObject, Memory, Buffer,
    Function, Dynptr, Iterator, Arena, IrqFlag,
};

const char* kind_name(Kind kind);

enum class DynptrKind : u8 { Invalid, Local, Ringbuf, Skb, Xdp, SkbMeta, File };

// Of a number that a join made of several (claim.cpp): what each of them may be. It decides about no
// access, only whether each would have been taken by itself (Analysis::check_sane_offset).
enum class Common : u8 {
    All,   // it stands for itself
    Some,  // all that it stands for may be any of the numbers from `common` on, `common_width` of them
    None,  // nobody knows
};

// A register, or the contents of a stack slot that a register was spilled to.
struct Reg {
    Kind kind = Kind::Uninitialized;
    u8 frame = 0;       // of a stack pointer; of a dynptr's first slot 1; of memory that may be a
                        // buffer on the stack: the frame's number + 1, and `range` the offset
    Common commonness = Common::All;
    bool is_drained = false;  // an iterator: returned null
    u32 flags = 0;      // TypeFlag
    s32 off = 0;        // fixed part of a pointer's offset; of a linked scalar its distance
    s32 range = 0;      // bytes of the packet known to exist after this pointer's base
    u32 id = 0;         // equal ids: equal numbers, or one null check for all
    u32 ref = 0;        // the reference that keeps the object alive
    u32 extra = 0;      // memory size, BTF type id, subprogram, dynptr kind, iterator depth
    u32 parent = 0;     // the dynptr that a slice belongs to
    u32 anchor = 0;     // the number at the head of a loop that this one was derived from ...
    s32 moved = 0;      // ... by adding this, exactly (generalize.cpp)
    bool is_program_type = false;  // the BTF type is the program's, not the kernel's
    bool is_link_offset = false;   // a scalar: `off` is its distance to the others of its id
    u16 common_width = 0;
    s32 common = 0;
    const Map* map = nullptr;
    Scalar var;         // the number, or the variable part of the offset

    static Reg scalar(const Scalar& s) {
        Reg r;
        r.kind = Kind::Scalar;
        r.var = s;
        return r;
    }
    static Reg unknown() { return scalar(kUnknownScalar); }
    static Reg constant(u64 v) { return scalar(Scalar::constant(v)); }
    static Reg pointer(Kind kind) {
        Reg r;
        r.kind = kind;
        r.var = Scalar::constant(0);
        return r;
    }
    // `delta` was added to the number or to the fixed offset.
    void move_anchor(s64 delta) {
        s64 total = 0;
        bool fits = anchor != 0 && !__builtin_add_overflow(delta, s64{moved}, &total) &&
                    total == static_cast<s32>(total);
        anchor = fits ? anchor : 0;
        moved = fits ? static_cast<s32>(total) : 0;
    }
    s64 common_end() const { return s64{common} + common_width; }
    // Small numbers from `low` to `high`, as far as there is room for them.
    void set_common(s64 low, s64 high);
    // The number was narrowed or cut: what is left of what was common?
    void check_common();
    bool may_be_any(s64 low, s64 high) const;
    // Whether what all numbers of `other` may be is in all of these, too.
    bool has_common_of(const Reg& other) const;
    void drop_anchor() {
        anchor = 0;
        moved = 0;
    }
    bool has(u32 flag) const { return (flags & flag) != 0; }
    bool is_scalar() const { return kind == Kind::Scalar; }
    bool is_pointer() const { return kind > Kind::Scalar; }
    bool is_packet() const { return kind == Kind::Packet || kind == Kind::PacketMeta; }
    bool is_zero() const { return is_scalar() && var.is_constant() && var.value() == 0; }
};

enum class Tag : u8 { Invalid, Misc, Zero, Spill, Dynptr, Iterator, IrqFlag };

struct Slot {
    Tag tags[8] = {};
    Reg reg;
    // tags[0] is the byte at the lowest address; a spilled register begins there.
    bool is_spill() const { return tags[0] == Tag::Spill; }
    bool is_full_spill() const { return tags[7] == Tag::Spill; }
};

// A stack is kept in chunks that states share as long as none of them is written to.
inline constexpr u32 kChunkSlots = 8;
inline constexpr u32 kStackChunks = kStackSlots / kChunkSlots;

struct StackChunk {
    u32 owners = 1;
    Slot slots[kChunkSlots];
};

struct SlotTable {
    StackChunk* const* chunks;
    Slot& operator[](size_t i) const { return chunks[i / kChunkSlots]->slots[i % kChunkSlots]; }
};

struct ConstSlotTable {
    StackChunk* const* chunks;
    const Slot& operator[](size_t i) const {
        return chunks[i / kChunkSlots]->slots[i % kChunkSlots];
    }
};

struct StackBlock {
    u32 owners = 1;
    u32 chunk_count = 0;
    StackChunk* chunks[kStackChunks] = {};
    SlotTable slots() { return {chunks}; }
    ConstSlotTable slots() const { return {chunks}; }
};

enum class CallbackKind : u8 {
    None, ForEach, Loop, Timer, FindVma, UserRingbuf, RbtreeLess, Workqueue, TaskWork, Exception,
};

inline constexpr u32 kRoundDepth = 4;

struct Frame {
    u32 owners = 1;
    u32 call_insn = kNoCall;   // the call that made this frame
    u16 subprogram = 0;
    u8 number = 0;
    CallbackKind callback = CallbackKind::None;
    bool is_async = false;
    bool is_global_root = false;  // verified on its own, not on behalf of a caller
    u16 callback_depth = 0;       // how often callbacks were entered for the call under way
    u16 references_at_entry = 0;  // of a callback: it must leave as many as it found
    u16 stack_slots = 0;          // allocated depth
    u16 may_goto_depth = 0;       // the budget of may_goto is one for each run of a function
    u32 serial = 0;               // tells the runs of a function on one path apart
    u16 rounds[kRoundDepth] = {};  // of the loops around the current instruction, the outermost first
    StackBlock* stack = nullptr;
    Reg regs[kRegisterCount];
    static constexpr u32 kNoCall = ~u32{0};
};

enum class ReferenceKind : u8 { Object, SpinLock, ResSpinLock, ResSpinLockIrq, IrqSave };

struct Reference {
    ReferenceKind kind = ReferenceKind::Object;
    u32 id = 0;
    u32 insn = 0;
    const void* object = nullptr;  // of a lock: its map or type
};

// A packet pointer that a comparison found to lie at or behind the end.
inline constexpr s32 kAtPacketEnd = -1, kBeyondPacketEnd = -2;

inline constexpr u32 kMaxReferences = 32;

// One step of a path's history: the side that was taken where the path forked.
struct Choice {
    const Choice* before = nullptr;
    u32 insn = 0;
    bool is_jump = false;
};

struct Checkpoint;
struct TrailNode;

struct State {
    u32 insn = 0;
    u32 previous_insn = 0;
    u8 frame_count = 0;
    u8 rcu_locks = 0;
    u8 preempt_locks = 0;
    u8 lock_count = 0;
    bool may_sleep = false;
    bool is_trail_complete = false;  // the step under way stands in the trail already
    u16 reference_count = 0;
    u16 reference_capacity = kMaxReferences;  // a state that is only kept has room for its own
    u32 active_irq = 0;
    u64 path_length = 0;  // instructions since the entry
    const Choice* history = nullptr;
    Checkpoint* parent = nullptr;
    TrailNode* trail = nullptr;  // since `parent` was made (trail.h) ...
    u32 run_begin = 0;           // ... and from this instruction to the current one
    Frame* frames[kMaxFrames] = {};
    Reference references[kMaxReferences];
};

}  // namespace gyre::bpf
