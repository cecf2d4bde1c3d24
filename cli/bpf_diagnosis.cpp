// SPDX-License-Identifier: MIT
//
// A refusal as people read it: the line with its neighbours, the instruction, what is wrong, where
// the value came from, what usually mends it. And the same as JSON.
#include <map>

#include "cli/bpf_support.h"
#include "lib/bpf/state.h"

namespace gyre::cli {
namespace {

using namespace gyre::bpf;

constexpr size_t kMaxText = 4096;
constexpr unsigned kNeighbours = 2;

std::string short_file(const std::string& path) {
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string trimmed(const std::string& s) {
    size_t begin = s.find_first_not_of(" \t");
    return begin == std::string::npos ? "" : s.substr(begin);
}

std::string origin_verb(OriginKind kind) {
    switch (kind) {
        case OriginKind::Computed: return "was computed";
        case OriginKind::Moved: return "was copied";
        case OriginKind::Loaded: return "was loaded";
        case OriginKind::Stored: return "was put on the stack";
        case OriginKind::Returned: return "was returned by a call";
        case OriginKind::Compared: return "was compared";
        case OriginKind::Invalidated: return "lost its validity (the call may move the packet)";
        case OriginKind::Released: return "was given up";
        case OriginKind::Acquired: return "was acquired";
        case OriginKind::Branched: return "went on";
        case OriginKind::Destroyed: return "was destroyed by a call, as r1 to r5 are,";
        case OriginKind::NotTheEnd: return "was compared with a number where data_end is needed";
        case OriginKind::Parameter: return "was handed in by the caller, whoever that is: a global function's parameter";
        case OriginKind::Repeated: return "came from an earlier round of the loop, and so on,";
        case OriginKind::Handed: return "was handed to the callback by the call";
    }
    return "";
}

std::string known_value(const Origin& o) {
    if (o.kind == OriginKind::Branched) return o.umin != 0 ? "the jump was taken" : "no jump";
    const bool has_value = o.kind == OriginKind::Computed || o.kind == OriginKind::Moved || o.kind == OriginKind::Loaded ||
                           o.kind == OriginKind::Returned || o.kind == OriginKind::Compared;
    if (!has_value) return "";
    std::string text = o.value == Kind::Scalar ? "" : std::string(kind_name(o.value)) + ", offset ";
    if (o.value == Kind::Scalar && o.umin == 0 && o.umax == ~u64{0} && o.smin < -(s64{1} << 62))
        return "could be any number";
    if (o.umin == o.umax) return text + std::to_string(static_cast<s64>(o.umin));
    if (o.umin <= o.umax && (o.smin >= 0 || o.umax < (u64{1} << 63))) return text + std::to_string(o.umin) + " to " + std::to_string(o.umax);
    return text + std::to_string(o.smin) + " to " + std::to_string(o.smax);
}

// Source lines around the refused one, as far as the object carries them.
std::string neighbours(const OpenedObject& opened, const ObjectProgram& program, const SourceLine& here) {
    std::map<unsigned, std::string> lines;
    const Btf& btf = *opened.object->btf();
    for (const LineInfo& line : program.lines) {
        unsigned number = line.line_column >> 10;
        bool is_near = number + kNeighbours >= here.line && number <= here.line + kNeighbours;
        if (is_near && btf.string(line.file_offset) == here.file) lines[number] = std::string(btf.string(line.line_offset));
    }
    std::string out;
    for (auto& [number, text] : lines) {
        std::string label = std::to_string(number);
        out += (number == here.line ? "  > " : "    ") + std::string(label.size() < 5 ? 5 - label.size() : 0, ' ') + label + " | " +
               text.substr(0, 120) + "\n";
    }
    return out;
}

// The refused offset may be one that was moved to fit the kernel's types, into memory that is laid out
// as the program's types say: a copy of a structure that has grown since.
std::string moved_offset(const ObjectProgram& program, const Report& report) {
    if (report.problem != bpf::Problem::OutOfBounds && report.problem != bpf::Problem::UninitializedStack) return "";
    for (const CoreOutcome& o : program.relocated) {
        if (o.insn == report.insn && o.is_offset && o.before != o.after)
            return "The offset was moved by CO-RE: " + o.what + " lies at " + std::to_string(o.after) + " in the kernel's types, at " +
                   std::to_string(o.before) + " in the program's. Read that member itself (BPF_CORE_READ) in place of a copy of what is around it.";
    }
    return "";
}

// What usually mends it; may be empty.
std::string mending(const ObjectProgram& program, const Report& report) {
    const std::string moved = moved_offset(program, report);
    return moved.empty() ? hint(report) : moved;
}

}  // namespace

std::string diagnosis_text(const OpenedObject& opened, const ObjectProgram& program, const Report& report) {
    std::string out = "  " + std::string(problem_name(report.problem));
    bool has_place = report.insn != kNoInsn && report.insn < program.insns.size();
    SourceLine here = has_place ? source_of(opened, program, report.insn) : SourceLine{};
    if (here.line != 0) out += " at " + short_file(here.file) + ":" + std::to_string(here.line);
    out += "\n";
    if (here.line != 0) out += neighbours(opened, program, here);
    if (has_place) out += "  instruction " + std::to_string(report.insn) + ": " + instruction_text(opened, program, report.insn) + "\n";
    out += "  " + std::string(report.text, report.text_length) + "\n";
    for (u32 i = 0; i < report.origin_count; i++) {
        const Origin& o = report.origins[i];
        SourceLine line = source_of(opened, program, o.insn);
        std::string value = known_value(o);
        const bool is_path = o.kind == OriginKind::Branched;
        out += std::string(is_path ? (i == 0 ? "  the path " : "    before that the path ") : i == 0 ? "  the value " : "    before that it ") + origin_verb(o.kind) + " at instruction " + std::to_string(o.insn) +
               ": " + instruction_text(opened, program, o.insn) + (value.empty() ? "" : " (" + value + ")");
        if (line.line != 0) out += "  [" + short_file(line.file) + ":" + std::to_string(line.line) + ": " + trimmed(line.text).substr(0, 80) + "]";
        out += "\n";
    }
    if (const std::string mend = mending(program, report); !mend.empty()) out += "  " + mend + "\n";
    if (out.size() > kMaxText) out.resize(kMaxText);
    return out;
}

nlohmann::ordered_json diagnosis_json(const OpenedObject& opened, const ObjectProgram& program, const Report& report, double microseconds) {
    nlohmann::ordered_json json;
    json["program"] = program.name;
    json["section"] = program.section;
    json["accepted"] = report.is_accepted;
    json["time_us"] = microseconds;
    json["instructions"] = program.insns.size();
    json["instructions_processed"] = report.statistics.insns_processed;
    json["memory_bytes"] = report.statistics.arena_bytes;
    if (report.is_accepted) return json;
    json["problem"] = problem_name(report.problem);
    json["text"] = std::string(report.text, report.text_length);
    json["hint"] = mending(program, report);
    auto place = [&](u32 insn) {
        nlohmann::ordered_json p;
        p["instruction"] = insn;
        p["assembly"] = instruction_text(opened, program, insn);
        SourceLine line = source_of(opened, program, insn);
        if (line.line != 0) {
            p["file"] = line.file;
            p["line"] = line.line;
            p["source"] = line.text;
        }
        return p;
    };
    if (report.insn != kNoInsn) json["at"] = place(report.insn);
    if (report.register_number >= 0) json["register"] = report.register_number;
    for (u32 i = 0; i < report.origin_count; i++) {
        auto p = place(report.origins[i].insn);
        p["what"] = origin_verb(report.origins[i].kind);
        p["known"] = known_value(report.origins[i]);
        json["origins"].push_back(p);
    }
    return json;
}

}  // namespace gyre::cli
