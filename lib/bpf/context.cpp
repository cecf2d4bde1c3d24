// SPDX-License-Identifier: MIT
//
// The context that a program is called with, and sockets, which show themselves the same way: a
// layout says which bytes may be read or written, in which sizes, and what a read yields.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/layouts.h"
#include "lib/bpf/linux/struct_ops.h"

namespace gyre::bpf {
namespace {

u8 size_bit(u32 size) {
    switch (size) {
        case 1: return kOne;
        case 2: return kTwo;
        case 4: return kFour;
        default: return kEight;
    }
}

const ContextField* find_field(std::span<const ContextField> fields, u32 off) {
    for (const ContextField& f : fields) {
        if (off >= f.begin && off < f.end) {
            return &f;
        }
    }
    return nullptr;
}

}  // namespace

bool Analysis::access_layout(const ContextLayout& layout, u32 off, u32 size, Access kind,
                             ContextResult& result) {
    const ContextField* field =
        find_field(kind == Access::Read ? layout.read : layout.write, off);
    if (field == nullptr && kind == Access::Read && layout.base != nullptr) {
        field = find_field(layout.base->read, off);
    }
    u32 width = field != nullptr ? u32{field->end} - field->begin : 0;
    bool is_inside = field != nullptr &&
                     (size <= width ? off + size <= field->end : off == field->begin);
    if (field == nullptr || off % size != 0 || !is_inside ||
        (field->sizes & size_bit(size)) == 0) {
        return false;
    }
    u32 attach = static_cast<u32>(program_.attach);
    if (field->attach != kAnyAttach && (attach > 63 || !((field->attach >> attach) & 1))) {
        return false;
    }
    result = field->result;
    return true;
}

bool Analysis::access_context(unsigned number, s32 off, u32 size, Access kind, int value_reg,
                              bool sign_extend) {
    const Reg base = reg(number);
    const ContextLayout* layout = rules_->context;
    bool is_any = layout->style == ContextStyle::Any;
    s64 at = static_cast<s64>(base.off) + off;
    if (!is_any) {
        if (!check_constant_offset(base, number, false)) {
            return false;
        }
        at = off;
    } else {
        if (!base.var.is_constant()) {
            return fail(Problem::PointerArithmetic, static_cast<int>(number),
                        "a variable offset into the context");
        }
        at += static_cast<s64>(base.var.value());
    }
    Reg value = Reg::unknown();
    if (layout->style == ContextStyle::Btf) {
        if (!access_btf_context(static_cast<s32>(at), size, kind, value)) {
            return false;
        }
    } else {
        ContextResult result = ContextResult::Scalar;
        if (at < 0 || !access_layout(*layout, static_cast<u32>(at), size, kind, result)) {
            return fail(Problem::BadContextAccess, static_cast<int>(number),
                        kind == Access::Read ? "the context may not be read at offset "
                                             : "the context may not be written at offset ",
                        at, " with ", size, " bytes by a program of type ", rules_->name);
        }
        bool is_pointer = result != ContextResult::Scalar;
        if (is_pointer && sign_extend) {
            return fail(Problem::BadContextAccess, static_cast<int>(number),
                        "a pointer in the context may not be sign-extended");
        }
        switch (result) {
            case ContextResult::Scalar: break;
            case ContextResult::Packet: value = Reg::pointer(Kind::Packet); break;
            case ContextResult::PacketMeta: value = Reg::pointer(Kind::PacketMeta); break;
            case ContextResult::PacketEnd: value = Reg::pointer(Kind::PacketEnd); break;
            case ContextResult::FlowKeys: value = Reg::pointer(Kind::FlowKeys); break;
            case ContextResult::Socket: value = Reg::pointer(Kind::Socket); break;
            case ContextResult::TpBuffer: value = Reg::pointer(Kind::TpBuffer); break;
            case ContextResult::SocketOrNull:
            case ContextResult::SockCommonOrNull:
                value = Reg::pointer(result == ContextResult::SocketOrNull ? Kind::Socket
                                                                           : Kind::SockCommon);
                value.flags = kMaybeNull;
                value.id = new_id();
                break;
            case ContextResult::SkBuff:
            case ContextResult::NetfilterState: {
                const char* type =
                    result == ContextResult::SkBuff ? "sk_buff" : "nf_hook_state";
                value = Reg::pointer(Kind::BtfObject);
                value.flags = kTrusted;
                value.extra = environment_.kernel_btf != nullptr
                                  ? environment_.kernel_btf->find(type, BtfKind::Struct)
                                  : 0;
                break;
            }
        }
    }
    if (kind == Access::Read && value_reg >= 0) {
        reg(static_cast<unsigned>(value_reg)) = value;
    }
    return true;
}

bool Analysis::access_socket(unsigned number, s32 off, u32 size, Access kind, int) {
    const Reg base = reg(number);
    const ContextLayout* view = nullptr;
    switch (base.kind) {
        case Kind::Socket: view = &linux_tables::kSocketView; break;
        case Kind::SockCommon: view = &linux_tables::kSockCommonView; break;
        case Kind::TcpSock: view = &linux_tables::kTcpSockView; break;
        default: view = &linux_tables::kXdpSockView; break;
    }
    if (base.var.smin < 0) {
        return fail(Problem::OutOfBounds, static_cast<int>(number),
                    "the offset into a socket may be negative");
    }
    s64 at = static_cast<s64>(base.off) + off + static_cast<s64>(base.var.value());
    ContextResult ignored;
    if (!base.var.is_constant() || at < 0 ||
        !access_layout(*view, static_cast<u32>(at), size, kind, ignored)) {
        return fail(Problem::BadContextAccess, static_cast<int>(number),
                    "a socket may not be read at offset ", at, " with ", size, " bytes");
    }
    return true;
}

// The prototype of what the program is attached to, or 0. Raw tracepoints hide a first argument.
u32 Analysis::attach_prototype(bool& skips_first) const {
    skips_first = false;
    const Btf* btf = environment_.kernel_btf;
    if (btf == nullptr || program_.attach_type_id == 0) {
        return 0;
    }
    u32 id = program_.attach_type_id;
    BtfType t = btf->type(id);
    if (program_.type == ProgramType::StructOps) {
        u32 member = btf->skip_modifiers(btf->member(id, program_.attach_member).type);
        if (btf->type(member).kind() != BtfKind::Pointer) {
            return 0;
        }
        return btf->skip_modifiers(btf->type(member).size_or_type);
    }
    if (t.kind() == BtfKind::Typedef) {
        skips_first = true;
        u32 pointer = btf->skip_modifiers(id);
        return btf->type(pointer).kind() == BtfKind::Pointer
                   ? btf->skip_modifiers(btf->type(pointer).size_or_type)
                   : 0;
    }
    return t.kind() == BtfKind::Function ? t.size_or_type : 0;
}

bool Analysis::access_btf_context(s32 off, u32 size, Access kind, Reg& value) {
    auto refuse = [&](const char* why) {
        return fail(Problem::BadContextAccess, -1, "the context at offset ", off, ": ", why);
    };
    if (off < 0 || off % 8 != 0) {
        return refuse("arguments begin at multiples of eight bytes");
    }
    if (kind == Access::Write) {
        return refuse("the context may not be written");
    }
    if (program_.type == ProgramType::Tracing && program_.target.program != nullptr) {
        return access_traced_argument(static_cast<u32>(off) / 8, size, value);
    }
    bool skips_first = false;
    u32 prototype = attach_prototype(skips_first);
    if (prototype == 0) {
        return refuse("the kernel type that the program is attached to is not known");
    }
    const Btf& btf = *environment_.kernel_btf;
    u32 first = skips_first ? 1 : 0;
    u32 count = btf.type(prototype).count() - first;
    u32 index = static_cast<u32>(off) / 8;
    u32 type = 0;
    bool has_result = program_.type == ProgramType::Lsm || program_.attach == AttachType::TraceFexit ||
                      program_.attach == AttachType::ModifyReturn;
    if (index == count && has_result) {
        type = btf.skip_modifiers(btf.type(prototype).size_or_type);
        if (type == 0) {
            return refuse("the function returns nothing");
        }
        value = Reg::unknown();
        return true;
    }
    if (index >= count) {
        return refuse("there is no such argument");
    }
    BtfParameter parameter = btf.parameter(prototype, first + index);
    type = btf.skip_modifiers(parameter.type);
    BtfKind k = btf.type(type).kind();
    if (k == BtfKind::Int || k == BtfKind::Enum || k == BtfKind::Enum64) {
        return true;
    }
    if (k != BtfKind::Pointer) {
        return refuse("the argument is neither a number nor a pointer");
    }
    u32 pointee_raw = btf.type(type).size_or_type;
    u32 pointee = btf.skip_modifiers(pointee_raw);
    const char* handle = struct_ops_ == nullptr ? nullptr
                                                : linux_tables::argument_handle(
                                                      btf.name(program_.attach_type_id),
                                                      btf.member(program_.attach_type_id, program_.attach_member).name, index);
    if (handle != nullptr && find_kernel_struct(handle) != 0) {
        pointee = find_kernel_struct(handle);
    }
    BtfKind pk = btf.type(pointee).kind();
    bool must_be_whole = environment_.target.version >= 612;
    if (pointee == 0 || !btf.type(pointee).is_composite()) {
        bool is_element = program_.type == ProgramType::Tracing &&
                          program_.attach == AttachType::TraceIter && pointee == 0 && index > 0;
        if (is_element && size == 8) {  // a key or value of the map that is walked
            value = Reg::pointer(Kind::Buffer);
            value.flags = kMaybeNull | (parameter.name == "key" ? kReadOnly : 0);
            value.id = new_id();
            return true;
        }
        (void)pk;
        if (size != 8 && must_be_whole) {
            return refuse("a pointer is read whole");
        }
        return true;  // a pointer to a number, or to nothing in particular, is read as a number
    }
    if (size != 8) {
        return refuse("a pointer is read whole");
    }
    bool is_tcp = struct_ops_ != nullptr && struct_ops_->sockets_are_tcp;
    if (is_tcp && btf.name(pointee) == "sock") {
        pointee = btf.find("tcp_sock", BtfKind::Struct);  // every socket there is one
    }
    value = Reg::pointer(Kind::BtfObject);
    value.extra = pointee;
    bool trusts_arguments =
        (program_.type == ProgramType::Lsm &&
         !linux_tables::is_untrusted_lsm_hook(btf.name(program_.attach_type_id))) || program_.type == ProgramType::StructOps ||
        (program_.type == ProgramType::Tracing && (program_.attach == AttachType::TraceRawTp ||
                                                   program_.attach == AttachType::TraceIter)) ||
        (program_.type == ProgramType::RawTracepoint && program_.attach_type_id != 0);
    if (trusts_arguments) {
        value.flags |= kTrusted;
    }
    std::string_view name = parameter.name;
    if (struct_ops_ != nullptr) {
        name = struct_ops_argument(index);
        if (name.ends_with("__ref")) {
            value.ref = index < kMaxStructOpsArguments ? argument_refs_[index] : 0;
            if (!has_reference(value.ref)) {
                return refuse("the program has released this argument, or hands it on");
            }
        }
    }
    bool is_nullable = name.ends_with("__nullable");
    if (program_.attach == AttachType::TraceIter && program_.type == ProgramType::Tracing) {
        // Iterators end with a null element; the map that is walked is no element.
        bool is_map = name == "map" && btf.name(program_.attach_type_id) != "bpf_iter_bpf_map";
        is_nullable = index > 0 && !is_map;
    }
    if (is_nullable) {
        value.flags |= kMaybeNull;
        value.id = new_id();
    }
    BtfType tag = btf.type(pointee_raw);
    if (tag.kind() == BtfKind::TypeTag) {
        std::string_view text = btf.string(tag.name_offset);
        if (text == "user") {
            value.flags |= kUser;
        } else if (text == "percpu") {
            value.flags |= kPercpu;
        }
    }
    return true;
}

}  // namespace gyre::bpf
