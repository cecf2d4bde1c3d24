// SPDX-License-Identifier: MIT
//
// Programs made visible: as text, as a graph of blocks (DOT or SVG), as cost by instruction and loop.
#include "cli/bpf_show.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "lib/bpf/cfg.h"

namespace gyre::cli {
namespace {

using namespace gyre::bpf;

struct Block {
    u32 begin = 0;
    u32 end = 0;
    std::vector<u32> next;  // first instructions of the blocks that follow
};

std::string escaped(const std::string& text, bool for_xml) {
    std::string out;
    for (char c : text) {
        if (for_xml && c == '<') out += "&lt;";
        else if (for_xml && c == '>') out += "&gt;";
        else if (for_xml && c == '&') out += "&amp;";
        else if (!for_xml && (c == '"' || c == '\\' || c == '{' || c == '}' || c == '<' || c == '>' || c == '|')) (out += '\\') += c;
        else out += c;
    }
    return out;
}

// False if the program's shape is refused; the report says why.
bool blocks_of(const OpenedObject& opened, const ObjectProgram& program, VerifierMemory& memory, std::vector<Block>& blocks, Report& report) {
    Arena arena(memory.bytes());
    ControlFlow flow;
    if (!build_control_flow(program.program, opened.environment, arena, flow, report)) return false;
    u32 count = static_cast<u32>(program.insns.size());
    std::vector<bool> starts(count + 1, false);
    for (u32 i = 0; i < count; i++) {
        if (flow.flags[i] & kSecondHalf) continue;
        if (flow.flags[i] & (kJoin | kSubprogramBegin)) starts[i] = true;
        Successors next = successors(program.insns, i);
        bool jumps = next.count == 2 || (next.count == 1 && next.insn[0] != i + 1 && !is_ld_imm64(program.insns[i]));
        if (jumps || next.count == 0) {
            starts[i + 1] = true;
            for (u32 k = 0; k < next.count; k++) starts[next.insn[k]] = true;
        }
    }
    for (u32 i = 0; i < count;) {
        Block block{i, i + 1, {}};
        u32 last = i;
        while (block.end < count && !starts[block.end]) {
            if (!(flow.flags[block.end] & kSecondHalf)) last = block.end;
            block.end++;
        }
        Successors next = successors(program.insns, last);
        for (u32 k = 0; k < next.count; k++)
            if (next.insn[k] < count) block.next.push_back(next.insn[k]);
        blocks.push_back(block);
        i = block.end;
    }
    return true;
}

void print_dot(const OpenedObject& opened, const ObjectProgram& program, const std::vector<Block>& blocks) {
    std::printf("digraph \"%s\" {\n  node [shape=box fontname=\"monospace\" fontsize=10];\n", program.name.c_str());
    for (const Block& b : blocks) {
        std::string label;
        for (u32 i = b.begin; i < b.end; i++) {
            std::string text = instruction_text(opened, program, i);
            if (i > b.begin && is_ld_imm64(program.insns[i - 1])) continue;
            label += std::to_string(i) + ": " + escaped(text, false) + "\\l";
        }
        std::printf("  b%u [label=\"%s\"];\n", b.begin, label.c_str());
        for (u32 to : b.next) std::printf("  b%u -> b%u%s;\n", b.begin, to, to <= b.begin ? " [color=red constraint=false]" : "");
    }
    std::printf("}\n");
}

// Blocks below each other in the order of the code; edges run at the right, back edges in red at the left.
void print_svg(const OpenedObject& opened, const ObjectProgram& program, const std::vector<Block>& blocks) {
    constexpr int kLine = 14, kGap = 18, kLeft = 120, kWidth = 420;
    std::map<u32, int> top;
    int y = 20;
    for (const Block& b : blocks) {
        top[b.begin] = y;
        y += static_cast<int>(b.end - b.begin) * kLine + 8 + kGap;
    }
    std::printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"monospace\" font-size=\"11\">\n", kLeft + kWidth + 160,
                y + 20);
    for (const Block& b : blocks) {
        int height = static_cast<int>(b.end - b.begin) * kLine + 8;
        std::printf("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#f8f8f8\" stroke=\"#444\"/>\n", kLeft, top[b.begin], kWidth, height);
        for (u32 i = b.begin; i < b.end; i++) {
            if (i > b.begin && is_ld_imm64(program.insns[i - 1])) continue;
            std::printf("<text x=\"%d\" y=\"%d\">%u: %s</text>\n", kLeft + 6, top[b.begin] + kLine * static_cast<int>(i - b.begin + 1), i,
                        escaped(instruction_text(opened, program, i), true).c_str());
        }
        int from = top[b.begin] + height;
        for (u32 to : b.next) {
            int target = top[to];
            bool is_back = to <= b.begin;
            int reach = std::min(150, 14 + std::abs(target - from) / 12);
            int x = is_back ? kLeft : kLeft + kWidth;
            int bend = is_back ? x - std::min(reach, 110) : x + reach;
            std::printf("<path d=\"M %d %d C %d %d %d %d %d %d\" fill=\"none\" stroke=\"%s\"/>\n", x, from - 4, bend, from - 4, bend, target + 4, x, target + 4,
                        is_back ? "#c00" : "#06c");
        }
    }
    std::printf("</svg>\n");
}

}  // namespace

