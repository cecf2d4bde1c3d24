// SPDX-License-Identifier: MIT
//
// Does the place where the program is to run offer what it uses? Program and attach types, maps and
// what lies in their values, the meaning of tags; and the words of a refusal for what only a newer
// Linux offers. Helpers and kernel functions are asked for where they are called.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/history.h"
#include "lib/bpf/linux/struct_ops.h"

namespace gyre::bpf {

using namespace linux_tables;

bool Analysis::refuse_version(Problem problem, u16 since, std::string_view what,
                              std::string_view which) {
    return fail(problem, -1, what, which, " needs Linux ", u32{since} / 100, ".", u32{since} % 100,
                " or later; the target is ", environment_.target.name);
}

bool Analysis::refuse_helper(u32 id, const HelperPrototype* h) {
    const char* name = h != nullptr ? h->name : nullptr;
    for (size_t i = 0; name == nullptr && i < environment_.prototypes.size(); i++) {
        name = environment_.prototypes[i].id == id ? environment_.prototypes[i].name : nullptr;
    }
    if (id == kPoisonedCall) {
        const char* why =
            "a member, type or value that this instruction needs is not in the kernel's types; "
            "ask with bpf_core_field_exists() or a relative of it first";
        for (const PoisonedInsn& p : program_.poisoned) {
            why = p.insn == state_->insn ? p.why : why;
        }
        return fail(Problem::NotSupported, -1, why);
    }
    if (name == nullptr) {
        return fail(Problem::BadHelper, -1, "there is no helper ", id);
    }
    const u16 since = helper_since(id, program_.type);
    if (environment_.target.is_linux && since > environment_.target.version) {
        const HelperSet* set = struct_ops_ != nullptr ? struct_ops_->helpers : rules_->helpers;
        if (find_helper(environment_, set, id, state_->may_sleep) != nullptr) {
            char text[96];
            TextWriter out(text);
            out << name << ", called by a program of type " << rules_->name << ",";
            return refuse_version(Problem::BadHelper, since, "helper ", out.text());
        }
    }
    return fail(Problem::BadHelper, -1, "helper ", name, " may not be called by a program of type ",
                rules_->name, environment_.target.is_linux ? "" : " here; the target is ",
                environment_.target.is_linux ? "" : environment_.target.name);
}

bool Analysis::check_map_offer(const Map& map) {
    const u32 type = static_cast<u32>(map.type);
    if (type >= 64 || !(environment_.map_types >> type & 1)) {
        return fail(Problem::NotSupported, -1, "maps of type ", type, " do not exist here; the target is ",
                    environment_.target.name);
    }
    if (!environment_.target.is_linux) {
        return map.fields.empty() ||
               fail(Problem::NotSupported, -1, "map ", map.name,
                    " holds fields that only their own helpers may touch; the target, ",
                    environment_.target.name, ", has none");
    }
    const u16 version = environment_.target.version;
    if (map_type_since(map.type) > version) {
        return refuse_version(Problem::NotSupported, map_type_since(map.type), "the type of map ",
                              map.name);
    }
    for (const SpecialField& f : map.fields) {
        if (field_since(f.kind) > version) {
            return refuse_version(Problem::NotSupported, field_since(f.kind),
                                  "a special field of the values of map ", map.name);
        }
    }
    return true;
}

bool Analysis::check_offer() {
    if (!environment_.target.is_linux) {
        return true;
    }
    const u16 version = environment_.target.version;
    u16 since = program_type_since(program_.type);
    if (since > version) {
        return refuse_version(Problem::NotSupported, since, "a program of type ", rules_->name);
    }
    since = attach_type_since(program_.attach);
    // The loader writes 6.6's types for tc down; the kernel before needs and knows none.
    const bool is_optional = program_.attach == AttachType::TcxIngress ||
                             program_.attach == AttachType::TcxEgress;
    if (since > version && !is_optional) {
        return refuse_version(Problem::NotSupported, since, "what the program is attached to");
    }
    return true;
}

}  // namespace gyre::bpf
