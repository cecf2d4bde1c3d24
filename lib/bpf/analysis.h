// SPDX-License-Identifier: MIT
//
// The walk over a program's paths: one object per verification. The parts are spread over files by
// what they decide: run.cpp (paths, checkpoints), compare.cpp, alu.cpp, jump.cpp, memory*.cpp,
// call*.cpp, helper*.cpp, kfunc*.cpp, exit.cpp. A function that returns bool returns false after
// it has written the problem into the report.
#pragma once

#include "lib/bpf/call_facts.h"
#include "lib/bpf/cfg.h"
#include "lib/bpf/checkpoint.h"
#include "lib/bpf/demand.h"
#include "lib/bpf/state.h"
#include "lib/bpf/text.h"
#include "lib/bpf/trace.h"
#include "lib/bpf/trail.h"
#include "lib/bpf/verifier.h"
#include "lib/bpf/widen.h"

namespace gyre::bpf {

inline constexpr s64 kMaxVariableOffset = 1 << 29;
inline constexpr s64 kMaxPacketOffset = 0xffff;
inline constexpr u16 kInstructionSetFour = 606;  // the Linux that first knew it
inline constexpr u32 kMaxStructOpsArguments = 12;  // MAX_BPF_FUNC_ARGS
inline constexpr u32 kMaxCallbackDepth = 64;
inline constexpr u32 kMaxMayGotoDepth = 64;

class StateComparer;

// Turns a program of type Extension into one of its target's type; false, with the report filled, if it
// may not replace that function.
bool prepare_extension(Program& program, Report& report);

struct KfuncCall;
namespace linux_tables {
struct StructOpsRules;
}

class Analysis {
public:
    Analysis(const Program& program, const Environment& environment, Arena& arena,
             const Limits& limits, Report& report, std::span<u32> visits);
    void run();
    // Walks the path to `failed`'s refusal again and writes where the value came from.
    void explain(const Analysis& failed, Report& report);
    // Only what is known without a walk: does this function, or one that it calls, change packets?
    bool changes_packets(u32 function_type_id, bool& changes);
    void walk_every_round() { may_generalize_ = false; }
    bool is_doubtful() const { return has_generalized_ && !is_certain_; }
    bool can_be_explained() const { return state_ != nullptr; }

private:
    friend class StateComparer;
    friend class PathFollower;

    // replay.cpp
    bool replay(const Choice* last, u32 root, u32 until, u64 steps);
    bool out_of_steps();  // endless.cpp
    void explain_origin(Report& report, const Trace& trace, unsigned r);
    void explain_path(Report& report, const Trace& trace, u32 since);
    static void tell_loss(Report& report);

    // run.cpp
    bool walk(u32 subprogram);
    bool run_path();
    bool step(bool& path_ended);
    bool dispatch(const Insn& insn, bool& path_ended);
    void prepare_subprograms();
    bool prepare_main(State& s);
    bool prepare_global(State& s, u32 subprogram);
    bool check_stack_depth();
    bool drop_state(State* s);
    void end_path();
    State* pop_pending();

    // merge.cpp
    bool next_path();
    void wait_to_merge();
    bool meet_waiting();
    void count_round(State& s, u32 from);
    int compare_in_frame(const Frame& a, u32 at_a, const Frame& b, u32 at_b) const;
    int compare_positions(const State& a, const State& b) const;
    bool comes_back(const State& s) const;
    bool is_crowded() const;
    bool is_in_forced_loop() const;
    void mark_forced_loops();
    void leave_behind();
    bool merge_with(Pending* entry);
    void settle_held();
    void drop_waiting(Pending* first);
    bool is_ancestor(const Checkpoint& c) const;

    // checkpoint.cpp
    bool visit_checkpoint(bool& is_pruned);
    bool add_checkpoint(u32 insn);
    void finish_branch(Checkpoint* c);
    void settle_needs(Checkpoint& c);
    void release_checkpoint(Checkpoint& c);
    void needs_at(const State& s, PathNeeds& needs);
    void unsettled_needs_at(const State& s, PathNeeds& needs);
    void end_trail(const PathNeeds* needs);
    void note_loop(Checkpoint* from, Checkpoint* entry);
    bool widen_at(u32 insn, bool is_visited);
    bool same_here(const State& old, Exactness exactness,
                 const Attempt* closing = nullptr);
    FrameDemand frame_demand(const State& s, u32 frame);
    void prepare_comparer(StateComparer& comparer);
    u32 progress_of(const State& s) const;
    bool may_end_at(const Checkpoint& c) const;
    bool is_in_loop(const Checkpoint& c) const;

