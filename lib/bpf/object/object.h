// SPDX-License-Identifier: MIT
//
// A BPF object file as its user meant it: programs with their subprograms joined and relocations
// applied, maps, global data, types. For host tools; the verifier itself takes bare programs.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/bpf/btf_fields.h"
#include "lib/bpf/object/core.h"
#include "lib/bpf/object/elf.h"
#include "lib/bpf/object/kernel_config.h"
#include "lib/bpf/program.h"

namespace gyre::bpf {

struct ObjectMap {
    std::string name;
    Map map;
    std::vector<u8> contents;  // of global data
    std::vector<u8> unknown;   // not zero: a byte of the contents that only the kernel knows
    std::unique_ptr<ObjectMap> inner;
    u32 section = 0;           // of global data
    u64 offset = 0;            // of a map in its section
};

struct ObjectProgram {
    std::string name;
    std::string section;
    std::vector<Insn> insns;
    std::vector<FunctionInfo> functions;
    std::vector<LineInfo> lines;
    std::vector<CoreOutcome> relocated;  // by instruction
    std::vector<PoisonedInsn> poisoned;
    std::vector<std::string> comments;  // declaration tags of the function
    Program program;                    // borrows from this object
    std::string attach_name;            // what the section says that it is attached to
    std::string problem;                // why it cannot be verified, if it cannot
};

class Object {
public:
    // `kernel_btf` may be null; then CO-RE relocations and kernel symbols are problems of the
    // programs that use them.
    static std::expected<std::unique_ptr<Object>, std::string> open(std::vector<u8> bytes,
                                                                    const Btf* kernel_btf);

    std::vector<std::unique_ptr<ObjectProgram>>& programs() { return programs_; }
    const std::vector<std::unique_ptr<ObjectMap>>& maps() const { return maps_; }
    const Btf* btf() const { return has_btf_ ? &btf_ : nullptr; }
    const std::vector<u8>& btf_bytes() const { return btf_bytes_; }
    // Makes every program of type Extension one that replaces a function of `target`, which must live as
    // long: the function `name`, or the one that the program's section names. Programs that trace a function
    // (fentry, fexit) trace that of `target`, if it has one of the name, else the kernel's.
    void extend(const Object& target, std::string_view name);
    // Gives __kconfig externs their values. One that the kernel lacks though it is not __weak makes every
    // program a problem; before this call, and where `config` does not know, their values may be any.
    void set_kernel_config(const KernelConfig& config);
    bool has_kernel_config() const { return has_btf_ && btf_.find(".kconfig", BtfKind::Section) != 0; }
    std::string_view license() const { return license_; }
    // The types in the form that Linux's BPF_BTF_LOAD takes: externs made presentable.
    std::vector<u8> loadable_btf() const;

private:
    friend class ObjectLoader;
    std::vector<u8> bytes_;
    std::vector<u8> btf_bytes_;
    std::unique_ptr<u8[]> arena_memory_;
    std::unique_ptr<Arena> arena_;
    Btf btf_;
    bool has_btf_ = false;
    std::string license_;
    std::set<std::string, std::less<>> weak_externs_;  // of .kconfig
    std::vector<std::unique_ptr<ObjectMap>> maps_;
    std::vector<const Map*> map_pointers_;
    std::vector<std::unique_ptr<ObjectProgram>> programs_;
};

struct SectionType {
    ProgramType type = ProgramType::Unspecified;
    AttachType attach = AttachType::CgroupInetIngress;
    bool is_sleepable = false;
    std::string target;  // the kernel function, tracepoint, hook
};

// What a section's name says of its programs (libbpf's conventions).
SectionType section_type(std::string_view section);
std::string_view program_type_name(ProgramType type);

}  // namespace gyre::bpf
