// SPDX-License-Identifier: MIT
//
// Programs that are called before or after a function of another BPF program (fentry and fexit with
// a target): what they may be attached to, and what their context holds (bpf_check_attach_target,
// btf_ctx_access, btf_translate_to_vmlinux). Left out: whether a static function still takes what
// its types say, which hangs on every call of it; such arguments are numbers or refused.
#include "lib/bpf/analysis.h"

namespace gyre::bpf {
namespace {

constexpr u32 kRegisterArguments = 5;  // what a function is taken to have whose types do not count

// What an extension replaces counts as what it is.
const Program& origin_of(const Program& program) {
    const bool is_extension =
        program.type == ProgramType::Extension && program.target.program != nullptr;
    return is_extension ? *program.target.program : program;
}

bool is_whole_number(const Btf& btf, u32 type) {
    const BtfKind k = btf.type(type).kind();
    return k == BtfKind::Int || k == BtfKind::Enum || k == BtfKind::Enum64;
}

}  // namespace

bool Analysis::check_traced_program() {
    const ProgramTarget& target = program_.target;
    const Program& old = *target.program;
    if (program_.attach != AttachType::TraceFentry && program_.attach != AttachType::TraceFexit) {
        return fail(Problem::BadType, -1,
                    program_.attach == AttachType::ModifyReturn
                        ? "what a function of a BPF program returns may not be modified"
                        : "only fentry and fexit are attached to functions of BPF programs");
    }
    bool is_there = false;
    bool is_callback = false;
    u32 callback = 0;
    find_exception_callback(old, callback);
    for (const FunctionInfo& f : old.functions) {
        is_there = is_there || f.type_id == target.type_id;
        is_callback =
            is_callback || (callback != 0 && f.insn == callback && f.type_id == target.type_id);
    }
    if (old.btf == nullptr || !is_there) {
        return fail(Problem::BadType, -1,
                    "the target has no such function, or its types are missing");
    }
    if (is_callback) {
        return fail(Problem::BadType, -1, "an exception callback cannot be traced");
    }
    if (old.type == ProgramType::Tracing && old.target.program != nullptr) {
        return fail(Problem::BadType, -1,
                    "the target itself is attached to a BPF program; that may be done once only");
    }
    if (program_.is_sleepable) {
        return fail(Problem::SleepRule, -1,
                    "a program that may sleep cannot be attached to a BPF program");
    }
    return true;
}

bool Analysis::access_traced_argument(u32 index, u32 size, Reg& value) {
    const Program& old = *program_.target.program;
    const Btf& btf = *old.btf;
    const u32 prototype = btf.type(program_.target.type_id).size_or_type;
    const bool is_static = btf.type(program_.target.type_id).count() != 1;
    const u32 count = btf.type(prototype).count();
    auto refuse = [&](const char* why) {
        return fail(Problem::BadContextAccess, -1, "argument ", index,
                    " of the traced function: ", why);
    };
    value = Reg::unknown();
    const bool is_result = index == count && program_.attach == AttachType::TraceFexit;
    if (index >= count && !is_result) {
        return refuse(is_static && index < kRegisterArguments
                          ? "a static function's types do not tell of it"
                          : "there is no such argument");
    }
    const u32 type = btf.skip_modifiers(is_result ? btf.type(prototype).size_or_type
                                                  : btf.parameter(prototype, index).type);
    if (is_result && type == 0) {
        return refuse("the function returns nothing");
    }
    if (is_whole_number(btf, type)) {
        return true;
    }
    if (btf.type(type).kind() != BtfKind::Pointer) {
        return refuse("it is neither a number nor a pointer");
    }
    if (is_static) {
        return refuse("a pointer that a static function takes may be anything");
    }
    if (size != 8) {
        return refuse("a pointer is read whole");
    }
    const u32 pointee = btf.skip_modifiers(btf.type(type).size_or_type);
    if (pointee == 0 || btf.type(pointee).kind() == BtfKind::Int) {
        return true;  // read as a number
    }
    // The kernel passes its own form of the context, and that is what the program sees.
    const Program& origin = origin_of(old);
    const u32 number = static_cast<u32>(origin.type);
    const ContextLayout* layout =
        number < environment_.rules.size() ? environment_.rules[number].context : nullptr;
    const bool is_context = layout != nullptr && layout->user_type != nullptr &&
                            layout->kernel_type != nullptr &&
                            btf.name(pointee) == layout->user_type && index == 0;
    if (!is_context) {
        return refuse("it points to something else than the context of the traced program");
    }
    value = Reg::pointer(Kind::BtfObject);
    value.extra = find_kernel_struct(layout->kernel_type);
    if (value.extra == 0) {
        return refuse("the kernel's types do not hold the context");
    }
    return true;
}

}  // namespace gyre::bpf
