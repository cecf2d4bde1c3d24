// SPDX-License-Identifier: MIT
//
// Allocated objects, linked lists and red-black trees of a program's own types.
#include "lib/bpf/analysis.h"
#include "lib/bpf/btf_fields.h"
#include "lib/bpf/kfunc_call.h"

namespace gyre::bpf {
namespace {

bool is_add(std::string_view name) {
    return name == "bpf_list_push_front_impl" || name == "bpf_list_push_back_impl" ||
           name == "bpf_rbtree_add_impl";
}

}  // namespace

std::span<const SpecialField> Analysis::object_fields(u32 type) {
    for (u32 i = 0; i < object_type_count_; i++) {
        if (object_types_[i].type == type) {
            return object_types_[i].fields;
        }
    }
    if (object_type_count_ == kMaxObjectTypes || program_.btf == nullptr) {
        return {};
    }
    ObjectType& entry = object_types_[object_type_count_++];
    entry.type = type;
    find_special_fields(*program_.btf, type, environment_.kernel_btf, arena_, entry.fields);
    return entry.fields;
}

// Locks, nodes and heads in an object that the program allocated are touched by their own functions only.
bool Analysis::check_object_access(u32 type, u32 off, u32 size, int number) {
    std::span<const SpecialField> fields = object_fields(type);
    if (object_type_count_ == kMaxObjectTypes) {
        return fail(Problem::TooComplex, number, "the program allocates objects of ",
                    kMaxObjectTypes, " types or more");
    }
    for (const SpecialField& f : fields) {
        if (off < f.offset + f.size && f.offset < off + size) {
            return fail(Problem::BadArgument, number,
                        "the access touches a part of the object that only its own functions may "
                        "touch (a lock, node, head or count at offset ",
                        f.offset, ")");
        }
    }
    return true;
}

bool Analysis::is_in_tree_callback() const {
    for (u32 f = 0; f < state_->frame_count; f++) {
        if (state_->frames[f]->callback == CallbackKind::RbtreeLess) {
            return true;
        }
    }
    return false;
}

bool Analysis::is_allowed_under_lock(std::string_view name) const {
    return is_add(name) || name == "bpf_list_pop_front" || name == "bpf_list_pop_back" ||
           name == "bpf_list_front" || name == "bpf_list_back" || name == "bpf_rbtree_remove" ||
           name == "bpf_rbtree_first" || name == "bpf_rbtree_root" || name == "bpf_rbtree_left" ||
           name == "bpf_rbtree_right" || name.substr(0, 13) == "bpf_iter_num_" ||
           name == "bpf_refcount_acquire_impl" || name.starts_with("bpf_res_spin_");
}

bool Analysis::graph_argument(unsigned number, std::string_view type, KfuncCall& call,
                              bool& handled) {
    const Reg r = reg(number);
    int n = static_cast<int>(number);
    bool is_head = type == "bpf_list_head" || type == "bpf_rb_root";
    bool is_node = type == "bpf_list_node" || type == "bpf_rb_node";
    handled = is_head || is_node;
    if (!handled) {
        return true;
    }
    bool is_object = r.kind == Kind::BtfObject && r.has(kAlloc) && r.is_program_type;
    if (!r.var.is_constant()) {
        return fail(Problem::BadArgument, n, "the place of the list or tree must be constant");
    }
    if (is_head) {
        FieldKind want = type == "bpf_list_head" ? FieldKind::ListHead : FieldKind::RbRoot;
        if (r.kind != Kind::MapValue && !is_object) {
            return fail(Problem::BadArgument, n, "r", number,
                        " does not point to a list or tree of a map or object");
        }
        s64 at = r.off + static_cast<s64>(r.var.value());
        std::span<const SpecialField> fields =
            r.kind == Kind::MapValue ? r.map->fields : object_fields(r.extra);
        for (const SpecialField& f : fields) {
            if (f.kind == want && at == static_cast<s64>(f.offset)) {
                call.field = &f;
            }
        }
        if (call.field == nullptr) {
            return fail(Problem::BadArgument, n, "r", number, " points to no list or tree");
        }
        return holds_lock_of(r) ||
               fail(Problem::LockRule, n, "the lock of this list or tree must be held");
    }
    if (call.field == nullptr || !is_object) {
        return fail(Problem::BadArgument, n, "r", number, " is no node of an allocated object");
    }
    bool removes = call.name == "bpf_rbtree_remove" || call.name == "bpf_rbtree_left" ||
                   call.name == "bpf_rbtree_right";
    // Since 6.16 a node that is owned as well may be looked for: it need not be in this tree.
    const bool may_be_owned = environment_.target.version >= 616 && r.ref != 0;
    if (removes ? !r.has(kNonOwning) && !may_be_owned : (r.ref == 0 || r.has(kNonOwning))) {
        return fail(Problem::BadReference, n,
                    removes ? "the node must be one that is in the tree"
                            : "the node must be an object that the program owns");
    }
    if (r.extra != call.field->type_id ||
        r.off + static_cast<s64>(r.var.value()) != static_cast<s64>(call.field->node_offset)) {
        return fail(Problem::BadArgument, n, "the node is not of the type or place declared");
    }
    call.node = r;
    return true;
}

// The object now belongs to the list or tree; what points to it may still read it under the lock.
bool Analysis::make_non_owning(u32 ref) {
    for (u32 i = 0; i < state_->reference_count; i++) {
        if (state_->references[i].id == ref &&
            state_->references[i].kind == ReferenceKind::Object) {
            for (u32 k = i + 1; k < state_->reference_count; k++) {
                state_->references[k - 1] = state_->references[k];
            }
            state_->reference_count--;
            break;
        }
    }
    return change_regs([&](const Reg& r) { return r.ref == ref; },
                       [&](Reg& r) {
                           r.ref = 0;
                           r.flags |= kNonOwning;
                           for (const SpecialField& f : object_fields(r.extra)) {
                               r.flags |= f.kind == FieldKind::Refcount ? kRcu : 0;
                           }
                       });
}

bool Analysis::push_less(KfuncCall& call) {
    u32 s = call.callback;
    State* inside = fork(flow_.subprograms[s].begin, true);
    if (inside == nullptr) {
        return false;
    }
    top().callback_depth = 0;
    State* outside = state_;
    state_ = inside;
    top().callback_depth++;
    bool pushed = push_frame(s, outside->insn);
    if (pushed) {
        Frame& f = top();
        f.references_at_entry = state_->reference_count;
        f.callback = CallbackKind::RbtreeLess;
        for (unsigned number : {1u, 2u}) {
            Reg& r = f.regs[number];
            r = Reg::pointer(Kind::BtfObject);
            r.extra = call.field->type_id;
            r.is_program_type = true;
            r.off = static_cast<s32>(call.field->node_offset);
            r.flags = kAlloc | kNonOwning;
            r.id = new_id();
        }
    }
    state_ = outside;
    return pushed;
}

bool Analysis::allocate_object(KfuncCall& call) {
    if (program_.btf == nullptr || !call.has_constant ||
        program_.btf->type(static_cast<u32>(call.constant)).kind() != BtfKind::Struct) {
        return fail(Problem::BadType, 1, "the allocated type must be a structure of the program");
    }
    if (call.name == "bpf_percpu_obj_new_impl") {
        constexpr u32 kMaxPercpuBytes = 512;
        u32 type = static_cast<u32>(call.constant);
        if (program_.btf->type(type).size_or_type > kMaxPercpuBytes) {
            return fail(Problem::BadType, 1, "a per-CPU object may have ", kMaxPercpuBytes,
                        " bytes, not ", program_.btf->type(type).size_or_type);
        }
        if (!object_fields(type).empty() || !is_plain_data(*program_.btf, type)) {
            return fail(Problem::BadType, 1, "a per-CPU object may hold numbers only");
        }
    }
    Reg r = Reg::pointer(Kind::BtfObject);
    r.extra = static_cast<u32>(call.constant);
    r.is_program_type = true;
    r.flags = kAlloc | (call.name == "bpf_percpu_obj_new_impl" ? kPercpu : 0);
    call.result = r;
    call.result_is_set = true;
    return true;
}

bool Analysis::graph_call(KfuncCall& call, bool& handled) {
    std::string_view name = call.name;
    handled = true;
    const bool is_of_tree = name == "bpf_rbtree_remove" || name == "bpf_rbtree_add_impl" ||
                            name == "bpf_rbtree_left" || name == "bpf_rbtree_right";
    if (is_of_tree && is_in_tree_callback()) {
        return fail(Problem::LockRule, -1, "kernel function ", name,
                    " is called inside the comparison that looks for a node's place");
    }
    auto node_result = [&](u32 flags) {
        Reg r = Reg::pointer(Kind::BtfObject);
        r.extra = call.field->type_id;
        r.is_program_type = true;
        r.off = static_cast<s32>(call.field->node_offset);
        r.flags = kAlloc | flags;
        call.result = r;
        call.result_is_set = true;
        return true;
    };
    if (name == "bpf_obj_new_impl" || name == "bpf_percpu_obj_new_impl") {
        return allocate_object(call);
    }
    if (name == "bpf_refcount_acquire_impl") {
        call.is_never_null = call.object.ref != 0 && !call.object.has(kNonOwning);
        Reg r = call.object;
        r.flags = kAlloc;
        r.off = 0;
        r.id = 0;
        call.result = r;
        call.result_is_set = true;
        return true;
    }
    if (is_add(name)) {
        if (name == "bpf_rbtree_add_impl" && !push_less(call)) {
            return false;
        }
        call.is_done = true;
        return make_non_owning(call.node.ref);
    }
    if (name == "bpf_list_pop_front" || name == "bpf_list_pop_back" ||
        name == "bpf_rbtree_remove") {
        return node_result(0);
    }
    if (name == "bpf_rbtree_first" || name == "bpf_rbtree_root" || name == "bpf_rbtree_left" ||
        name == "bpf_rbtree_right" || name == "bpf_list_front" || name == "bpf_list_back") {
        return node_result(kNonOwning);
    }
    handled = false;
    return true;
}

}  // namespace gyre::bpf
