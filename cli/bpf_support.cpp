// SPDX-License-Identifier: MIT
#include "cli/bpf_support.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/bpf_config.h"
#include "cli/bpf_kernel.h"
#include "lib/bpf/disassemble.h"
#include "lib/bpf/helper_ids.h"
#include "lib/bpf/object/modules.h"

namespace gyre::cli {
namespace {

using namespace gyre::bpf;

constexpr const char* kRunningKernelTypes = "/sys/kernel/btf/vmlinux";
constexpr size_t kMaxFileBytes = 256u << 20;

ProgramType type_by_name(std::string_view name) {
    Environment environment = linux_tables::environment(Target{}, nullptr);
    for (u32 t = 1; t < environment.rules.size(); t++) {
        if (environment.rules[t].name == name) return static_cast<ProgramType>(t);
    }
    return ProgramType::Unspecified;
}

// Only programs that name something of the kernel's, or call helpers that a machine may lock away.
bool asks_for_facts(Object& object) {
    for (const auto& p : object.programs()) {
        const Program& program = p->program;
        if (program.type == ProgramType::Tracing || program.type == ProgramType::Lsm) return true;
        for (const Insn& insn : program.insns) {
            const bool calls_helper = insn.code == (kClassJmp | kCall) && insn.src() == kCallHelper;
            if ((is_ld_imm64(insn) && insn.src() == kPseudoBtfId) || (calls_helper && helper::lockdown_level(static_cast<u32>(insn.imm)) != 0)) return true;
        }
    }
    return false;
}

// What is wrong lies in no instruction.
void refuse_as_a_whole(const std::string& text, Report& report) {
    report.insn = kNoInsn;
    report.text_length = static_cast<u32>(std::min(text.size(), sizeof(report.text)));
    std::memcpy(report.text, text.data(), report.text_length);
}

}  // namespace

VerifierMemory::VerifierMemory(size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) bytes_ = {static_cast<u8*>(memory), bytes};
}

VerifierMemory::~VerifierMemory() {
    if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

Outcome<std::vector<u8>> read_bytes(const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) return problem("'" + path + "' is a directory", "Give a file; for all of a directory: for f in " + path + "/*.o; do ...");
    std::ifstream file(path, std::ios::binary);
    if (!file) return problem("'" + path + "' cannot be read", "Check the name and the permissions.");
    std::vector<u8> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (bytes.size() > kMaxFileBytes) return problem("'" + path + "' is too large for a BPF object");
    return bytes;
}

Outcome<std::unique_ptr<OpenedObject>> open_object(const BpfInput& input) {
    auto opened = std::make_unique<OpenedObject>();
    const Target* target = linux_tables::find_target(input.target.c_str());
    if (target == nullptr)
        return problem("'" + input.target + "' is no target", "Targets are linux-6.1, linux-6.12, linux-6.18 and gyre.", kWrongUsage);
    auto bytes = read_bytes(input.file);
    if (!bytes) return std::unexpected(bytes.error());
    const std::string btf_path = input.kernel_btf.empty() ? kRunningKernelTypes : input.kernel_btf;
    auto btf_bytes = read_bytes(btf_path);
    if (!btf_bytes && !input.kernel_btf.empty()) return std::unexpected(btf_bytes.error());
    if (!target->is_linux && !input.kernel_btf.empty())
        return problem("the target '" + input.target + "' has no kernel types", "Leave --btf out.", kWrongUsage);
    if (btf_bytes && target->is_linux) {
        opened->btf_bytes = *btf_bytes;
        for (const std::string& module : input.module_btf) {
            auto module_bytes = read_bytes(module);
            if (!module_bytes) return std::unexpected(module_bytes.error());
            auto joined = join_module_types(*btf_bytes, opened->btf_bytes, *module_bytes);
            if (!joined) return problem("'" + module + "': " + joined.error(), "Give /sys/kernel/btf/MODULE or the module itself.");
            opened->btf_bytes = std::move(*joined);
        }
        opened->btf_memory.resize(8u << 20);
        opened->btf_arena = std::make_unique<Arena>(opened->btf_memory);
        opened->kernel_btf = std::make_unique<Btf>();
        if (const char* wrong = opened->kernel_btf->open(opened->btf_bytes, *opened->btf_arena))
            return problem("'" + btf_path + "': " + wrong, "Give another file with --btf.");
    }
    auto object = Object::open(std::move(*bytes), opened->kernel_btf.get());
    if (!object) return problem("'" + input.file + "': " + object.error(), "Make the object with clang -g -target bpf.");
    opened->object = std::move(*object);
    if (!input.target_object.empty()) {
        auto target_bytes = read_bytes(input.target_object);
        if (!target_bytes) return std::unexpected(target_bytes.error());
        auto target_object = Object::open(std::move(*target_bytes), opened->kernel_btf.get());
        if (!target_object) return problem("'" + input.target_object + "': " + target_object.error());
        opened->target = std::move(*target_object);
        opened->object->extend(*opened->target, input.target_function);
    }
    opened->environment = linux_tables::environment(*target, opened->kernel_btf.get());
    if (input.kernel_btf.empty() && opened->kernel_btf) opened->environment.target.cpu_count = possible_cpu_count();
    const bool is_running_kernel = input.kernel_btf.empty() && opened->kernel_btf;
    if (is_running_kernel && asks_for_facts(*opened->object)) opened->facts.read_running_kernel();
    if (target->is_linux && opened->object->has_kernel_config()) {
        auto config = kernel_config(input.kernel_config, target->version, is_running_kernel);
        if (!config) return std::unexpected(config.error());
        opened->object->set_kernel_config(*config);
    }
    if (!input.symbols.empty() && !opened->facts.read_symbols(input.symbols))
        return problem("'" + input.symbols + "' cannot be read", "Give a System.map, or a copy of /proc/kallsyms.");
    if (target->is_linux) opened->environment.facts = opened->facts.facts();
    for (auto& program : opened->object->programs()) {
        program->program.is_device_bound = input.is_device_bound;
        if (!input.program.empty() && program->name != input.program) continue;
        if (!input.type.empty()) {
            program->program.type = type_by_name(input.type);
            if (program->program.type == ProgramType::Unspecified)
                return problem("'" + input.type + "' is no program type", "For example: xdp, sched_cls, kprobe, tracing.", kWrongUsage);
        }
        opened->programs.push_back(program.get());
    }
    if (opened->programs.empty())
        return problem(input.program.empty() ? "'" + input.file + "' holds no program"
                                             : "'" + input.file + "' holds no program '" + input.program + "'",
                       {}, input.program.empty() ? kOwnFailure : kWrongUsage);
    return opened;
}

