// SPDX-License-Identifier: MIT
//
// The steps of loading an object (object.h): maps, then functions and their relocations.
#pragma once

#include <map>
#include <memory>

#include "lib/bpf/object/object.h"

namespace gyre::bpf {

class ObjectLoader {
public:
    ObjectLoader(Object& object, const Btf* kernel) : object_(object), kernel_(kernel) {}
    std::string load();  // empty, or what is wrong with the file

private:
    struct Function {
        std::string name;
        u32 section = 0;
        u32 begin = 0;  // instructions, in the section
        u32 end = 0;
        u8 binding = 0;
    };
    struct ExtensionInfo {
        std::map<u32, std::vector<FunctionInfo>> functions;  // by section
        std::map<u32, std::vector<LineInfo>> lines;
        std::map<u32, std::vector<CoreRelocation>> core;
    };

    std::string read_types();
    void place_variables();
    void make_hidden_static();
    std::string read_extension();
    std::string read_maps();
    std::string read_legacy_maps(const ElfSection& s, u32 index);
    std::string read_btf_maps(u32 index);
    std::string define_map(u32 type, ObjectMap& map, int depth);
    void add_data_map(u32 index);
    void add_kconfig();
    void read_functions();
    void make_program(const Function& f);
    void add_exception_callback(ObjectProgram& p, std::string_view name,
                                std::map<std::pair<u32, u32>, u32>& placed);
    std::string append_function(ObjectProgram& p, const Function& f,
                                std::map<std::pair<u32, u32>, u32>& placed);
    const CoreCandidates& core_candidates();
    std::string relocate(ObjectProgram& p, const Function& f, u32 base, u32 at,
                         const ElfRelocation& r, std::map<std::pair<u32, u32>, u32>& placed);
    std::string refer_to_extern(ObjectProgram& p, u32 at, const ElfSymbol& symbol);
    std::string call_function(ObjectProgram& p, u32 at, u32 section, u32 insn,
                              std::map<std::pair<u32, u32>, u32>& placed);
    const Function* function_at(u32 section, u32 insn) const;
    u32 section_index(std::string_view name) const;
    void find_attach_target(ObjectProgram& p, const SectionType& t);
    void find_struct_ops();

    Object& object_;
    const Btf* kernel_;
    ElfFile elf_;
    std::vector<Function> functions_;
    ExtensionInfo extension_;
    std::map<u32, std::vector<ElfRelocation>> relocations_;
    std::unique_ptr<CoreCandidates> core_candidates_;  // made when the first is asked for
    std::map<u32, u32> data_maps_;  // section -> map
    std::map<std::string, std::pair<u32, u32>> struct_ops_;  // program -> kernel type, member
};

}  // namespace gyre::bpf
