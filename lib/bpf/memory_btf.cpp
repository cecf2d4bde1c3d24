// SPDX-License-Identifier: MIT
//
// Kernel objects described by BTF: a read walks the structure to the member that lies at the
// offset; the member's type says what was read.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/struct_ops.h"

namespace gyre::bpf {
namespace {

// Members whose pointers stay valid as long as their structure does, or under RCU.
enum class SafeField : u8 { No, Rcu, RcuOrNull, Trusted, TrustedOrNull };

struct SafeRow {
    const char* type;
    const char* member;
    SafeField safety;
};

constexpr SafeRow kSafeRows[] = {
    {"task_struct", "cpus_ptr", SafeField::Rcu}, {"task_struct", "cgroups", SafeField::Rcu},
    {"task_struct", "real_parent", SafeField::Rcu}, {"task_struct", "group_leader", SafeField::Rcu},
    {"cgroup", "kn", SafeField::Rcu}, {"css_set", "dfl_cgrp", SafeField::Rcu},
    {"cgroup_subsys_state", "cgroup", SafeField::Rcu},
    {"mm_struct", "exe_file", SafeField::RcuOrNull}, {"sk_buff", "sk", SafeField::RcuOrNull},
    {"request_sock", "sk", SafeField::RcuOrNull}, {"bpf_iter_meta", "seq", SafeField::Trusted},
    {"bpf_iter__task", "meta", SafeField::Trusted}, {"bpf_iter__task", "task", SafeField::Trusted},
    {"linux_binprm", "file", SafeField::Trusted}, {"file", "f_inode", SafeField::Trusted},
    {"dentry", "d_inode", SafeField::TrustedOrNull}, {"socket", "sk", SafeField::TrustedOrNull},
    {"vm_area_struct", "vm_mm", SafeField::TrustedOrNull},
    {"vm_area_struct", "vm_file", SafeField::TrustedOrNull},
};

// Whether a member of that name lies at `offset`, be it in a nameless union.
bool has_member_at(const Btf& btf, u32 type, u32 offset, std::string_view name) {
    for (u32 i = 0; i < btf.type(type).count(); i++) {
        BtfMember m = btf.member(type, i);
        if (m.name == name && m.bit_offset / 8 == offset) {
            return true;
        }
        u32 inner = m.name.empty() ? btf.skip_modifiers(m.type) : 0;
        for (u32 k = 0; inner != 0 && btf.type(inner).is_composite() && k < btf.type(inner).count();
             k++) {
            BtfMember in = btf.member(inner, k);
            if (in.name == name && (m.bit_offset + in.bit_offset) / 8 == offset) {
                return true;
            }
        }
    }
    return false;
}

SafeField safe_field(const Btf& btf, u32 type, u32 offset) {
    std::string_view name = btf.name(type);
    for (const SafeRow& row : kSafeRows) {
        if (name == row.type && has_member_at(btf, type, offset, row.member)) {
            return row.safety;
        }
    }
    return SafeField::No;
}

bool is_connection_mark(const Btf& btf, u32 type, u32 offset, u32 size) {
    std::string_view name = btf.name(type);
    if (name != "nf_conn" && name != "nf_conn___init") {
        return false;
    }
    u32 owner = btf.find("nf_conn", BtfKind::Struct);
    for (u32 i = 0; i < btf.type(owner).count(); i++) {
        BtfMember m = btf.member(owner, i);
        if (m.name == "mark") {
            return offset >= m.bit_offset / 8 && offset + size <= m.bit_offset / 8 + 4;
        }
    }
    return false;
}

constexpr u32 kMaxNesting = 16;
// The kernel structure behind a map of each type.
const char* map_struct(MapType type) {
    switch (type) {
        case MapType::Array: case MapType::ProgArray: case MapType::PerfEventArray:
        case MapType::PercpuArray: case MapType::CgroupArray: case MapType::ArrayOfMaps:
            return "bpf_array";
        case MapType::Hash: case MapType::PercpuHash: case MapType::LruHash:
        case MapType::LruPercpuHash: case MapType::HashOfMaps: return "bpf_htab";
        case MapType::LpmTrie: return "lpm_trie";
        case MapType::Ringbuf: case MapType::UserRingbuf: return "bpf_ringbuf_map";
        case MapType::Queue: case MapType::Stack: return "bpf_queue_stack";
        case MapType::StackTrace: return "bpf_stack_map";
        case MapType::Devmap: case MapType::DevmapHash: return "bpf_dtab";
        case MapType::Sockmap: return "bpf_stab";
        case MapType::Sockhash: return "bpf_shtab";
        case MapType::Cpumap: return "bpf_cpu_map";
        case MapType::Xskmap: return "xsk_map";
        case MapType::ReuseportSockarray: return "reuseport_array";
        case MapType::SkStorage: case MapType::InodeStorage: case MapType::TaskStorage:
        case MapType::CgrpStorage: return "bpf_local_storage_map";
        case MapType::BloomFilter: return "bpf_bloom_filter";
        default: return "bpf_map";
    }
}

constexpr u32 kWalkNothing = 0, kWalkNumber = 1, kWalkPointer = 2;

}  // namespace

// What lies at [off, off+size) of a structure: kWalk..., with the pointee of a pointer.
u32 Analysis::walk_struct(const Btf& btf, u32 type, u32 off, u32 size, u32& pointee, u32& flags) {
    for (u32 depth = 0; depth < kMaxNesting; depth++) {
        type = btf.skip_modifiers(type);
        BtfType t = btf.type(type);
        if (!t.is_composite()) {
            return kWalkNothing;
        }
        if (off + size > t.size_or_type) {
            // Only a flexible array at the end may be read past the declared size.
            if (t.count() == 0 || off < t.size_or_type) {
                return kWalkNothing;
            }
            BtfMember last = btf.member(type, t.count() - 1);
            u32 array = btf.skip_modifiers(last.type);
            if (btf.type(array).kind() != BtfKind::Array || btf.array(array).count != 0) {
                return kWalkNothing;
            }
            return kWalkNumber;
        }
        bool descended = false;
        bool is_union = t.kind() == BtfKind::Union;
        for (u32 i = 0; i < t.count() && !descended; i++) {
            BtfMember m = btf.member(type, i);
            u32 begin = m.bit_offset / 8;
            if (m.bitfield_size != 0) {
                u32 end = (m.bit_offset + m.bitfield_size + 7) / 8;
                if (off >= begin && off < end) {
                    return off + size <= end || !is_union ? kWalkNumber : kWalkNothing;
                }
                continue;
            }
            u32 member_type = btf.skip_modifiers(m.type);
            u32 bytes = 0;
            if (!btf.size_of(member_type, bytes)) {
                continue;
            }
            if (off < begin || off >= begin + bytes) {
                continue;
            }
            BtfType mt = btf.type(member_type);
            u32 inside = off - begin;
            u32 whole = bytes;
            u32 in_whole = inside;
            while (mt.kind() == BtfKind::Array) {
                BtfArray a = btf.array(member_type);
                u32 element = 0;
                member_type = btf.skip_modifiers(a.element_type);
                if (!btf.size_of(member_type, element) || element == 0) {
                    return kWalkNumber;
                }
                inside %= element;
                bytes = element;
                mt = btf.type(member_type);
            }
            if (mt.is_composite()) {
                if (inside + size > bytes) {
                    if (is_union) {
                        continue;
                    }
                    return kWalkNothing;
                }
                type = member_type;
                off = inside;
                descended = true;
                continue;
            }
            if (mt.kind() == BtfKind::Pointer) {
                if (inside != 0 || size != 8) {
                    return is_union ? kWalkNumber : kWalkNothing;
                }
                u32 raw = mt.size_or_type;
                BtfType tag = btf.type(raw);
                if (tag.kind() == BtfKind::TypeTag) {
                    std::string_view text = btf.string(tag.name_offset);
                    flags |= text == "user" ? kUser : text == "percpu" ? kPercpu : 0;
                    flags |= text == "rcu" ? kRcu : 0;
                }
                u32 target = btf.skip_modifiers(raw);
                if (btf.type(target).is_composite()) {
                    pointee = target;
                    return kWalkPointer;
                }
                return kWalkNumber;
            }
            // An array of numbers may be read across its elements.
            if (in_whole + size > whole) {
                if (is_union) {
                    continue;
                }
                return kWalkNothing;
            }
            return kWalkNumber;
        }
        if (!descended) {
            return kWalkNothing;
        }
    }
    return kWalkNothing;
}

u32 Analysis::find_kernel_struct(std::string_view name) {
    for (const FoundStruct& found : found_structs_) {
        if (found.name.size() == name.size() && !name.empty() && found.name == name) {
            return found.type;
        }
    }
    u32 type = environment_.kernel_btf != nullptr
                   ? environment_.kernel_btf->find(name, BtfKind::Struct)
                   : 0;
    found_structs_[found_struct_count_++ % kFoundStructs] = {name, type};
    return type;
}

bool Analysis::access_btf(unsigned number, s32 off, u32 size, Access kind, int value_reg) {
    const Reg base = reg(number);
    int n = static_cast<int>(number);
    const Btf* btf = base.is_program_type ? program_.btf : environment_.kernel_btf;
    if (btf == nullptr) {
        return fail(Problem::BadType, n, "a kernel object needs BTF");
    }
    u32 type = base.extra;
    if (base.kind == Kind::ConstMap) {
        type = find_kernel_struct(map_struct(base.map->type));
    }
    const bool asks_licence = environment_.target.is_linux && environment_.target.version >= 612;
    if (asks_licence && base.kind == Kind::BtfObject && !base.is_program_type && !program_.is_gpl) {
        return fail(Problem::BadRegisterUse, n, "struct ", btf->name(type),
                    " of the kernel may be read by programs under a GPL-compatible licence only");
    }
    if (!base.var.is_constant()) {
        return fail(Problem::PointerArithmetic, n, "a variable offset into a kernel object");
    }
    s64 at = static_cast<s64>(base.off) + off + static_cast<s64>(base.var.value());
    if (at < 0) {
        return fail(Problem::OutOfBounds, n, "a negative offset into a kernel object");
    }
    if (base.has(kUser)) {
        return fail(Problem::BadRegisterUse, n,
                    "a pointer to user memory is read by bpf_probe_read_user only");
    }
    if (base.has(kPercpu)) {
        return fail(Problem::BadRegisterUse, n,
                    "a per-CPU pointer must go through bpf_per_cpu_ptr first");
    }
    bool is_own_object = base.has(kAlloc) && base.is_program_type;
    // The one kernel structure that programs may write a member of.
    bool is_mark = kind == Access::Write && !is_own_object && rules_->may_write_packets &&
                   is_connection_mark(*btf, type, static_cast<u32>(at), size);
    bool is_offered = kind == Access::Write && struct_ops_ != nullptr && !base.is_program_type &&
                      linux_tables::may_write(*struct_ops_, *btf, type, static_cast<u32>(at), size);
    if (is_mark || is_offered) {
        return true;
    }
    if (kind == Access::Write && !is_own_object) {
        return fail(Problem::ReadOnly, n, "a kernel object may only be read");
    }
    if (is_own_object && base.ref == 0 && !base.has(kNonOwning) && !base.has(kRcu) &&
        !base.has(kUntrusted)) {
        return fail(Problem::BadReference, n, "the object's reference is gone");
    }
    if (is_own_object && !check_object_access(type, static_cast<u32>(at), size, n)) {
        return false;
    }
    u32 pointee = 0;
    u32 flags = 0;
    u32 found = walk_struct(*btf, type, static_cast<u32>(at), size, pointee, flags);
    if (found == kWalkNothing) {
        return fail(Problem::OutOfBounds, n, "no member of struct ", btf->name(type),
                    " lies at offset ", at, " with ", size, " bytes");
    }
    if (value_reg < 0 || kind == Access::Write) {
        return true;
    }
    Reg value = Reg::unknown();
    if (found == kWalkPointer && !is_own_object) {
        value = Reg::pointer(Kind::BtfObject);
        value.extra = pointee;
        value.is_program_type = base.is_program_type;
        value.flags = flags & (kUser | kPercpu);
        SafeField safe = safe_field(*btf, type, static_cast<u32>(at));
        bool was_trusted = base.ref != 0 || base.has(kTrusted);
        bool under_rcu = state_->rcu_locks > 0 || state_->lock_count > 0 || !state_->may_sleep;
        bool is_trusted_field = safe == SafeField::Trusted || safe == SafeField::TrustedOrNull;
        if (base.has(kUntrusted)) {
            value.flags |= kUntrusted;
        } else if ((was_trusted || base.has(kRcu)) && !under_rcu && !is_trusted_field &&
                   environment_.target.version >= 612) {
            value.flags = kUntrusted;  // nothing keeps the object alive that it points to
        } else if ((was_trusted || base.has(kRcu)) && safe != SafeField::No) {
            if (safe == SafeField::Trusted || safe == SafeField::TrustedOrNull) {
                value.flags |= was_trusted ? kTrusted : 0;
            } else if (under_rcu) {
                value.flags |= kRcu;
            }
            bool may_be_null = safe == SafeField::TrustedOrNull || safe == SafeField::RcuOrNull;
            if (may_be_null && value.has(kTrusted | kRcu)) {
                value.flags |= kMaybeNull;
                value.id = new_id();
            }
        } else if ((flags & kRcu) && base.has(kTrusted | kRcu) && state_->rcu_locks > 0) {
            value.flags |= kRcu | kMaybeNull;
            value.id = new_id();
        }
    }
    reg(static_cast<unsigned>(value_reg)) = value;
    return true;
}

}  // namespace gyre::bpf