void verify_program(const OpenedObject& opened, const ObjectProgram& program, const Limits& limits,
                    std::span<u8> memory, Report& report, std::span<u32> visits) {
    report = Report{};
    if (!program.problem.empty() || program.program.type == ProgramType::Unspecified) {
        report.problem = bpf::Problem::NotSupported;
        refuse_as_a_whole(!program.problem.empty() ? program.problem : "the section '" + program.section + "' names no program type; use --type", report);
        return;
    }
    Arena arena(memory);
    verify(program.program, opened.environment, arena, limits, report, visits);
    const bool is_for_kernel = program.program.type == ProgramType::Tracing || program.program.type == ProgramType::Lsm;
    if (report.problem == bpf::Problem::BadType && is_for_kernel && opened.kernel_btf && program.program.attach_type_id == 0 &&
        program.program.target.program == nullptr && !program.attach_name.empty()) {
        refuse_as_a_whole("the kernel's types know nothing named '" + program.attach_name + "' that " + program.section +
                              " could be attached to; it may have another name there, be inlined, or belong to a module (--module-btf)",
                          report);
    }
}

Problem choose_one(const OpenedObject& opened) {
    constexpr size_t kShown = 8;
    std::string names;
    for (size_t i = 0; i < std::min(kShown, opened.programs.size()); i++) names += (i == 0 ? "" : ", ") + opened.programs[i]->name;
    if (opened.programs.size() > kShown) names += " and " + std::to_string(opened.programs.size() - kShown) + " more, which 'gyre bpf verify' lists";
    return {.what = "the object holds several programs", .hint = "Choose one with --program NAME: " + names + "."};
}

namespace {

// Of a function of the kernel or of the program, as far as the types tell.
std::string callee_name(const OpenedObject& opened, const ObjectProgram& program, u32 at) {
    const Insn& insn = program.insns[at];
    if (insn.code != (kClassJmp | kCall)) return {};
    if (insn.src() == kCallKfunc && insn.off == 0 && opened.kernel_btf != nullptr)
        return std::string(opened.kernel_btf->name(static_cast<u32>(insn.imm)));
    if (insn.src() != kCallSubprogram || opened.object->btf() == nullptr) return {};
    for (const FunctionInfo& f : program.functions) {
        if (f.insn == at + 1 + static_cast<u32>(insn.imm)) return std::string(opened.object->btf()->name(f.type_id));
    }
    return {};
}

}  // namespace

std::string instruction_text(const OpenedObject& opened, const ObjectProgram& program, u32 at) {
    if (at >= program.insns.size()) return {};
    char buffer[128];
    TextWriter out(buffer);
    disassemble(program.insns[at], at + 1 < program.insns.size() ? &program.insns[at + 1] : nullptr, at, out);
    std::string text(out.text());
    const Insn& insn = program.insns[at];
    if (insn.code == (kClassJmp | kCall) && insn.src() == kCallHelper) {
        for (const HelperPrototype& h : opened.environment.prototypes) {
            if (static_cast<s32>(h.id) == insn.imm) return text + " (" + h.name + ")";
        }
    }
    const std::string callee = callee_name(opened, program, at);
    return callee.empty() ? text : text + " (" + callee + ")";
}

SourceLine source_of(const OpenedObject& opened, const ObjectProgram& program, u32 at) {
    const Btf* btf = opened.object->btf();
    if (btf == nullptr) return {};
    const LineInfo* best = nullptr;
    for (const LineInfo& line : program.lines) {
        if (line.insn <= at) best = &line;
    }
    if (best == nullptr) return {};
    return {std::string(btf->string(best->file_offset)), best->line_column >> 10, std::string(btf->string(best->line_offset))};
}

}  // namespace gyre::cli
