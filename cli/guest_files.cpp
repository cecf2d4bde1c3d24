// SPDX-License-Identifier: MIT
#include "cli/guest_files.h"

#include <elf.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "cli/paths.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kCpioHeaderSize = 110;
constexpr size_t kMostProgramHeaders = 256;

template <class T>
std::optional<T> read_at(std::string_view bytes, size_t offset) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

std::string absolute_guest(std::string_view path, const fs::path& directory) {
    std::string text = (directory / fs::path(path)).lexically_normal().string();
    if (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

std::string nul_terminated(const std::vector<std::string>& strings) {
    std::string bytes;
    for (const std::string& text : strings) bytes.append(text).push_back('\0');
    return bytes;
}

// The file of the host that an addition brings to this path of the guest.
std::optional<fs::path> added_from(const GuestPlan& plan, const std::string& path) {
    for (const Addition& addition : plan.additions) {
        if (addition.guest == path) return addition.host;
        std::string folder = addition.guest == "/" ? "/" : addition.guest + "/";
        if (!path.starts_with(folder)) continue;
        if (const fs::path host = addition.host / path.substr(folder.size()); fs::exists(host)) return host;
    }
    return std::nullopt;
}

}  // namespace

ProgramFile inspect_program(std::string_view content) {
    ProgramFile file;
    if (content.starts_with("#!")) {
        file.kind = ProgramFile::Kind::Script;
        std::string_view line = content.substr(2, content.find('\n') == std::string_view::npos ? 254 : content.find('\n') - 2);
        size_t begin = line.find_first_not_of(" \t");
        if (begin != std::string_view::npos)
            file.interpreter = line.substr(begin, line.find_first_of(" \t\r", begin) - begin);
        return file;
    }
    auto header = read_at<Elf64_Ehdr>(content, 0);
    if (!content.starts_with(ELFMAG)) return file;
    file.kind = ProgramFile::Kind::Elf;
    if (!header) return file;
    file.is_x86_64 = header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == EM_X86_64 &&
                     (header->e_type == ET_EXEC || header->e_type == ET_DYN);
    if (!file.is_x86_64) return file;
    for (size_t i = 0; i < header->e_phnum && i < kMostProgramHeaders; i++) {
        auto segment = read_at<Elf64_Phdr>(content, header->e_phoff + i * sizeof(Elf64_Phdr));
        if (!segment || segment->p_type != PT_INTERP) continue;
        if (segment->p_offset >= content.size()) break;
        std::string_view path = content.substr(segment->p_offset, segment->p_filesz);
        file.interpreter = path.substr(0, path.find('\0'));
    }
    return file;
}

Outcome<Addition> parse_addition(std::string_view text, const fs::path& directory) {
    Addition addition;
    size_t colon = text.rfind(':');
    if (text.empty() || colon == 0) return problem("'" + std::string(text) + "' names nothing of the host to add", "Write --add HOST or --add HOST:GUEST.", kWrongUsage);
    if (colon == std::string_view::npos || fs::exists(directory / text)) {
        addition.host = (directory / text).lexically_normal();
        addition.guest = absolute_guest(text, directory);
    } else {
        std::string_view guest = text.substr(colon + 1);
        addition.host = (directory / text.substr(0, colon)).lexically_normal();
        if (guest.empty()) return problem("'" + std::string(text) + "' names no place in the machine", "Write --add HOST or --add HOST:GUEST.", kWrongUsage);
        fs::path host_name = addition.host.has_filename() ? addition.host.filename() : addition.host.parent_path().filename();
        addition.guest = absolute_guest(guest.ends_with('/') ? (fs::path(guest) / host_name).string() : std::string(guest), directory);
    }
    if (!fs::exists(addition.host)) return problem("there is no '" + addition.host.string() + "' to add", "--add takes a file or folder of this machine.", kWrongUsage);
    return addition;
}

Outcome<void> carry_program(GuestPlan& plan, const fs::path& directory, const std::set<std::string>& base_names) {
    if (plan.arguments.empty()) return {};
    const std::string& name = plan.arguments[0];
    if (name.empty()) return problem("the name of the program is empty");
    if (name.find('/') == std::string::npos) return {};  // the machine looks it up in its PATH
    const std::string guest = absolute_guest(name, directory);
    const std::optional<fs::path> added = added_from(plan, guest);
    if (!added && name.starts_with('/') && base_names.contains(guest)) return {};
    const fs::path host = added.value_or((directory / name).lexically_normal());
    if (!fs::is_regular_file(host)) return {};  // the machine says that it is not there

    auto content = read_file(host);
    if (!content) return std::unexpected(content.error());
    if (access(host.c_str(), X_OK) != 0) return problem("'" + name + "' is not executable", "chmod +x makes it so.", kCannotRun);
    ProgramFile file = inspect_program(*content);
    auto has = [&](const std::string& path) { return base_names.contains(path) || added_from(plan, path); };
    if (file.kind == ProgramFile::Kind::Other) return problem("'" + name + "' is neither an ELF program nor a script that begins with #!", {}, kCannotRun);
    if (file.kind == ProgramFile::Kind::Elf && !file.is_x86_64) return problem("'" + name + "' is no program for x86-64", {}, kCannotRun);
    if (file.kind == ProgramFile::Kind::Elf && !file.interpreter.empty() && !has(file.interpreter))
        return problem("'" + name + "' is linked dynamically (it needs " + file.interpreter + "), and the machine has no such file",
                       "Link it with -static, or bring the loader and its libraries with --add.", kCannotRun);
    if (file.kind == ProgramFile::Kind::Script && !has(file.interpreter))
        return problem("'" + name + "' is a script for '" + file.interpreter + "', which the machine does not have",
                       "Bring a static one with --add.", kCannotRun);
    if (!added) plan.additions.push_back({host, guest});
    return {};
}

Outcome<void> write_plan(const GuestPlan& plan, CpioWriter& writer) {
    if (!plan.directory.empty()) {
        writer.add_directory(plan.directory);
        writer.add_file("/run/gyre/cwd", plan.directory);
    }
    if (!plan.arguments.empty()) writer.add_file("/run/gyre/argv", nul_terminated(plan.arguments));
    std::vector<std::string> variables;
    for (const auto& [name, value] : plan.environment) variables.push_back(name + "=" + value);
    if (!variables.empty()) writer.add_file("/run/gyre/env", nul_terminated(variables), 0600);
    for (const Addition& addition : plan.additions)
        if (auto added = writer.add_from_host(addition.host, addition.guest); !added) return added;
    return {};
}

std::set<std::string> names_in_archive(std::string_view archive) {
    std::set<std::string> names;
    for (size_t offset = 0; offset + kCpioHeaderSize <= archive.size();) {
        auto field = [&](size_t index) { return std::strtoul(std::string(archive.substr(offset + 6 + index * 8, 8)).c_str(), nullptr, 16); };
        size_t data_size = field(6), name_size = field(11);
        if (name_size == 0 || offset + kCpioHeaderSize + name_size > archive.size()) break;
        std::string_view name = archive.substr(offset + kCpioHeaderSize, name_size);
        names.insert("/" + std::string(name.substr(0, name.find('\0'))));
        size_t data = (offset + kCpioHeaderSize + name_size + 3) / 4 * 4;
        offset = (data + data_size + 3) / 4 * 4;
    }
    return names;
}

}  // namespace gyre::cli
