// SPDX-License-Identifier: MIT
//
// Programs that replace a global function of another program (Linux: freplace, BPF_PROG_TYPE_EXT):
// what they may replace, and that they then are verified as programs of the other's type which are
// called with the function's arguments (bpf_check_attach_target, btf_check_func_type_match). Left out:
// targets that are attached to functions of the kernel.
#include "lib/bpf/analysis.h"

namespace gyre::bpf {
namespace {

bool refuse(Report& report, Problem problem, std::string_view why, std::string_view what = {}) {
    report.problem = problem;
    TextWriter out(report.text);
    out << why << what;
    report.text_length = static_cast<u32>(out.text().size());
    return false;
}

bool is_number(BtfKind kind) {
    return kind == BtfKind::Int || kind == BtfKind::Enum || kind == BtfKind::Enum64;
}

// Null if the new function may stand where the old one stood. Of pointers only those to a context are
// passed to functions that can be replaced.
const char* prototype_mismatch(const Btf& mine, u32 new_type, const Btf& theirs, u32 old_type) {
    const u32 a = mine.type(new_type).size_or_type;
    const u32 b = theirs.type(old_type).size_or_type;
    const u32 count = theirs.type(b).count();
    if (mine.type(a).kind() != BtfKind::FunctionPrototype ||
        theirs.type(b).kind() != BtfKind::FunctionPrototype) {
        return "the types do not describe both functions";
    }
    if (mine.type(a).count() != count) {
        return "the functions take different numbers of arguments";
    }
    auto resolved = [](const Btf& btf, u32 id) { return btf.type(btf.skip_modifiers(id)); };
    if (resolved(mine, mine.type(a).size_or_type).info !=
        resolved(theirs, theirs.type(b).size_or_type).info) {
        return "the functions return different types";
    }
    for (u32 i = 0; i < count; i++) {
        const BtfType x = resolved(mine, mine.parameter(a, i).type);
        const BtfType y = resolved(theirs, theirs.parameter(b, i).type);
        if (x.info != y.info || (is_number(x.kind()) && x.size_or_type != y.size_or_type)) {
            return "the functions take arguments of different types";
        }
        if (is_number(x.kind())) {
            continue;
        }
        if (x.kind() != BtfKind::Pointer) {
            return "the functions take an argument that is neither number nor pointer";
        }
        const u32 to_x = mine.skip_modifiers(x.size_or_type);
        const u32 to_y = theirs.skip_modifiers(y.size_or_type);
        if (mine.type(to_x).kind() != BtfKind::Struct ||
            theirs.type(to_y).kind() != BtfKind::Struct) {
            return "the functions take a pointer to something else than a context";
        }
        if (mine.name(to_x) != theirs.name(to_y)) {
            return "the functions take pointers to different structures";
        }
    }
    return nullptr;
}

bool may_be_extended(ProgramType type) {
    switch (type) {
        case ProgramType::Unspecified: case ProgramType::Extension: case ProgramType::Tracing:
        case ProgramType::Lsm: case ProgramType::StructOps: return false;
        default: return true;
    }
}

}  // namespace

bool prepare_extension(Program& program, Report& report) {
    const ProgramTarget& target = program.target;
    if (target.program == nullptr) {
        return refuse(report, Problem::BadType,
                      "an extension needs the program of which it replaces a function; it was not "
                      "given (--target-object)");
    }
    if (program.is_sleepable) {
        return refuse(report, Problem::SleepRule, "programs of this type may not sleep: ext");
    }
    const Program& old = *target.program;
    if (old.type == ProgramType::Extension) {
        return refuse(report, Problem::BadType, "an extension may not replace part of another one");
    }
    if (!may_be_extended(old.type)) {
        return refuse(report, Problem::NotSupported,
                      "functions of programs of this type cannot be replaced, or their rules are "
                      "not known");
    }
    u32 mine = 0;
    bool is_there = false;
    for (const FunctionInfo& f : program.functions) {
        mine = f.insn == 0 ? f.type_id : mine;
    }
    for (const FunctionInfo& f : old.functions) {
        is_there = is_there || f.type_id == target.type_id;
    }
    if (program.btf == nullptr || old.btf == nullptr || mine == 0 || !is_there) {
        return refuse(report, Problem::BadType,
                      "the target has no such function, or the types of one of both are missing");
    }
    if (old.btf->type(target.type_id).count() != 1) {
        return refuse(report, Problem::BadType, "a static function cannot be replaced: ",
                      old.btf->name(target.type_id));
    }
    u32 callback = 0;
    find_exception_callback(old, callback);
    for (const FunctionInfo& f : old.functions) {
        if (callback != 0 && f.insn == callback && f.type_id == target.type_id) {
            return refuse(report, Problem::BadType, "an exception callback cannot be replaced");
        }
    }
    if (const char* why = prototype_mismatch(*program.btf, mine, *old.btf, target.type_id)) {
        return refuse(report, Problem::BadType, why);
    }
    program.type = old.type;
    program.attach = old.attach;
    program.attach_type_id = old.attach_type_id;
    return true;
}

bool Analysis::changes_packets(u32 function_type_id, bool& changes) {
    const u32 type = static_cast<u32>(program_.type);
    if (type >= environment_.rules.size() || environment_.rules[type].context == nullptr) {
        return fail(Problem::NotSupported, -1, "the target's program type is not supported");
    }
    rules_ = &environment_.rules[type];
    if (!build_control_flow(program_, environment_, arena_, flow_, report_)) {
        return false;
    }
    prepare_subprograms();
    for (const Subprogram& sub : flow_.subprograms) {
        if (sub.type_id == function_type_id) {
            changes = sub.changes_packets;
            return true;
        }
    }
    return fail(Problem::BadType, -1, "the target has no such function");
}

// Whoever calls the function keeps its packet pointers if the old one left them alone.
bool Analysis::check_extension() {
    if (!is_extension() || environment_.target.version < 612 ||
        !flow_.subprograms[0].changes_packets) {
        return true;
    }
    Report* scratch = arena_.make<Report>();
    if (scratch == nullptr) {
        return out_of_memory();
    }
    bool changes = false;
    Analysis target(*program_.target.program, environment_, arena_, limits_, *scratch, {});
    if (!target.changes_packets(program_.target.type_id, changes)) {
        return fail(Problem::BadType, -1, "the target program cannot be read");
    }
    return changes || fail(Problem::BadType, -1,
                           "the extension changes packets, but the function that it replaces does not");
}

}  // namespace gyre::bpf