int show_disassembly(const BpfInput& input) {
    auto opened = open_object(input);
    if (!opened) return report(opened.error());
    for (ObjectProgram* program : (*opened)->programs) {
        std::printf("%s (section %s, %zu instructions):\n", program->name.c_str(), program->section.c_str(), program->insns.size());
        if (!program->problem.empty()) std::printf("  # %s\n", program->problem.c_str());
        unsigned line = 0;
        std::string file;
        for (u32 i = 0; i < program->insns.size(); i++) {
            SourceLine source = source_of(**opened, *program, i);
            if (source.line != 0 && (source.line != line || source.file != file)) {
                std::printf("; %s:%u: %s\n", source.file.c_str(), source.line, source.text.c_str());
                line = source.line;
                file = source.file;
            }
            std::printf("%6u: %s\n", i, instruction_text(**opened, *program, i).c_str());
            if (is_ld_imm64(program->insns[i])) i++;
        }
    }
    return 0;
}

int show_control_flow(const BpfInput& input, bool as_svg) {
    auto opened = open_object(input);
    if (!opened) return report(opened.error());
    if ((*opened)->programs.size() != 1)
        return report(choose_one(**opened));
    VerifierMemory memory(input.memory_mib << 20);
    ObjectProgram& program = *(*opened)->programs[0];
    std::vector<Block> blocks;
    auto refusal = std::make_unique<Report>();
    if (!blocks_of(**opened, program, memory, blocks, *refusal))
        return report({"the program has no valid control flow: " + std::string(refusal->text, refusal->text_length), ""});
    if (as_svg) print_svg(**opened, program, blocks);
    else print_dot(**opened, program, blocks);
    return 0;
}

int show_statistics(const BpfInput& input, bool as_json) {
    constexpr size_t kShown = 10;
    auto opened = open_object(input);
    if (!opened) return report(opened.error());
    VerifierMemory memory(input.memory_mib << 20);
    auto result = std::make_unique<Report>();
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (ObjectProgram* program : (*opened)->programs) {
        std::vector<u32> visits(program->insns.size(), 0);
        verify_program(**opened, *program, Limits{}, memory.bytes(), *result, visits);
        std::vector<u32> order;
        for (u32 i = 0; i < visits.size(); i++)
            if (visits[i] > 0) order.push_back(i);
        std::stable_sort(order.begin(), order.end(), [&](u32 a, u32 b) { return visits[a] > visits[b]; });
        // A loop is a jump back; its cost is what was walked between its head and the jump.
        struct Loop {
            u32 head, end;
            u64 cost;
        };
        std::vector<Loop> loops;
        for (u32 i = 0; i < program->insns.size(); i++) {
            Successors next = successors(program->insns, i);
            for (u32 k = 0; k < next.count; k++) {
                if (next.insn[k] > i) continue;
                u64 cost = 0;
                for (u32 j = next.insn[k]; j <= i; j++) cost += visits[j];
                loops.push_back({next.insn[k], i, cost});
            }
            if (is_ld_imm64(program->insns[i])) i++;
        }
        std::stable_sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) { return a.cost > b.cost; });
        const Statistics& s = result->statistics;
        if (as_json) {
            nlohmann::ordered_json p = {{"program", program->name}, {"accepted", result->is_accepted}, {"processed", s.insns_processed},
                                        {"branches", s.states_pushed}, {"checkpoints", s.checkpoints}, {"prunes", s.prunes}, {"memory_bytes", s.arena_bytes}};
            for (size_t k = 0; k < std::min(kShown, order.size()); k++) p["instructions"].push_back({{"instruction", order[k]}, {"visits", visits[order[k]]}});
            for (size_t k = 0; k < std::min(kShown, loops.size()); k++)
                p["loops"].push_back({{"head", loops[k].head}, {"end", loops[k].end}, {"cost", loops[k].cost}});
            list.push_back(p);
            continue;
        }
        std::printf("%s: %s, %zu instructions, %llu processed, %llu branches, %llu states kept, %llu paths cut short, %.1f MiB\n", program->name.c_str(),
                    result->is_accepted ? "accepted" : "refused", program->insns.size(), static_cast<unsigned long long>(s.insns_processed),
                    static_cast<unsigned long long>(s.states_pushed), static_cast<unsigned long long>(s.checkpoints),
                    static_cast<unsigned long long>(s.prunes), static_cast<double>(s.arena_bytes) / (1 << 20));
        for (size_t k = 0; k < std::min(kShown, order.size()); k++) {
            SourceLine line = source_of(**opened, *program, order[k]);
            std::printf("  %8u x  %5u: %-40s %s\n", visits[order[k]], order[k], instruction_text(**opened, *program, order[k]).c_str(), line.text.c_str());
        }
        for (size_t k = 0; k < std::min(kShown, loops.size()) && loops[k].cost > 0; k++) {
            SourceLine line = source_of(**opened, *program, loops[k].head);
            std::printf("  loop %u..%u: %llu instructions walked  %s\n", loops[k].head, loops[k].end, static_cast<unsigned long long>(loops[k].cost),
                        line.text.c_str());
        }
    }
    if (as_json) std::printf("%s\n", list.dump(2).c_str());
    return 0;
}

}  // namespace gyre::cli
