// SPDX-License-Identifier: MIT
//
// Trails: what each path did since the last state that was kept. When the path has ended, what was
// needed of it is carried back along its trail, once, to that state. So a kept state knows what the
// paths from it needed, and no more: two states that another path would tell apart count as one.
//
// Where trails part they share what lies behind; what comes back from one side waits there for the
// other. What is needed is an upper bound of what was looked at, as demand.h has it: there for all
// paths through an instruction, here for those from one state.
//
// A trail may be lost (callbacks, memory): then it says so, and the sets of demand.h stand in.
#pragma once

#include "lib/bpf/demand.h"
#include "lib/bpf/liveness.h"

namespace gyre::bpf {

// What is needed of a whole state, frame by frame.
struct PathNeeds {
    u32 frame_count = 0;
    bool is_unknown = false;
    FrameDemand frames[kMaxFrames];
};

// The same, kept with a checkpoint.
struct KeptNeeds {
    u32 frame_count;
    bool is_unknown;
    FrameDemand frames[];
};

// How an instruction used slots of a frame.
enum SlotUse : u8 {
    kSlotsRead = 1,         // they must be readable, of the same shape
    kSlotsAccessed = 2,     // a number went from them to a register or back
    kSlotsOverwritten = 4,  // nothing is left of what they were
    kSlotsRenewed = 8,      // the number that they held does not count any more
    kSlotsNeeded = 16,      // they must be exact
    kLinked = 32,           // numbers that a comparison refined together with its first operand, ...
    kLinkedToSource = 64,   // ... with its second
};

enum class TrailKind : u8 {
    Run,    // the instructions [first, end), one after the other, in one frame
    Fact,   // how the instruction `first` used a frame's slots and registers
    Enter,  // a call of a subprogram
    Leave,  // the return from one
    Join,   // another trail ends here, too
    Root,   // a checkpoint
    Lost,
};

struct TrailNode {
    TrailNode* before = nullptr;
    union {
        u64 slots;
        TrailNode* other;
        Checkpoint* checkpoint;
    };
    KeptNeeds* gathered = nullptr;  // what came back from trails that parted here
    u32 owners = 1;
    u32 first = 0;
    u32 end = 0;
    u16 regs = 0;
    TrailKind kind = TrailKind::Run;
    u8 frame = 0;
    u8 use = 0;
    bool begins_step = false;  // of several facts of one instruction the first
};

class Trails {
public:
    bool prepare(const Program& program, const Environment& environment, const ControlFlow& flow,
                 Arena& arena);
    bool is_on() const { return !uses_.empty(); }

    // The instruction under way of the top frame used these registers and slots of a frame.
    void note(State& s, u32 frame, u8 use, u16 regs, u64 slots);
    // Called before and after the copy of a state is put aside at a branch, to go on elsewhere.
    void part(State& s) { close(s, s.insn); }
    void parted(State& copy, u32 at);
    // The instruction `at` was followed, and the path goes on at s.insn.
    void step(State& s, u32 at, bool has_ended);
    void enter(State& s, u32 begin);
    void leave(State& s, u32 back);
    void lose(State& s);

    // The state is kept with `c`: what is needed from here on is gathered there.
    void begin(State& s, Checkpoint* c);
    // `other` arrived where `s` is and needs nothing that `s` does not need.
    void join(State& s, State& other);
    // The path has ended, and this is needed of its state.
    void end(State& s, const PathNeeds& needs);
    void end(State& s, const KeptNeeds& needs);
    // The path is not followed, or not from here.
    void discard(State& s);
    void share(State& copy);
    // The trail that led to a kept state.
    void carry_back(TrailNode* trail, const PathNeeds& needs);
    void drop(TrailNode* trail);

    KeptNeeds* keep(const PathNeeds& needs);
    static void load(PathNeeds& needs, const KeptNeeds& kept);
    void release(KeptNeeds* needs);

private:
    void close(State& s, u32 end);
    TrailNode* append(State& s, TrailKind kind);
    void apply(TrailNode*& node, PathNeeds& needs);
    void apply_insn(u32 at, PathNeeds& needs, const TrailNode* facts);
    void gather(KeptNeeds*& gathered, const PathNeeds& needs);
    static void add(PathNeeds& needs, const KeptNeeds& kept);
    void release_node(TrailNode* node);

    const Program* program_ = nullptr;
    const ControlFlow* flow_ = nullptr;
    Arena* arena_ = nullptr;
    std::span<RegisterUse> uses_;
    u32 node_count_ = 0;
    u32 node_limit_ = 0;
};

}  // namespace gyre::bpf
