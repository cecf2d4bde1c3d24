// SPDX-License-Identifier: MIT
//
// The order of a verification: shape, then the paths of the main program, then those of every
// global function that is called, then the depth of the stacks (subprograms.cpp).
#include "lib/bpf/analysis.h"

namespace gyre::bpf {

Analysis::Analysis(const Program& program, const Environment& environment, Arena& arena,
                   const Limits& limits, Report& report, std::span<u32> visits)
    : program_(program), environment_(environment), arena_(arena), limits_(limits),
      report_(report), visits_(visits) {}

bool Analysis::dispatch(const Insn& insn, bool& path_ended) {
    switch (insn.insn_class()) {
        case kClassAlu:
        case kClassAlu64:
            if (!step_alu(insn)) {
                return false;
            }
            state_->insn++;
            return true;
        case kClassLd:
            if (is_ld_imm64(insn)) {
                if (!load_imm64(insn)) {
                    return false;
                }
                state_->insn += 2;
                return true;
            }
            if (insn.mode() != kModeAbs && insn.mode() != kModeInd) {
                return fail(Problem::BadEncoding, -1, "an unknown load");
            }
            if (!step_load_packet(insn)) {
                return false;
            }
            state_->insn++;
            return true;
        case kClassLdx:
            if (!step_load(insn)) {
                return false;
            }
            state_->insn++;
            return true;
        case kClassSt:
        case kClassStx:
            if (!(insn.mode() == kModeAtomic ? step_atomic(insn) : step_store(insn))) {
                return false;
            }
            state_->insn++;
            return true;
        default:
            if (insn.op() == kCall) {
                return step_call(insn, path_ended);
            }
            if (insn.op() == kExit) {
                return step_exit(path_ended);
            }
            return step_jump(insn, path_ended);
    }
}

bool Analysis::step(bool& path_ended) {
    u32 at = state_->insn;
    if (at >= program_.insns.size()) {
        return fail(Problem::BadControlFlow, -1, "a path runs off the end of the program");
    }
    if (waiting_ != nullptr && (flow_.flags[at] & (kCheckpoint | kForced)) == kCheckpoint) {
        if (!comes_back(*state_) && !meet_waiting()) {
            return false;
        }
        at = state_->insn;  // the path that was behind goes on first
    }
    state_->path_length++;
    report_.statistics.insns_processed++;
    if (is_out_of_steps()) {
        return out_of_steps();
    }
    const Insn& insn = program_.insns[at];
    if (insn.dst() >= kRegisterCount ||
        (insn.src() >= kRegisterCount && insn.insn_class() != kClassLd)) {
        return fail(Problem::BadEncoding, -1, "there is no such register");
    }
    if (at < visits_.size()) {
        visits_[at]++;
    }
    if (flow_.flags[at] & kCheckpoint) {
        bool is_pruned = false;
        if (!visit_checkpoint(is_pruned)) {
            return false;
        }
        if (is_pruned) {
            path_ended = true;
            return true;
        }
        at = state_->insn;  // another state may have taken the place of the one that arrived
    }
    if (!own_frame(state_->frame_count - 1u)) {
        return false;
    }
    state_->is_trail_complete = false;
    if (!dispatch(program_.insns[at], path_ended) || arena_.is_exhausted()) {
        return false;
    }
    trails_.step(*state_, at, path_ended);
    count_round(*state_, at);
    return true;
}

void Analysis::end_path() {
    PathNeeds nothing;
    nothing.frame_count = state_->frame_count;
    trails_.end(*state_, nothing);
    finish_branch(state_->parent);
    release_state(state_);
    state_ = nullptr;
}

State* Analysis::pop_pending() {
    Pending* top_entry = pending_;
    if (top_entry == nullptr) {
        return nullptr;
    }
    State* s = top_entry->state;
    pending_ = top_entry->below;
    pending_count_--;
    arena_.release(top_entry, sizeof(Pending));
    return s;
}

bool Analysis::run_path() {
    bool path_ended = false;
    while (!path_ended) {
        if (!step(path_ended)) {
            return arena_.is_exhausted() ? out_of_memory() : false;
        }
    }
    end_path();
    return true;
}

bool Analysis::prepare_main(State& s) {
    if (is_extension()) {  // called with what the replaced function took
        return check_attachment() && prepare_global(s, 0);
    }
    Frame& f = *s.frames[0];
    f.regs[1] = Reg::pointer(Kind::Context);
    return check_attachment() && prepare_references();
}

bool Analysis::prepare_global(State& s, u32 subprogram) {
    Frame& f = *s.frames[0];
    f.is_global_root = true;
    const Btf& btf = *program_.btf;
    u32 prototype = btf.type(flow_.subprograms[subprogram].type_id).size_or_type;
    u32 count = btf.type(prototype).count();
    if (count > 5) {
        return fail(Problem::BadType, -1, "a global function takes more than five arguments");
    }
    if (subprogram != 0 && subprogram == flow_.exception_callback &&
        (count != 1 || global_argument(prototype, 0).kind != GlobalArgumentKind::Number)) {
        return fail(Problem::BadType, -1, "an exception callback takes one number");
    }
    u32 result = btf.skip_modifiers(btf.type(prototype).size_or_type);
    BtfKind kind = btf.type(result).kind();
    bool may_be_void = result == 0 && environment_.target.version > 618;
    if (!may_be_void && kind != BtfKind::Int && kind != BtfKind::Enum && kind != BtfKind::Enum64) {
        return fail(Problem::BadType, -1, "the global function ",
                    btf.name(flow_.subprograms[subprogram].type_id), " returns ",
                    result == 0 ? "nothing" : "what is no number",
                    "; such a function must return a number, or be static (or __hidden)");
    }
    for (u32 i = 0; i < count; i++) {
        GlobalArgument want = global_argument(prototype, i);
        Reg& r = f.regs[i + 1];
        switch (want.kind) {
            case GlobalArgumentKind::Number: r = Reg::unknown(); break;
            case GlobalArgumentKind::Context: r = Reg::pointer(Kind::Context); break;
            case GlobalArgumentKind::Memory:
                r = Reg::pointer(Kind::Memory);
                r.extra = want.size;
                r.flags = want.may_be_null ? kMaybeNull : 0;
                r.id = new_id();
                break;
            case GlobalArgumentKind::Arena: r = Reg::pointer(Kind::Arena); break;
            case GlobalArgumentKind::Dynptr:
                r = Reg::pointer(Kind::Dynptr);
                r.extra = static_cast<u32>(DynptrKind::Local);
                r.frame = 1;
                r.id = new_id();
                break;
            case GlobalArgumentKind::Object:
                r = Reg::pointer(Kind::BtfObject);
                r.extra = want.size;
                r.flags = kTrusted | (want.may_be_null ? kMaybeNull : 0);
                r.id = new_id();
                break;
            case GlobalArgumentKind::Unsupported:
                return fail(Problem::NotSupported, static_cast<int>(i + 1),
                            "a global function takes an argument of an unsupported type");
        }
    }
    return true;
}

bool Analysis::walk(u32 subprogram) {
    root_subprogram_ = subprogram;
    state_ = arena_.make<State>();
    if (state_ == nullptr) {
        return out_of_memory();
    }
    state_->insn = flow_.subprograms[subprogram].begin;
    state_->may_sleep = program_.is_sleepable;
    if (!push_frame(subprogram, Frame::kNoCall)) {
        return false;
    }
    bool ready = subprogram == 0 ? prepare_main(*state_) : prepare_global(*state_, subprogram);
    if (!ready) {
        return false;
    }
    merges_paths_ = limits_.may_prune;
    while (state_ != nullptr) {
        bool goes_on = run_path() ? next_path() : recover();
        if (!goes_on) {
            return false;
        }
    }
    newest_ = nullptr;
    // What was explored from this entry may not serve another.
    for (u32 i = 0; i < program_.insns.size(); i++) {
        Point& point = demand_.at(i);
        for (Checkpoint* c = point.checkpoints; c != nullptr; c = c->next) {
            release_checkpoint(*c);
        }
        point.checkpoints = nullptr;
    }
    return true;
}

void Analysis::run() {
    u32 type = static_cast<u32>(program_.type);
    if (type >= environment_.rules.size() || environment_.rules[type].context == nullptr) {
        fail(Problem::NotSupported, -1, "programs of this type (number ", type,
             ") are not supported; the target is ", environment_.target.name);
        return;
    }
    rules_ = &environment_.rules[type];
    if (program_.type == ProgramType::StructOps && !program_.is_gpl) {
        fail(Problem::BadHelper, -1, "a struct_ops program needs a GPL-compatible licence");
        return;
    }
    if (program_.type == ProgramType::Lsm && environment_.kernel_btf != nullptr) {
        static constexpr std::string_view kDisabled[] = {
            "vm_enough_memory", "inode_need_killpriv", "inode_getsecurity", "inode_listsecurity",
            "inode_copy_up_xattr", "getselfattr", "getprocattr", "setprocattr", "key_getsecurity",
            "audit_rule_match", "xfrm_decode_session", "ismaclabel"};
        std::string_view hook = environment_.kernel_btf->name(program_.attach_type_id);
        for (std::string_view disabled : kDisabled) {
            if (environment_.target.version >= 612 && hook.size() == disabled.size() + 8 &&
                hook.substr(8) == disabled) {
                fail(Problem::NotSupported, -1, "BPF programs may not attach to the hook ", hook);
                return;
            }
        }
    }
    if (!build_control_flow(program_, environment_, arena_, flow_, report_)) {
        return;
    }
    if (!demand_.prepare(program_, flow_, arena_)) {
        out_of_memory();
        return;
    }
    prepare_subprograms();
    if (!check_extension()) {
        return;
    }
    if (flow_.exception_callback != 0) {
        flow_.subprograms[flow_.exception_callback].is_reached = true;  // it may always be called
    }
    mark_forced_loops();
    if (!has_forced_ && !trails_.prepare(program_, environment_, flow_, arena_)) {
        out_of_memory();
        return;
    }
    for (u32 i = 0; i < program_.insns.size(); i++) {
        const Insn& insn = program_.insns[i];
        bool names_map = !(flow_.flags[i] & kSecondHalf) && is_ld_imm64(insn) &&
                         insn.src() != kPseudoNone && insn.src() != kPseudoBtfId &&
                         insn.src() != kPseudoFunc;
        u32 index = static_cast<u32>(insn.imm);
        if (names_map && index < program_.maps.size() &&
            !check_used_map(*program_.maps[index])) {
            report_.insn = i;
            return;
        }
    }
    if (!walk(0)) {
        return;
    }
    bool found = true;
    while (found) {
        found = false;
        for (u32 s = 1; s < flow_.subprograms.size(); s++) {
            Subprogram& sub = flow_.subprograms[s];
            if (sub.is_global && sub.is_reached && !sub.is_verified) {
                sub.is_verified = true;
                found = true;
                if (!walk(s)) {
                    return;
                }
            }
        }
    }
    if (!check_exceptions() || !check_stack_depth()) {
        return;
    }
    report_.is_accepted = true;
}

namespace {

enum class Outcome : u8 { Final, Doubtful };

Outcome try_verify(const Program& program, const Environment& environment, Arena& arena,
                   const Limits& limits, Report& report, std::span<u32> visits,
                   bool may_generalize) {
    Analysis analysis(program, environment, arena, limits, report, visits);
    if (!may_generalize) {
        analysis.walk_every_round();
    }
    analysis.run();
    if (!report.is_accepted && analysis.is_doubtful()) {
        return Outcome::Doubtful;
    }
    bool has_cause = (report.register_number >= 0 || report.origin_insn != kNoInsn) &&
                     report.insn != kNoInsn &&
                     report.problem != Problem::OutOfMemory &&
                     report.problem != Problem::TooComplex && analysis.can_be_explained();
    if (has_cause) {
        if (Report* scratch = arena.make<Report>()) {
            Analysis again(program, environment, arena, limits, *scratch, {});
            again.explain(analysis, report);
        }
    }
    return Outcome::Final;
}

}  // namespace

void verify(const Program& program, const Environment& environment, Arena& arena,
            const Limits& limits, Report& report, std::span<u32> visits) {
    Program fixed = program;
    // What the system call fills in when the loader says nothing.
    if (fixed.type == ProgramType::CgroupSock && fixed.attach == AttachType::CgroupInetIngress) {
        fixed.attach = AttachType::CgroupInetSockCreate;
    }
    if (fixed.type == ProgramType::Extension && environment.target.is_linux &&
        !prepare_extension(fixed, report)) {
        return;
    }
    size_t mark = arena.mark();
    size_t most_used = 0;
    if (try_verify(fixed, environment, arena, limits, report, visits, limits.may_generalize) ==
        Outcome::Doubtful) {
        // What attempts left behind may have cost the program its acceptance.
        most_used = arena.used();
        arena.rewind(mark);
        for (u32& visit : visits) {
            visit = 0;
        }
        report = Report{};
        try_verify(fixed, environment, arena, limits, report, visits, false);
    }
    most_used = arena.used() > most_used ? arena.used() : most_used;
    report.statistics.arena_bytes = most_used;
}

const HelperPrototype* find_helper(const Environment& environment, const HelperSet* set, u32 id,
                                   bool may_sleep) {
    if (set == nullptr || id == 0) {
        return nullptr;
    }
    const HelperPrototype* own = nullptr;
    for (const HelperChoice& choice : set->own) {
        if (choice.id == id && own == nullptr) {
            own = &environment.prototypes[choice.prototype];
        } else if (choice.id == id && !may_sleep && (own->properties & kMaySleep)) {
            own = &environment.prototypes[choice.prototype];  // the form that does not sleep
        }
    }
    // Either the own ones come first, or they stand before the last of the others.
    if (own != nullptr && set->own_first) {
        return own;
    }
    const HelperSet* others[3] = {set->first, set->second, set->third};
    for (u32 k = 0; k < 3 && others[k] != nullptr; k++) {
        bool is_last = k == 2 || others[k + 1] == nullptr;
        if (is_last && own != nullptr) {
            return own;
        }
        if (const HelperPrototype* found = find_helper(environment, others[k], id, may_sleep)) {
            return found;
        }
    }
    return own;
}

}  // namespace gyre::bpf