    // generalize.cpp
    bool generalize(u32 insn, bool& is_pruned);
    Attempt* make_attempt(bool is_loop);
    bool start_attempt(const Checkpoint& partner, bool is_loop);
    bool is_way_back(const Checkpoint& c) const;
    bool open_attempt(Attempt* a);
    bool restart_attempt(Attempt& a);
    bool test_endurance(const Checkpoint& partner);
    bool refuse_endless(const Attempt& a);
    bool stays_open(const Insn& insn, const Reg& r, u32 inside) const;
    bool claim_rounds(Attempt& a, const State& start, const State& seen);
    bool claim_followers(Attempt& a, const State& start);
    bool come_back(Attempt& a, bool& is_pruned, bool& is_fresh);
    bool is_included(Attempt& a);
    bool finish_attempt();
    bool recover();
    bool roll_back(Attempt& a, bool is_failure);
    void forget_checkpoints(u32 serial, const Checkpoint* head);
    bool is_out_of_steps() const {
        return report_.statistics.insns_processed - wasted_insns_ > limits_.insns_processed;
    }
    void collect_thresholds(const Attempt& a, const State& s, const State& seen,
                            Thresholds& ends);
    void prefer_loop(u32 at);

    // state_ops.cpp
    State* copy_state(const State& s, bool is_kept = false);
    void release_state(State* s);
    Frame* copy_frame(const Frame& f);
    void release_frame(Frame* f);
    void release_stack(StackBlock* block);
    void release_chunk(StackChunk* chunk);
    bool own_frame(u32 index);
    bool own_stack(Frame& f, u32 slots);
    bool own_slot(Frame& f, u32 slot);
    bool grow_slots(Frame& f, u32 slots);
    bool push_frame(u32 subprogram, u32 call_insn);
    void pop_frame();
    State* fork(u32 insn, bool is_jump);
    Frame& top() { return *state_->frames[state_->frame_count - 1]; }
    Reg& reg(unsigned r) { return top().regs[r]; }
    Frame& frame_at(u32 n) { return *state_->frames[n]; }
    template <class Match, class Change>
    bool change_regs(Match match, Change change);
    u32 new_id() { return ++last_id_; }

    // The instruction under way needs the register's number exactly.
    void need_register(unsigned r) {
        demand_.need_register(state_->insn, r);
        trails_.note(*state_, state_->frame_count - 1u, kSlotsNeeded, static_cast<u16>(1u << r), 0);
    }

    // The kernel's structure of that name; the latest answers are remembered.
    u32 find_kernel_struct(std::string_view name);

    // Problems.
    template <class... Parts>
    bool fail(Problem problem, int reg, Parts... parts) {
        if (report_.problem == Problem::None) {
            report_.problem = problem;
            report_.insn = state_ != nullptr ? state_->insn : kNoInsn;
            report_.register_number = reg;
            TextWriter out(report_.text);
            ((out << parts), ...);
            report_.text_length = static_cast<u32>(out.text().size());
        }
        return false;
    }
    bool out_of_memory() {
        return fail(Problem::OutOfMemory, -1, "the verifier's memory limit is reached");
    }

    // alu.cpp
    bool step_alu(const Insn& insn);
    bool check_alu_encoding(const Insn& insn);
    bool move(const Insn& insn);
    bool scalar_operation(const Insn& insn, Reg& dst, const Reg& src);
    bool pointer_operation(const Insn& insn, const Reg& pointer, const Reg& offset,
                           bool pointer_is_dst);
    bool check_sane_offset(const Reg& r, Kind pointer_kind, int number);
    bool stands_for_several() const;
    bool has_small_member(const Reg& r);
    static void carry_common(const Insn& insn, const Reg& a, const Reg& b, Reg& result);
    bool load_imm64(const Insn& insn);

