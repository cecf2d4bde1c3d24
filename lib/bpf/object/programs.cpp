// SPDX-License-Identifier: MIT
//
// The programs of an object: each with the subprograms it needs behind it, relocations applied.
#include <algorithm>

#include "lib/bpf/object/loader.h"

namespace gyre::bpf {
namespace {

constexpr u32 kRelocation64 = 1, kRelocationAbsolute = 2, kRelocation32 = 10;
constexpr std::string_view kArenaSection = ".addr_space.1";  // libbpf's name
constexpr std::string_view kExceptionTag = "exception_callback:";

void set_source(Insn& insn, u8 source) {
    insn.registers = static_cast<u8>((insn.registers & 0x0f) | source << 4);
}

}  // namespace

const ObjectLoader::Function* ObjectLoader::function_at(u32 section, u32 insn) const {
    for (const Function& f : functions_) {
        if (f.section == section && f.begin == insn) {
            return &f;
        }
    }
    return nullptr;
}

void ObjectLoader::read_functions() {
    for (const ElfSymbol& y : elf_.symbols()) {
        if (y.type != kSymbolFunction || y.section == kUndefined ||
            y.section >= elf_.sections().size()) {
            continue;
        }
        const ElfSection& s = elf_.sections()[y.section];
        if (!(s.flags & kSectionExecutable) || s.type != kSectionProgbits || y.size == 0 ||
            y.value % 8 != 0 || y.size % 8 != 0 || y.value + y.size > s.data.size()) {
            continue;
        }
        functions_.push_back({std::string(y.name), y.section, static_cast<u32>(y.value / 8),
                              static_cast<u32>((y.value + y.size) / 8), y.binding});
    }
    for (const Function& f : std::vector<Function>(functions_)) {
        if (elf_.sections()[f.section].name != ".text") {
            make_program(f);
        }
    }
}

std::string ObjectLoader::call_function(ObjectProgram& p, u32 at, u32 section, u32 insn,
                                        std::map<std::pair<u32, u32>, u32>& placed) {
    const Function* callee = function_at(section, insn);
    if (callee == nullptr) {
        return "a call leads to no function";
    }
    auto found = placed.find({section, insn});
    if (found == placed.end()) {
        std::string problem = append_function(p, *callee, placed);
        if (!problem.empty()) {
            return problem;
        }
        found = placed.find({section, insn});
    }
    p.insns[at].imm = static_cast<s32>(found->second) - static_cast<s32>(at) - 1;
    return {};
}

std::string ObjectLoader::refer_to_extern(ObjectProgram& p, u32 at, const ElfSymbol& symbol) {
    Insn& insn = p.insns[at];
    std::string name(symbol.name);
    std::string plain = name.substr(0, name.find("___"));
    bool is_weak = symbol.binding == kBindingWeak;
    if (insn.code == (kClassJmp | kCall)) {
        u32 id = kernel_ != nullptr ? kernel_->find(plain, BtfKind::Function) : 0;
        if (id == 0 && !is_weak) {
            return "the kernel has no function " + plain;
        }
        set_source(insn, kCallKfunc);
        insn.imm = id != 0 ? static_cast<s32>(id) : 0;
        insn.off = 0;
        return {};
    }
    if (!is_ld_imm64(insn) || at + 1 >= p.insns.size()) {
        return "an unknown reference to " + name;
    }
    if (!object_.has_btf_) {
        return "the object has no types (.BTF), so nothing says what the extern " + name +
               " is; compile with -g";
    }
    const Btf& btf = object_.btf_;
    u32 config = btf.find(".kconfig", BtfKind::Section);
    for (u32 i = 0; config != 0 && i < btf.type(config).count(); i++) {
        if (btf.name(btf.section_variable(config, i).type) == name) {
            for (u32 m = 0; m < object_.maps_.size(); m++) {
                if (object_.maps_[m]->name == ".kconfig") {
                    set_source(insn, kPseudoMapValue);
                    insn.imm = static_cast<s32>(m);
                    p.insns[at + 1].imm =
                        static_cast<s32>(btf.section_variable(config, i).offset);
                    return {};
                }
            }
        }
    }
    u32 variable = kernel_ != nullptr ? kernel_->find(plain, BtfKind::Variable) : 0;
    u32 function = kernel_ != nullptr ? kernel_->find(plain, BtfKind::Function) : 0;
    u32 own = btf.find(name, BtfKind::Variable);
    bool is_typed = own != 0 && btf.skip_modifiers(btf.type(own).size_or_type) != 0;
    if ((variable != 0 || function != 0) && (is_typed || function != 0)) {
        set_source(insn, kPseudoBtfId);
        insn.imm = static_cast<s32>(variable != 0 ? variable : function);
        p.insns[at + 1].imm = 0;
        return {};
    }
    if (is_typed && !is_weak) {
        return "the kernel has no variable " + plain;
    }
    insn.imm = is_weak && !is_typed ? 0 : (is_weak ? 0 : 1);  // an address of which nothing is known
    p.insns[at + 1].imm = 0;
    return {};
}

std::string ObjectLoader::relocate(ObjectProgram& p, const Function& f, u32 base, u32 at,
                                   const ElfRelocation& r,
                                   std::map<std::pair<u32, u32>, u32>& placed) {
    const ElfSymbol& symbol = elf_.symbols()[r.symbol];
    (void)base;
    Insn& insn = p.insns[at];
    if (symbol.section == kUndefined) {
        return refer_to_extern(p, at, symbol);
    }
    if (symbol.section >= elf_.sections().size()) {
        return "a relocation names no section";
    }
    const ElfSection& target = elf_.sections()[symbol.section];
    bool is_section_symbol = symbol.type == kSymbolSection;
    if (insn.code == (kClassJmp | kCall)) {
        u32 to = static_cast<u32>(symbol.value / 8);
        if (is_section_symbol) {
            to += static_cast<u32>(insn.imm + 1);
        }
        set_source(insn, kCallSubprogram);
        return call_function(p, at, symbol.section, to, placed);
    }
    if (!is_ld_imm64(insn) || at + 1 >= p.insns.size()) {
        return "a relocation lies on an instruction that has no address";
    }
    if (target.name == ".maps" || target.name == "maps") {
        u64 offset = symbol.value + (is_section_symbol ? static_cast<u32>(insn.imm) : 0);
        for (u32 m = 0; m < object_.maps_.size(); m++) {
            if (object_.maps_[m]->section == symbol.section && object_.maps_[m]->offset == offset) {
                set_source(insn, kPseudoMapFd);
                insn.imm = static_cast<s32>(m);
                p.insns[at + 1].imm = 0;
                return {};
            }
        }
        return "a relocation names no map";
    }
    if (target.flags & kSectionExecutable) {
        u32 to = static_cast<u32>(symbol.value / 8) +
                 (is_section_symbol ? static_cast<u32>(insn.imm) / 8 : 0);
        set_source(insn, kPseudoFunc);
        return call_function(p, at, symbol.section, to, placed);
    }
    auto data = data_maps_.find(symbol.section);
    if (data == data_maps_.end()) {
        if (target.name == kArenaSection) {
            for (u32 m = 0; m < object_.maps_.size(); m++) {
                if (object_.maps_[m]->map.type == MapType::Arena) {
                    set_source(insn, kPseudoMapValue);
                    p.insns[at + 1].imm = static_cast<s32>(symbol.value) + insn.imm;
                    insn.imm = static_cast<s32>(m);
                    return {};
                }
            }
            return "global data of an arena is used, but no map is an arena";
        }
        return "global data lies in the unsupported section " + std::string(target.name);
    }
    u32 offset = static_cast<u32>(symbol.value) + static_cast<u32>(insn.imm);
    set_source(insn, kPseudoMapValue);
    insn.imm = static_cast<s32>(data->second);
    p.insns[at + 1].imm = static_cast<s32>(offset);
    (void)f;
    return {};
}

const CoreCandidates& ObjectLoader::core_candidates() {
    if (core_candidates_ == nullptr) {
        std::vector<const CoreRelocation*> all;
        for (const auto& [section, relocations] : extension_.core) {
            for (const CoreRelocation& r : relocations) {
                all.push_back(&r);
            }
        }
        core_candidates_ = std::make_unique<CoreCandidates>(object_.btf_, *kernel_, all);
    }
    return *core_candidates_;
}

std::string ObjectLoader::append_function(ObjectProgram& p, const Function& f,
                                          std::map<std::pair<u32, u32>, u32>& placed) {
    u32 base = static_cast<u32>(p.insns.size());
    placed[{f.section, f.begin}] = base;
    std::span<const u8> code = elf_.sections()[f.section].data;
    u32 count = f.end - f.begin;
    for (u32 i = 0; i < count; i++) {
        const u8* b = code.data() + (f.begin + i) * 8;
        Insn insn;
        insn.code = b[0];
        insn.registers = b[1];
        insn.off = static_cast<s16>(b[2] | b[3] << 8);
        insn.imm = static_cast<s32>(static_cast<u32>(b[4]) | static_cast<u32>(b[5]) << 8 |
                                    static_cast<u32>(b[6]) << 16 | static_cast<u32>(b[7]) << 24);
        p.insns.push_back(insn);
    }
    for (const FunctionInfo& info : extension_.functions[f.section]) {
        if (info.insn == f.begin) {
            p.functions.push_back({base, info.type_id});
        }
    }
    for (const LineInfo& line : extension_.lines[f.section]) {
        if (line.insn >= f.begin && line.insn < f.end) {
            LineInfo moved = line;
            moved.insn = line.insn - f.begin + base;
            p.lines.push_back(moved);
        }
    }
    for (const CoreRelocation& r : extension_.core[f.section]) {
        if (r.insn < f.begin || r.insn >= f.end) {
            continue;
        }
        if (kernel_ == nullptr) {
            return "CO-RE relocations need the target kernel's BTF";
        }
        CoreOutcome outcome;
        outcome.insn = r.insn - f.begin + base;
        std::string problem = core_candidates().apply(r, p.insns, outcome.insn, outcome);
        if (!problem.empty()) {
            return problem;
        }
        p.relocated.push_back(std::move(outcome));
    }
    std::map<u32, const ElfRelocation*> here;
    for (const ElfRelocation& r : relocations_[f.section]) {
        if (r.offset / 8 >= f.begin && r.offset / 8 < f.end &&
            (r.type == kRelocation64 || r.type == kRelocation32)) {
            here[static_cast<u32>(r.offset / 8) - f.begin + base] = &r;
        }
    }
    (void)kRelocationAbsolute;
    for (u32 at = base; at < base + count; at++) {
        std::string problem;
        bool is_wide = at > base && is_ld_imm64(p.insns[at]);
        bool names_map = is_wide && p.insns[at].src() != kPseudoNone &&
                         p.insns[at].src() != kPseudoBtfId && p.insns[at].src() != kPseudoFunc;
        if (names_map && !here.contains(at)) {
            p.insns[at].imm = -1;  // a bare number is no map of this file
        }
        if (auto r = here.find(at); r != here.end()) {
            problem = relocate(p, f, base, at, *r->second, placed);
        } else if (is_subprogram_call(p.insns[at])) {
            s64 to = static_cast<s64>(at - base + f.begin) + 1 + p.insns[at].imm;
            problem = call_function(p, at, f.section, static_cast<u32>(to), placed);
        }
        if (!problem.empty()) {
            return problem;
        }
    }
    return {};
}

void ObjectLoader::find_attach_target(ObjectProgram& p, const SectionType& t) {
    Program& program = p.program;
    if (program.type == ProgramType::StructOps) {
        auto found = struct_ops_.find(p.name);
        if (found != struct_ops_.end()) {
            program.attach_type_id = found->second.first;
            program.attach_member = found->second.second;
        }
        return;
    }
    if (kernel_ == nullptr || t.target.empty()) {
        return;
    }
    if (program.type == ProgramType::Tracing && program.attach == AttachType::TraceRawTp) {
        program.attach_type_id = kernel_->find("btf_trace_" + t.target, BtfKind::Typedef);
    } else if (program.type == ProgramType::Tracing && program.attach == AttachType::TraceIter) {
        program.attach_type_id = kernel_->find("bpf_iter_" + t.target, BtfKind::Function);
    } else if (program.type == ProgramType::Tracing) {
        program.attach_type_id = kernel_->find(t.target, BtfKind::Function);
    } else if (program.type == ProgramType::Lsm) {
        program.attach_type_id = kernel_->find("bpf_lsm_" + t.target, BtfKind::Function);
    }
}

// No instruction names an exception callback, so it is put behind the program here, as libbpf does. If
// there is no such function the verifier says so.
void ObjectLoader::add_exception_callback(ObjectProgram& p, std::string_view name,
                                          std::map<std::pair<u32, u32>, u32>& placed) {
    for (const Function& f : functions_) {
        if (f.name == name && !placed.contains({f.section, f.begin})) {
            p.problem = append_function(p, f, placed);
            return;
        }
    }
}

void Object::extend(const Object& target, std::string_view name) {
    for (auto& p : programs_) {
        const bool is_traced = p->program.type == ProgramType::Tracing &&
                               (p->program.attach == AttachType::TraceFentry || p->program.attach == AttachType::TraceFexit ||
                                p->program.attach == AttachType::ModifyReturn);
        if (p->program.type != ProgramType::Extension && !is_traced) {
            continue;
        }
        const std::string wanted = name.empty() ? p->attach_name : std::string(name);
        for (const auto& old : target.programs_) {
            for (const FunctionInfo& f : old->functions) {
                if (target.has_btf_ && old->problem.empty() && target.btf_.name(f.type_id) == wanted) {
                    p->program.target = {&old->program, f.type_id};
                }
            }
        }
        if (p->program.target.program != nullptr) {
            p->program.attach_type_id = 0;
        }
        const bool is_of_kernel = is_traced && p->program.attach_type_id != 0;
        if (p->program.target.program == nullptr && p->problem.empty() && !is_of_kernel) {
            p->problem = "the target holds no function '" + wanted + "'";
        }
    }
}

void ObjectLoader::make_program(const Function& f) {
    auto p = std::make_unique<ObjectProgram>();
    p->name = f.name;
    p->section = std::string(elf_.sections()[f.section].name);
    SectionType t = section_type(p->section);
    Program& program = p->program;
    program.type = t.type;
    program.attach = t.attach;
    program.is_sleepable = t.is_sleepable;
    p->attach_name = t.target;
    std::map<std::pair<u32, u32>, u32> placed;
    p->problem = append_function(*p, f, placed);
    // A static function in a section of its own is a program, too: libbpf refuses it, but other
    // loaders do not, and large data paths name the programs of their tail calls so.
    find_attach_target(*p, t);
    if (object_.has_btf_) {
        const Btf& btf = object_.btf_;
        for (u32 id = 1; id < btf.type_count(); id++) {
            BtfType tag = btf.type(id);
            if (tag.kind() == BtfKind::DeclTag && btf.decl_tag_component(id) == -1 &&
                btf.type(tag.size_or_type).kind() == BtfKind::Function &&
                btf.name(tag.size_or_type) == p->name) {
                p->comments.emplace_back(btf.name(id));
                if (p->comments.back().starts_with(kExceptionTag) && p->problem.empty()) {
                    add_exception_callback(*p, p->comments.back().substr(kExceptionTag.size()),
                                           placed);
                }
            }
        }
    }
    std::vector<FunctionInfo>& functions = p->functions;
    std::sort(functions.begin(), functions.end(),
              [](const FunctionInfo& a, const FunctionInfo& b) { return a.insn < b.insn; });
    std::sort(p->lines.begin(), p->lines.end(),
              [](const LineInfo& a, const LineInfo& b) { return a.insn < b.insn; });
    program.name = p->name.c_str();
    program.insns = p->insns;
    program.functions = p->functions;
    program.lines = p->lines;
    for (const CoreOutcome& outcome : p->relocated) {
        if (!outcome.poisoned.empty()) {
            p->poisoned.push_back({outcome.insn, outcome.poisoned.c_str()});
        }
    }
    program.poisoned = p->poisoned;
    program.maps = object_.map_pointers_;
    program.btf = object_.btf();
    const std::string& l = object_.license_;
    program.is_gpl = l == "GPL" || l == "GPL v2" || l == "GPL and additional rights" ||
                     l == "Dual BSD/GPL" || l == "Dual MIT/GPL" || l == "Dual MPL/GPL";
    object_.programs_.push_back(std::move(p));
}

}  // namespace gyre::bpf
