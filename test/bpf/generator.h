// SPDX-License-Identifier: MIT
//
// How random programs are put together, piece by piece. Registers: r6 holds the context, r9 counts rounds
// of loops, r7 and r8 are numbers that live long; r0 to r5 are what the piece at hand makes of them.
#pragma once

#include "test/bpf/program_generator.h"

namespace gyre::bpf {

inline constexpr u8 kReg = 8;
inline constexpr unsigned kMaxInsns = 180;
// The functions of generated_kernel_types(), every other type from the first on.
enum class GeneratedFunction : u32 {
    NumbersNew, NumbersNext, NumbersDestroy, RcuLock, RcuUnlock, PreemptDisable, PreemptEnable, TaskFromPid,
    TaskAcquire, TaskRelease, BufferFromPacket, BufferFromXdp, BufferSlice, BufferSliceWritable, BufferAdjust,
    BufferSize, BufferIsNull,
};
inline constexpr u32 kFirstGeneratedFunction = 19;
// Slots of the main program's stack that pieces keep to themselves.
inline constexpr int kLoopSlot = -80, kPointerSlot = -104, kPacketSlot = -112, kSharedSlot = -136;

class Generator {
public:
    explicit Generator(std::mt19937_64& random) : random_(random) {}

    GeneratedProgram make();

private:
    // The rest is made of these.
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    bool chance(unsigned percent) { return below(100) < percent; }
    s32 number();
    u8 long_lived() { return chance(50) ? 7 : 8; }
    void emit(unsigned code, unsigned dst, unsigned src, int off, s32 imm);
    void load_map(unsigned dst, u32 map);
    size_t jump(unsigned code, unsigned dst, unsigned src, s32 imm);
    void land(size_t jump_at) { code_[jump_at].off = static_cast<s16>(code_.size() - jump_at - 1); }
    void number_into(u8 r);
    unsigned comparison();
    void arithmetic();
    void bound(u8 r, unsigned most);

    // Numbers, memory and pointers: generator_memory.cpp.
    void spill_and_fill();
    void stack_by_number();
    void map_value();
    void touch(u8 base, unsigned bytes);
    void packet();
    void record();
    void kept_pointer(unsigned depth);
    void stale_packet();
    void atomic_on_stack();
    void linked_through_stack();
    size_t look_up();
    void index_straight(u8 index);
    void linked();
    void touch_by(u8 index);

    // What is owned: generator_objects.cpp.
    void call_kernel(GeneratedFunction function);
    void stack_address(u8 r, int slot);
    void numbers(unsigned depth);
    void buffer(unsigned depth);
    void use_buffer(unsigned bytes);
    void section();
    void task(unsigned depth);
    void locked();
    void budget(unsigned depth);
    void owning_piece(unsigned depth);

    // Jumps, loops and functions: generator_control.cpp.
    void loop(unsigned depth);
    void walk();
    void tail_call();
    void iterate();
    void callback();
    void branch(unsigned depth);
    void call();
    void function();
    void spill_in_function();
    void inner_function();

    void piece(unsigned depth);
    void spoil();

    std::mt19937_64& random_;
    std::vector<Insn> code_;
    std::vector<size_t> calls_, inner_calls_, callbacks_;
    bool is_xdp_ = false;
    bool has_function_ = false;
    bool has_callback_ = false;
    bool has_owning_pieces_ = false;
    bool has_kernel_calls_ = false;
    bool is_holding_ = false;
    unsigned loops_ = 0;
    unsigned iterations_ = 0;
};

}  // namespace gyre::bpf
