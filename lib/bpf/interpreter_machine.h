// SPDX-License-Identifier: MIT
//
// What the parts of the interpreter share: decoded steps, regions of memory, the running machine.
#pragma once

#include <string.h>

#include <string_view>

#include "lib/bpf/interpreter.h"

namespace gyre::bpf {

// An address: region number in the upper bits, then an offset around the middle, so that a pointer may
// wander before its object and come back.
inline constexpr unsigned kRegionShift = 40;
inline constexpr u64 kRegionMiddle = u64{1} << 38;
inline constexpr u64 kOffsetMask = (u64{1} << kRegionShift) - 1;
inline constexpr u64 kStackRegion = 1, kContextRegion = 2, kPacketRegion = 3, kRecordRegion = 4,
                     kObjectRegion = 5, kFirstMapRegion = 6;
inline constexpr u64 kMapPointers = u64{0xfff0} << kRegionShift;
inline constexpr u64 kFunctionPointers = u64{0xfff8} << kRegionShift;  // and the step it begins with
inline constexpr u64 kMayGotoBudget = 1u << 16;
inline constexpr u64 kMaxMapBytes = 8u << 20;
inline constexpr u32 kRecordBytes = 4096, kMaxRecords = 16;
inline constexpr u32 kMaxObjects = 24, kMaxTasks = 8;

constexpr u64 address_of(u64 region, u64 offset) {
    return (region << kRegionShift) + kRegionMiddle + offset;
}

struct Step;
using Handler = void (*)(const Step* pc, u64* regs, Machine* m);

struct Step {
    Handler go = nullptr;
    u8 dst = 0;
    u8 src = 0;
    s16 off = 0;
    s32 target = 0;  // of a jump or call: how many steps on; of an atomic operation: its size
    u64 imm = 0;
};

// Memory with bounds; map values are elements at a power-of-two stride.
struct Region {
    u8* base = nullptr;
    u64 readable = 0;   // bytes from the base
    u64 writable = 0;
    u64 mask = 0;       // of the offset within an element
    u64 element = 0;    // bytes of an element that may be touched
};

struct MapState {
    const Map* map = nullptr;
    std::span<u8> values;
    std::span<u8> keys;
    std::span<u8> used;
    u32 stride = 0;
};

struct Return {
    const Step* pc = nullptr;
    u64 saved[4] = {};      // r6 to r9
    bool is_callback = false;
    u64 kept[6] = {};       // r0 to r5 of the call that makes callbacks
};

// A bpf_loop under way.
struct Iteration {
    bool is_active = false;
    bool is_stopped = false;
    u32 most = 0;
    u32 done = 0;
};

// The kernel functions that the interpreter knows (interpreter_objects.cpp).
enum class KernelFunction : u8 {
    None, NumbersNew, NumbersNext, NumbersDestroy, RcuLock, RcuUnlock, PreemptDisable, PreemptEnable, TaskFromPid,
    TaskAcquire, TaskRelease, BufferFromPacket, BufferFromXdp, BufferSlice, BufferSliceWritable, BufferAdjust,
    BufferSize, BufferIsNull,
};
KernelFunction kernel_function(std::string_view name);

// What lies on the stack and is not bytes: an iterator over numbers, or a dynptr.
enum class ObjectKind : u8 { None, Numbers, Buffer };
struct StackObject {
    ObjectKind kind = ObjectKind::None;
    u32 at = 0;             // where it lies, and its bytes there
    u32 size = 0;
    s32 now = 0;            // Numbers
    s32 end = 0;
    u64 data = 0;           // Buffer: an address, or 0
    u64 length = 0;
    bool is_record = false; // must be given back, even if there was no room
    bool is_packet = false;

    bool holds(u64 offset, u64 bytes) const { return offset <= length && bytes <= length - offset; }
};

struct Machine {
    u64 regs[kRegisterCount] = {};
    u8* frame = nullptr;  // top of the running function's stack
    const Step* block = nullptr;  // steps since here are not counted yet
    u64 steps = 0;
    u64 max_steps = 0;
    std::span<Region> regions;
    const Step* pc = nullptr;  // where a run stopped, or goes on
    RunMode mode = RunMode::Checked;
    u32 depth = 0;
    Return returns[kMaxFrames];
    Iteration iterations[kMaxFrames];  // of each frame
    u64 may_gotos[kMaxFrames] = {};
    u64 may_goto_budget = kMayGotoBudget;

    const Program* program = nullptr;
    const ProgramRules* rules = nullptr;
    std::span<Step> code;
    std::span<u32> insn_of;  // the instruction of each step
    std::span<u8> stack;
    std::span<u8> written;   // in mode Single: a byte for each of the stack
    std::span<MapState> maps;
    std::span<u8> context;
    std::span<u8> packet;
    std::span<u8> records;
    u32 held[kMaxRecords] = {};  // bytes of each record that is reserved, or 0
    StackObject objects[kMaxObjects];
    u32 object_count = 0;
    u8 tasks[kMaxTasks] = {};  // how often each is held
    u64 lock = 0;              // the address of the one that is held
    u32 rcu_sections = 0;
    u32 preempt_sections = 0;
    u64 random = 1;
    RunResult result;

    bool fail(const char* why, bool is_unsupported = false);
    u32 insn_at(const Step* step) const;
    // Null if the bytes may not be touched. Any mode.
    u8* translate(u64 address, u64 size, bool is_write);
    bool load_context(u64 offset, u64& value, bool& handled);
    bool do_atomic(const Step& step);
    u64 map_value_address(u64 map, u64 offset) const;
    u64 find_entry(MapState& m, const u8* key, bool create);
    bool call_helper(u32 id);
    bool map_helper(u32 id, u64& result);
    bool ring_helper(u32 id, u64& result);
    bool buffer_helper(u32 id, u64& value);
    bool spin_lock(bool takes);

    bool call_kernel(KernelFunction function);
    bool number_function(KernelFunction function, u64& value);
    bool task_function(KernelFunction function, u64& value);
    bool section_function(KernelFunction function);
    bool buffer_function(KernelFunction function, u64& value);
    bool object_place(u64 address, u32 size, u32& at);
    StackObject* find_object(ObjectKind kind, u64 address);
    StackObject* make_object(ObjectKind kind, u64 address);
    void drop_object(StackObject& object);
    bool touch_objects(u64 offset, u64 size, bool is_write);
    bool leave_objects();
    u32 held_objects() const;
    u8* translate_object(u64 offset, u64 size, bool is_write);
};

// The handler of an instruction that is not a load of 64 bits, a call or a jump (decode resolves their
// targets itself); null if there is no such instruction.
Handler handler_of(const Insn& insn, RunMode mode);
Handler kernel_call_handler(RunMode mode);  // of a kernel function that is known; not for Pure
Handler fall_off_handler();
Handler bad_register_handler();
Handler bad_instruction_handler();

inline u64 load_bytes(const u8* p, u32 size) {
    u64 v = 0;
    memcpy(&v, p, size);
    return v;
}

}  // namespace gyre::bpf