    // jump.cpp
    bool step_jump(const Insn& insn, bool& path_ended);
    bool step_may_goto(const Insn& insn);
    int decide_jump(const Insn& insn, const Reg& a, const Reg& b);
    bool refine_branch(State& s, const Insn& insn, bool outcome);
    bool refine_packet(State& s, const Insn& insn, bool outcome);
    bool mark_null(State& s, unsigned r, bool is_null);
    bool spread_links(State& s, const Reg& known);
    void note_links(const Insn& insn);
    template <class Match, class Change>
    bool change_regs_of(State& s, Match match, Change change);

    // memory.cpp
    bool check_base_kind(unsigned number);
    bool step_load(const Insn& insn);
    bool step_store(const Insn& insn);
    bool step_atomic(const Insn& insn);
    bool step_load_packet(const Insn& insn);
    bool access(unsigned base, s32 off, u32 size, Access kind, int value_reg, bool sign_extend,
                bool is_once_strict);
    bool check_alignment(const Reg& base, s32 off, u32 size, bool strict);
    bool check_region(const Reg& base, int number, s32 off, u32 size, u64 region_size,
                      bool zero_allowed);
    bool check_packet(unsigned number, s32 off, u32 size, bool zero_allowed);
    bool check_map_access(const Reg& base, unsigned number, s32 off, u32 size, bool zero_allowed,
                          Access kind);
    bool access_map_value(unsigned base, s32 off, u32 size, Access kind, int value_reg);
    bool access_special_field(const Reg& base, const SpecialField& field, u32 size, Access kind,
                              int value_reg);
    bool access_btf(unsigned base, s32 off, u32 size, Access kind, int value_reg);
    bool check_constant_offset(const Reg& r, unsigned number, bool fixed_allowed);
    bool write_result(int value_reg, const Reg& value, u32 size, bool sign_extend);

    // memory_stack.cpp
    bool read_stack(unsigned base, s32 off, u32 size, int value_reg);
    bool write_stack(unsigned base, s32 off, u32 size, int value_reg, s64 constant);
    bool read_stack_fixed(u32 frame, s32 off, u32 size, int value_reg);
    bool read_stack_variable(u32 frame, s64 low, s64 high, u32 size, int value_reg);
    bool write_stack_fixed(u32 frame, s32 off, u32 size, const Reg* value, int value_reg);
    bool write_stack_variable(u32 frame, s64 low, s64 high, u32 size, const Reg* value,
                              int value_reg);
    bool check_stack_bounds(const Reg& base, unsigned number, s32 off, u32 size, Access kind,
                            s64& low, s64& high);
    bool check_stack_range(unsigned base, s32 off, u32 size, bool zero_allowed, Access kind,
                           bool may_be_uninitialized);
    bool check_called_slot(u32 frame, u32 index, u32 first, u32 count, unsigned base_number,
                           bool may_be_uninitialized);
    bool blur_slot(u32 frame, u32 index, u32 first, u32 count);
    bool grow_stack(u32 frame, s64 low);
    bool reach_stack(u32 frame, s64 low);
    void note_stack_use(u32 frame, u64 slots, bool is_read, u64 overwritten = 0,
                        u64 renewed = 0);
    bool keeps_zero(u32 frame, u32 index, u32 first, u32 count) const;
    void need_stack(u32 frame, u64 slots);
    bool destroy_dynptr_if_overwritten(u32 frame, u32 slot);
    bool write_through_alias(const Reg& memory);

    // irq.cpp
    bool irq_flag_argument(unsigned number, KfuncCall& call);

    // lock.cpp
    bool take_lock(const Reg& r, ReferenceKind kind);
    bool release_lock(const Reg& r, ReferenceKind kind);
    bool holds_lock_of(const Reg& r) const;
    bool lock_argument(unsigned number, const KfuncCall& call);
    bool push_failed_lock();

    // exception.cpp
    bool check_exceptions();
    bool is_extension() const {
        return program_.target.program != nullptr && program_.type != ProgramType::Tracing;
    }
    bool step_throw();
    bool check_no_leak_by_throw();
    bool check_throws_out_of_no_callback();

    // extension.cpp
    bool check_extension();

    // tracing.cpp
    bool check_traced_program();
    bool access_traced_argument(u32 index, u32 size, Reg& value);

