// SPDX-License-Identifier: MIT OR GPL-2.0
//
// generate_calls TABLE OUT_DIR: writes from abi/calls.tbl
//   call_handlers.h     declarations of the handlers that exist
//   call_dispatch.inc   one thunk a call that gives the registers their types, and the dispatch table
//   call_names.inc      names and argument shapes of all calls, for traces
// Files are only rewritten when they change, so that a build stays still.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "abi/generate/calls_table.h"

namespace {

using gyre::abi::Argument;
using gyre::abi::Call;
using gyre::abi::Coverage;
using gyre::abi::Direction;

constexpr const char* kHeader = "// Generated from abi/calls.tbl; do not edit.\n";

std::string element_type(const std::string& type) {
    if (type == "bytes") return "std::byte";
    if (type == "int") return "int32_t";
    if (type == "uint") return "uint32_t";
    if (type == "long") return "int64_t";
    if (type == "ulong") return "uint64_t";
    if (type == "sigset") return "uint64_t";
    return "abi::" + type;
}

std::string cpp_type(const Argument& argument) {
    switch (argument.direction) {
        case Direction::In: return "UserIn<" + element_type(argument.type) + ">";
        case Direction::Out: return "UserOut<" + element_type(argument.type) + ">";
        case Direction::InOut: return "UserInOut<" + element_type(argument.type) + ">";
        case Direction::Value: break;
    }
    const std::string& type = argument.type;
    if (type == "path" || type == "string") return "UserString";
    if (type == "int" || type == "fd" || type == "pid") return "int";
    if (type == "uint" || type == "flags" || type == "mode" || type == "uid" || type == "gid") return "uint32_t";
    if (type == "long" || type == "off") return "int64_t";
    if (type == "ulong" || type == "addr") return "uint64_t";
    if (type == "size") return "size_t";
    return "";
}

std::string declaration(const Call& call) {
    std::string text = "CallResult sys_" + call.name + "(CallContext& context";
    for (const Argument& argument : call.arguments) text += ", " + cpp_type(argument) + " " + argument.name;
    return text + ")";
}

std::string thunk(const Call& call) {
    const std::string unused = call.arguments.empty() ? "[[maybe_unused]] " : "";
    std::string text = "static CallResult call_" + call.name + "(CallContext& context, " + unused +
                       "const CallArguments& arguments) {\n    return sys_" + call.name + "(context";
    for (size_t i = 0; i < call.arguments.size(); ++i)
        text += ", " + cpp_type(call.arguments[i]) + "(arguments.values[" + std::to_string(i) + "])";
    return text + ");\n}\n";
}

std::string handlers(const std::vector<Call>& calls) {
    std::string text = kHeader;
    text += "#pragma once\n\n#include \"kernel/linux/abi.h\"\n#include \"kernel/linux/context.h\"\n"
            "#include \"kernel/memory/user.h\"\n\nnamespace gyre::linux {\n\n";
    for (const Call& call : calls)
        if (call.coverage != Coverage::Absent) text += declaration(call) + ";\n";
    text += "\n// Numbers below it have a place in the table.\nconstexpr uint32_t kCallCount = " +
            std::to_string(calls.back().number + 1) + ";\n";
    return text + "\n}  // namespace gyre::linux\n";
}

std::string dispatch(const std::vector<Call>& calls) {
    std::string text = kHeader;
    for (const Call& call : calls)
        if (call.coverage != Coverage::Absent) text += thunk(call);
    const unsigned count = calls.back().number + 1;
    text += "\nconst CallThunk kCallTable[kCallCount] = {\n";
    size_t next = 0;
    for (unsigned number = 0; number < count; ++number) {
        const bool is_listed = calls[next].number == number;
        const bool exists = is_listed && calls[next].coverage != Coverage::Absent;
        text += "    " + (exists ? "call_" + calls[next].name : std::string("call_absent")) + ",\n";
        if (is_listed) ++next;
    }
    return text + "};\n";
}

std::string names(const std::vector<Call>& calls) {
    std::string text = kHeader;
    text += "// GYRE_CALL(number, name, argument count, shapes): d signed, u unsigned, x address or flags, s string, p pointer\n";
    for (const Call& call : calls) {
        std::string shapes;
        for (const Argument& argument : call.arguments) {
            const std::string type = argument.direction == Direction::Value ? cpp_type(argument) : "";
            shapes += type == "UserString" ? 's'
                      : argument.is_pointer() ? 'p'
                      : argument.type == "flags" || argument.type == "addr" || argument.type == "ulong" ? 'x'
                      : type == "int" || type == "int64_t" ? 'd' : 'u';
        }
        text += "GYRE_CALL(" + std::to_string(call.number) + ", \"" + call.name + "\", " +
                std::to_string(call.arguments.size()) + ", \"" + shapes + "\")\n";
    }
    return text;
}

bool write_if_changed(const std::string& path, const std::string& text) {
    if (std::ifstream old(path, std::ios::binary); old) {
        const std::string present{std::istreambuf_iterator<char>(old), std::istreambuf_iterator<char>()};
        if (present == text) return true;
    }
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    return static_cast<bool>(out.flush());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: generate_calls TABLE OUT_DIR\n");
        return 2;
    }
    std::ifstream in(argv[1], std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) {
        std::fprintf(stderr, "%s: cannot be read\n", argv[1]);
        return 1;
    }
    const auto calls = gyre::abi::parse_calls_table(text.str());
    if (!calls) {
        std::fprintf(stderr, "%s:%u: %s\n", argv[1], calls.error().line, calls.error().message.c_str());
        return 1;
    }
    for (const Call& call : *calls)
        for (const Argument& argument : call.arguments)
            if (argument.direction == Direction::Value && cpp_type(argument).empty()) {
                std::fprintf(stderr, "%s: %s: unknown type '%s'\n", argv[1], call.name.c_str(), argument.type.c_str());
                return 1;
            }
    const std::string out = std::string(argv[2]) + "/";
    const bool is_written = write_if_changed(out + "call_handlers.h", handlers(*calls)) &&
                            write_if_changed(out + "call_dispatch.inc", dispatch(*calls)) &&
                            write_if_changed(out + "call_names.inc", names(*calls));
    if (!is_written) std::fprintf(stderr, "%s: cannot be written\n", argv[2]);
    return is_written ? 0 : 1;
}
