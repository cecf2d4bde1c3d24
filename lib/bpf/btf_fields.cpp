// SPDX-License-Identifier: MIT
//
// See btf_fields.h. Linux: btf_parse_fields().
#include "lib/bpf/btf_fields.h"

namespace gyre::bpf {
namespace {

struct Named {
    const char* name;
    FieldKind kind;
};
constexpr Named kNamed[] = {
    {"bpf_spin_lock", FieldKind::SpinLock},   {"bpf_res_spin_lock", FieldKind::ResSpinLock},
    {"bpf_timer", FieldKind::Timer},          {"bpf_wq", FieldKind::Workqueue},
    {"bpf_task_work", FieldKind::TaskWork},   {"bpf_list_head", FieldKind::ListHead},
    {"bpf_list_node", FieldKind::ListNode},   {"bpf_rb_root", FieldKind::RbRoot},
    {"bpf_rb_node", FieldKind::RbNode},       {"bpf_refcount", FieldKind::Refcount},
};

struct Finder {
    const Btf& btf;
    const Btf* kernel;
    SpecialField found[kMaxSpecialFields];
    u32 count = 0;
    const char* problem = nullptr;

    void add(const SpecialField& f) {
        if (count == kMaxSpecialFields) {
            problem = "too many special fields";
            return;
        }
        found[count++] = f;
    }

    // "contains:TYPE:MEMBER" on a list or tree root says what it holds.
    void find_contents(u32 owner, u32 member, SpecialField& f) {
        for (u32 id = 1; id < btf.type_count(); id++) {
            BtfType t = btf.type(id);
            if (t.kind() != BtfKind::DeclTag || t.size_or_type != owner ||
                btf.decl_tag_component(id) != static_cast<s32>(member)) {
                continue;
            }
            std::string_view text = btf.name(id);
            if (text.substr(0, 9) != "contains:") {
                continue;
            }
            text.remove_prefix(9);
            size_t colon = text.find(':');
            if (colon == std::string_view::npos) {
                continue;
            }
            u32 type = btf.find(text.substr(0, colon), BtfKind::Struct);
            std::string_view node = text.substr(colon + 1);
            for (u32 i = 0; i < btf.type(type).count(); i++) {
                BtfMember m = btf.member(type, i);
                if (m.name == node) {
                    f.btf = &btf;
                    f.type_id = type;
                    f.node_offset = m.bit_offset / 8;
                }
            }
        }
        if (f.type_id == 0) {
            problem = "a list or tree does not say what it contains";
        }
    }

    void pointer(u32 type, u32 offset) {
        BtfType tag = btf.type(btf.type(type).size_or_type);
        if (tag.kind() != BtfKind::TypeTag) {
            return;
        }
        std::string_view text = btf.string(tag.name_offset);
        SpecialField f{FieldKind::KptrUntrusted, offset, 8};
        if (text == "kptr_untrusted") {
            f.kind = FieldKind::KptrUntrusted;
        } else if (text == "kptr" || text == "kptr_ref") {
            f.kind = FieldKind::KptrReferenced;
        } else if (text == "percpu_kptr") {
            f.kind = FieldKind::KptrPercpu;
        } else if (text == "uptr") {
            f.kind = FieldKind::Uptr;
        } else {
            return;
        }
        u32 target = btf.skip_modifiers(tag.size_or_type);
        std::string_view name = btf.name(target);
        BtfKind kind = btf.type(target).kind();
        u32 in_kernel = 0;
        if (kernel != nullptr && f.kind != FieldKind::Uptr) {
            in_kernel = kernel->find(name, BtfKind::Struct);
        }
        if (in_kernel != 0) {
            f.btf = kernel;
            f.type_id = in_kernel;
        } else if (kind == BtfKind::Struct) {
            f.btf = &btf;
            f.type_id = target;
        } else {
            f.btf = kernel;
            f.type_id = 0;
        }
        add(f);
    }

    void walk(u32 type, u32 base, u32 depth) {
        if (depth > 8 || problem != nullptr) {
            return;
        }
        type = btf.skip_modifiers(type);
        BtfType t = btf.type(type);
        if (t.kind() == BtfKind::Section) {
            for (u32 i = 0; i < t.count(); i++) {
                BtfSectionVariable v = btf.section_variable(type, i);
                member(btf.type(v.type).size_or_type, base + v.offset, v.type, ~u32{0}, depth);
            }
            return;
        }
        if (t.kind() != BtfKind::Struct) {
            return;
        }
        for (u32 i = 0; i < t.count(); i++) {
            BtfMember m = btf.member(type, i);
            if (m.bit_offset % 8 == 0) {
                member(m.type, base + m.bit_offset / 8, type, i, depth);
            }
        }
    }

    void member(u32 raw, u32 offset, u32 owner, u32 index, u32 depth) {
        u32 type = btf.skip_modifiers(raw);
        u32 repeat = 1;
        u32 size = 0;
        while (btf.type(type).kind() == BtfKind::Array) {
            BtfArray a = btf.array(type);
            repeat *= a.count < kMaxSpecialFields + 1 ? a.count : kMaxSpecialFields + 1;
            type = btf.skip_modifiers(a.element_type);
        }
        if (!btf.size_of(type, size)) {
            return;
        }
        for (u32 k = 0; k < repeat && problem == nullptr; k++, offset += size) {
            BtfType t = btf.type(type);
            if (t.kind() == BtfKind::Pointer) {
                pointer(type, offset);
                continue;
            }
            if (t.kind() != BtfKind::Struct) {
                return;
            }
            bool is_special = false;
            for (const Named& n : kNamed) {
                if (btf.name(type) == n.name) {
                    SpecialField f{n.kind, offset, size};
                    if (n.kind == FieldKind::ListHead || n.kind == FieldKind::RbRoot) {
                        find_contents(owner, index == ~u32{0} ? ~u32{0} : index, f);
                    }
                    add(f);
                    is_special = true;
                }
            }
            if (!is_special) {
                u32 before = count;
                walk(type, offset, depth + 1);
                if (count == before) {
                    return;  // the others hold nothing, too
                }
            }
        }
    }
};

}  // namespace

const char* find_special_fields(const Btf& btf, u32 type, const Btf* kernel, Arena& arena,
                                std::span<const SpecialField>& out) {
    Finder finder{btf, kernel, {}, 0, nullptr};
    finder.walk(type, 0, 0);
    if (finder.problem != nullptr) {
        return finder.problem;
    }
    std::span<SpecialField> fields = arena.make_array<SpecialField>(finder.count);
    if (fields.size() != finder.count) {
        return "no memory for special fields";
    }
    for (u32 i = 0; i < finder.count; i++) {
        fields[i] = finder.found[i];
    }
    out = fields;
    return nullptr;
}

}  // namespace gyre::bpf