    // offer.cpp
    bool check_offer();
    bool check_map_offer(const Map& map);
    bool refuse_version(Problem problem, u16 since, std::string_view what,
                        std::string_view which = {});
    bool refuse_helper(u32 id, const HelperPrototype* h);

    // attach.cpp
    bool check_attachment();
    bool check_instructions_exist();
    bool check_struct_ops();
    u32 find_struct_ops_stub() const;
    std::string_view struct_ops_argument(u32 index) const;
    bool prepare_references();
    bool returns_reference() const;
    const HelperPrototype* offered_helper(u32 id) const;

    // context.cpp
    bool access_context(unsigned base, s32 off, u32 size, Access kind, int value_reg,
                        bool sign_extend);
    bool access_layout(const ContextLayout& layout, u32 off, u32 size, Access kind,
                       ContextResult& result);
    bool access_btf_context(s32 off, u32 size, Access kind, Reg& value);
    u32 attach_prototype(bool& skips_first) const;
    u32 walk_struct(const Btf& btf, u32 type, u32 off, u32 size, u32& pointee, u32& flags);
    bool access_socket(unsigned base, s32 off, u32 size, Access kind, int value_reg);

    // call.cpp
    bool step_call(const Insn& insn, bool& path_ended);
    bool call_subprogram(u32 subprogram);
    bool call_global(u32 subprogram);
    bool check_global_arguments(u32 subprogram);
    bool step_exit(bool& path_ended);
    bool return_from_callee(bool& path_ended);
    bool leave_frame();
    bool return_from_callback(Frame& callee, bool& path_ended);
    bool check_return_value(unsigned number);
    bool return_range(s64& low, s64& high, bool& is_half) const;
    GlobalArgument global_argument(u32 prototype, u32 index) const;
    bool check_leaks(const char* where, bool is_return = false);
    void clobber_caller_saved();

    // helper.cpp
    bool call_helper(const Insn& insn, bool& path_ended);
    bool check_used_map(const Map& map);
    bool helper_condition(u32 id);
    bool special_helper(u32 id, CallFacts& facts);
    bool check_helper_map(u32 id, const CallFacts& facts);
    bool set_helper_result(u32 id, CallFacts& facts);
    bool refine_helper_result(u32 id, const Reg& size_argument);
    bool helper_changes_packets(u32 id) const;
    bool push_callback(u32 id, const CallFacts& facts);
    bool push_async_callback(const CallFacts& facts, CallbackKind kind);
    void invalidate_packets();

    // argument.cpp
    bool check_argument(u32 index, CallFacts& facts);
    bool check_argument_kind(const Reg& r, unsigned number, ArgumentSpec spec, const char* type,
                             CallFacts& facts);
    bool check_memory_argument(unsigned number, s64 size, bool zero_allowed, Access kind,
                               CallFacts& facts);
    bool check_size_argument(unsigned number, bool zero_allowed, Access kind, CallFacts& facts);
    bool check_constant_string(const Reg& r, unsigned number);
    bool check_dynptr_argument(unsigned number, ArgumentSpec spec, CallFacts& facts);
    bool check_map_key_constant(unsigned number, CallFacts& facts);
    std::span<const SpecialField> object_fields(u32 type);

    // reference.cpp
    bool acquire(ReferenceKind kind, u32 id, const void* object);
    bool release_reference(u32 ref);
    bool has_reference(u32 ref) const;
    bool holds_lock() const { return state_->lock_count != 0; }

    // dynptr.cpp
    bool create_dynptr(unsigned number, DynptrKind kind, u32 ref, bool read_only, u32 ref_parent);
    bool find_dynptr(unsigned number, bool allow_const, Reg& out);
    bool release_dynptr(unsigned number);

    // kfunc.cpp
    bool call_kfunc(const Insn& insn, bool& path_ended);
    bool kfunc_argument(u32 index, KfuncCall& call);
    bool kfunc_object_argument(unsigned number, u32 pointee, KfuncCall& call);
    bool kfunc_result(KfuncCall& call);
    bool finish_kfunc_result(KfuncCall& call);
    bool is_allowed_under_lock(std::string_view name) const;

