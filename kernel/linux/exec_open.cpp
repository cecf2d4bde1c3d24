// SPDX-License-Identifier: MIT
//
// What kind of program a file is: ELF, or a script whose first line names what runs it (execve(2), "Interpreter scripts").
#include <algorithm>
#include <memory>

#include "kernel/fs/open.h"
#include "kernel/linux/exec.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {
namespace {

constexpr int kMostScripts = 5;  // a script may be run by a script, and so on: then ELOOP
constexpr int kAtCurrentDirectory = -100;

struct ScriptLine {
    std::string_view interpreter;
    std::string_view argument;  // all the rest as one word; may be empty
};

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

// `head` starts behind "#!". Errors: NotExecutable when the interpreter's name is missing or cut off.
Result<ScriptLine> parse_script_line(std::string_view head, bool is_whole_file) {
    const size_t end = head.find('\n');
    const bool is_cut = end == std::string_view::npos && !is_whole_file;
    std::string_view line = head.substr(0, std::min({end, head.find('\0'), head.size()}));
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    size_t length = 0;
    while (length < line.size() && !is_blank(line[length])) ++length;
    // A cut argument is passed on as it is, a cut interpreter would be another program.
    if (length == 0 || (is_cut && length == line.size())) return fail(Error::NotExecutable);
    return ScriptLine{line.substr(0, length), trim(line.substr(length))};
}

// The script's line becomes the start of argv: interpreter, argument, name of the script, then argv[1] and on. When a
// script is run by a script, the outer interpreter's name is the inner one's script: `prefix` is made anew each time.
struct ScriptChain {
    // One line for each level; text in `head` is overwritten by the next level, so it is kept here.
    struct Level {
        char text[Exec::kScriptHeadBytes];
        ScriptLine line;
    };
    std::array<Level, kMostScripts> levels;
    int depth = 0;

    const ScriptLine& push(const ScriptLine& line) {
        Level& level = levels[static_cast<size_t>(depth++)];
        char* at = level.text;
        char* interpreter_end = std::ranges::copy(line.interpreter, at).out;
        char* argument_end = std::ranges::copy(line.argument, interpreter_end).out;
        level.line = {{at, interpreter_end}, {interpreter_end, argument_end}};
        return level.line;
    }
};

Status write_prefix(Exec& exec, const ScriptChain& chain) {
    for (int i = chain.depth; i-- > 0;) {
        const ScriptLine& line = chain.levels[static_cast<size_t>(i)].line;
        // The innermost interpreter by its own name; each other one is the script of the level before.
        TRY_VOID(exec.prefix.append(line.interpreter));
        if (!line.argument.empty()) TRY_VOID(exec.prefix.append(line.argument));
    }
    return exec.prefix.append(exec.path.view());
}

Result<Ref<File>> open_interpreter(Exec& exec, std::string_view name) {
    PathText path;
    TRY_VOID(path.set(name));
    const LookupContext view = TRY(lookup_context(exec.context, kAtCurrentDirectory, path));
    return open_for_execution(view, path, LookupFlag::Follow);
}

}  // namespace

Status read_head(Exec& exec) {
    IoCursor cursor = IoCursor::kernel(std::span<std::byte>(exec.head));
    exec.head_length = TRY(exec.file->read_at(cursor, 0, Patience::forever().killable()));
    return {};
}

Status parse_program(File& file, std::span<const std::byte> head, elf::Image& image) {
    const elf::Header header = TRY(elf::parse_header(head));
    if (header.table_offset + header.table_bytes() <= head.size())
        return elf::parse_table(header, head.subspan(header.table_offset), kUserEnd, image);
    // A table far into the file, or a long one.
    const std::unique_ptr<std::byte[]> table(new (std::nothrow) std::byte[header.table_bytes()]);
    if (!table) return fail(Error::NoMemory);
    const std::span<std::byte> bytes(table.get(), header.table_bytes());
    IoCursor cursor = IoCursor::kernel(bytes);
    const size_t length = TRY(file.read_at(cursor, header.table_offset, Patience::forever().killable()));
    if (length < bytes.size()) return fail(Error::NotExecutable);
    return elf::parse_table(header, bytes, kUserEnd, image);
}

Status open_program(Exec& exec, Ref<File> file) {
    exec.file = std::move(file);
    std::unique_ptr<ScriptChain> chain;
    for (;;) {
        TRY_VOID(read_head(exec));
        const std::string_view text(reinterpret_cast<const char*>(exec.head.data()),
                                    std::min(exec.head_length, Exec::kScriptHeadBytes));
        if (!text.starts_with("#!")) break;
        if (!chain) chain.reset(new (std::nothrow) ScriptChain);
        if (!chain) return fail(Error::NoMemory);
        if (chain->depth == kMostScripts) return fail(Error::SymlinkLoop);
        const ScriptLine line = TRY(parse_script_line(text.substr(2), exec.head_length < Exec::kScriptHeadBytes));
        if (exec.is_path_lost) return fail(Error::NotFound);
        exec.file = TRY(open_interpreter(exec, chain->push(line).interpreter));
    }
    TRY_VOID(parse_program(*exec.file, std::span(exec.head).first(exec.head_length), exec.image));
    if (!chain) return {};
    exec.arguments.drop_first();
    return write_prefix(exec, *chain);
}

}  // namespace gyre::linux
