// SPDX-License-Identifier: MIT
//
// What the bpf commands share: opening objects, the kernel's types, memory for a verification, and
// the diagnosis as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/bpf_facts.h"
#include "cli/problem.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/object/object.h"
#include "lib/bpf/verifier.h"

namespace gyre::cli {

// Address space for an arena; pages come when they are touched.
class VerifierMemory {
public:
    explicit VerifierMemory(size_t bytes);
    ~VerifierMemory();
    VerifierMemory(const VerifierMemory&) = delete;
    VerifierMemory& operator=(const VerifierMemory&) = delete;
    std::span<bpf::u8> bytes() const { return bytes_; }

private:
    std::span<bpf::u8> bytes_;
};

struct BpfInput {
    std::string file;
    std::string program;      // empty: every one
    std::string type;         // empty: by section
    std::string target = "linux-6.18";
    std::string target_object;    // for extensions: the object whose function they replace
    std::string target_function;  // empty: the one that the section names
    std::string kernel_btf;   // empty: the running kernel's
    std::vector<std::string> module_btf;
    std::string kernel_config;  // empty: the running kernel's, if its types are
    std::string symbols;      // empty: the running kernel's, if its types are
    bool is_device_bound = false;
    size_t memory_mib = 64;
};

struct OpenedObject {
    std::vector<bpf::u8> btf_bytes;
    std::vector<bpf::u8> btf_memory;
    std::unique_ptr<bpf::Arena> btf_arena;
    std::unique_ptr<bpf::Btf> kernel_btf;  // null if there is none
    std::unique_ptr<bpf::Object> target;   // of extensions; null if none was given
    std::unique_ptr<bpf::Object> object;
    bpf::MachineFacts facts;
    bpf::Environment environment;
    std::vector<bpf::ObjectProgram*> programs;
};

Outcome<std::unique_ptr<OpenedObject>> open_object(const BpfInput& input);
Outcome<std::vector<bpf::u8>> read_bytes(const std::string& path);

// Verifies one program; a program that could not be loaded is refused with that reason.
void verify_program(const OpenedObject& opened, const bpf::ObjectProgram& program,
                    const bpf::Limits& limits, std::span<bpf::u8> memory, bpf::Report& report,
                    std::span<bpf::u32> visits = {});

// For commands that are about one program, where the object holds several.
Problem choose_one(const OpenedObject& opened);

// With the names of helpers.
std::string instruction_text(const OpenedObject& opened, const bpf::ObjectProgram& program, bpf::u32 at);
// "file.c:12" and the line's text; empty without line information.
struct SourceLine {
    std::string file;
    unsigned line = 0;
    std::string text;
};
SourceLine source_of(const OpenedObject& opened, const bpf::ObjectProgram& program, bpf::u32 at);

std::string diagnosis_text(const OpenedObject& opened, const bpf::ObjectProgram& program,
                           const bpf::Report& report);
nlohmann::ordered_json diagnosis_json(const OpenedObject& opened,
                                      const bpf::ObjectProgram& program,
                                      const bpf::Report& report, double microseconds);

}  // namespace gyre::cli