    // kfunc_special.cpp, iterator.cpp, graph.cpp
    bool special_kfunc_argument(unsigned number, std::string_view parameter,
                                std::string_view type, KfuncCall& call, bool& handled);
    bool special_kfunc(KfuncCall& call, bool& ended);
    bool iterator_argument(unsigned number, std::string_view type, KfuncCall& call);
    bool iterator_new(KfuncCall& call);
    bool iterator_next(KfuncCall& call);
    bool iterator_destroy(KfuncCall& call);
    bool graph_argument(unsigned number, std::string_view type, KfuncCall& call, bool& handled);
    bool graph_call(KfuncCall& call, bool& handled);
    bool allocate_object(KfuncCall& call);
    bool make_non_owning(u32 ref);
    bool check_object_access(u32 type, u32 off, u32 size, int number);
    bool is_in_tree_callback() const;
    bool push_less(KfuncCall& call);

    const Program& program_;
    const Environment& environment_;
    Arena& arena_;
    const Limits& limits_;
    Report& report_;
    std::span<u32> visits_;
    const ProgramRules* rules_ = nullptr;
    const linux_tables::StructOpsRules* struct_ops_ = nullptr;
    u32 struct_ops_stub_ = 0;  // its prototype; 0: there is none
    u32 argument_refs_[kMaxStructOpsArguments] = {};  // what struct_ops hands over, by argument; 0: nothing
    const Map* arena_map_ = nullptr;  // that an instruction names, so that addresses may be cast
    ControlFlow flow_;
    Demand demand_;
    Trails trails_;
    State* state_ = nullptr;
    Pending* pending_ = nullptr;
    Pending* waiting_ = nullptr;  // for paths that may meet them; in the order of the program
    u32 pending_count_ = 0;
    bool merges_paths_ = false;
    bool must_keep_ = false;      // the next state that arrives at a checkpoint: another waits for it
    u32 last_id_ = 0;
    bool can_exit_async_ = false;
    bool has_pending_async_ = false;
    u32 root_subprogram_ = 0;
    Trace* trace_ = nullptr;
    u32 failing_frames_ = 0;
    Attempt* attempts_ = nullptr;     // under way, innermost first
    Checkpoint* newest_ = nullptr;
    u32 last_serial_ = 0;
    u64 wasted_insns_ = 0;            // walked for attempts that failed
    bool has_forced_ = false;         // the program has iterators, callbacks or may_goto
    bool has_stack_objects_ = false;
    bool may_generalize_ = true;
    bool has_generalized_ = false;
    bool has_asked_common_ = false;   // somewhere it mattered what joined numbers have in common
    bool is_certain_ = false;         // the refusal stands, whatever attempts there were
    u64 jumps_ = 0;
    u64 jumps_at_checkpoint_ = 0;
    u64 insns_at_checkpoint_ = 0;
    struct ObjectType {
        u32 type = 0;
        std::span<const SpecialField> fields;
    };
    static constexpr u32 kMaxObjectTypes = 32;
    ObjectType object_types_[kMaxObjectTypes];
    u32 object_type_count_ = 0;
    struct FoundStruct {
        std::string_view name;
        u32 type = 0;
    };
    static constexpr u32 kFoundStructs = 16;
    FoundStruct found_structs_[kFoundStructs];
    u32 found_struct_count_ = 0;
};

// Changes every register and spilled register of the current state that matches.
template <class Match, class Change>
bool Analysis::change_regs_of(State& s, Match match, Change change) {
    State* current = state_;
    state_ = &s;
    bool done = change_regs(match, change);
    state_ = current;
    return done;
}

template <class Match, class Change>
bool Analysis::change_regs(Match match, Change change) {
    for (u32 f = 0; f < state_->frame_count; f++) {
        for (unsigned r = 0; r < kRegisterCount; r++) {
            if (match(state_->frames[f]->regs[r])) {
                if (!own_frame(f)) {
                    return false;
                }
                change(state_->frames[f]->regs[r]);
            }
        }
        u32 slots = state_->frames[f]->stack_slots;
        for (u32 i = 0; i < slots; i++) {
            const Slot& slot = state_->frames[f]->stack->slots()[i];
            if (slot.is_spill() && match(slot.reg)) {
                if (!own_frame(f) || !own_slot(*state_->frames[f], i)) {
                    return false;
                }
                change(state_->frames[f]->stack->slots()[i].reg);
            }
        }
    }
    return true;
}

}  // namespace gyre::bpf
