// SPDX-License-Identifier: MIT
#include "cli/bpf_facts.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace gyre::bpf {
namespace {

constexpr std::string_view kInjectionEntry = "_eil_addr_";  // ALLOW_ERROR_INJECTION makes one each

// A filesystem of the kernel's that hangs nowhere, or the place where it is mounted; -1 if neither is to be had.
int open_filesystem(const char* type, const char* usual_place, const char* some_entry) {
    if (const int place = open(usual_place, O_PATH | O_DIRECTORY | O_CLOEXEC); place >= 0) {
        if (faccessat(place, some_entry, F_OK, 0) == 0) return place;
        close(place);
    }
    const int context = static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
    if (context < 0) return -1;
    int mounted = -1;
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
        mounted = static_cast<int>(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0));
    close(context);
    return mounted;
}

// False if there is no such file, or it may not be read.
bool read_at(int place, const char* path, std::string& text) {
    const int file = openat(place, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    char buffer[4096];
    for (ssize_t n; (n = read(file, buffer, sizeof(buffer))) > 0;) text.append(buffer, static_cast<size_t>(n));
    close(file);
    return true;
}

}  // namespace

bool MachineFacts::read_symbols(const std::string& path) {
    std::string text;
    if (!read_at(AT_FDCWD, path.c_str(), text)) return false;
    symbol_text_ = std::move(text);
    symbols_.clear();
    std::vector<std::string_view> entries;
    // Lines such as "ffffffff81000000 T _text"; symbols of modules have the module's name behind them.
    const std::string_view all = symbol_text_;
    for (size_t at = 0; at < all.size();) {
        const std::string_view line = all.substr(at, all.find('\n', at) - at);
        at += line.size() + 1;
        const size_t type = line.find(' ');
        const size_t begin = type == line.npos ? line.npos : line.find(' ', type + 1);
        if (begin == line.npos) continue;
        const std::string_view rest = line.substr(begin + 1);
        const std::string_view name = rest.substr(0, rest.find_first_of(" \t"));
        if (name.starts_with(kInjectionEntry)) entries.push_back(name.substr(kInjectionEntry.size()));
        symbols_.push_back(name);
    }
    std::ranges::sort(symbols_);
    if (!entries.empty()) {
        injectable_ = std::move(entries);
        std::ranges::sort(injectable_);
        knows_injectable_ = true;
    }
    return true;
}

// Lines such as "should_failslab+0x0/0x20\tERRNO". A kernel that was built without has no such folder.
void MachineFacts::read_injection_list() {
    const int place = open_filesystem("debugfs", "/sys/kernel/debug", "bdi");
    if (place < 0) return;
    std::string text;
    const bool is_offered = faccessat(place, "error_injection", F_OK, 0) == 0;
    if (!is_offered || read_at(place, "error_injection/list", text)) {
        injectable_.clear();
        injectable_text_ = std::move(text);
        const std::string_view all = injectable_text_;
        for (size_t at = 0; at < all.size();) {
            const std::string_view line = all.substr(at, all.find('\n', at) - at);
            at += line.size() + 1;
            injectable_.push_back(line.substr(0, line.find_first_of("+ \t")));
        }
        std::ranges::sort(injectable_);
        knows_injectable_ = true;
    }
    close(place);
}

void MachineFacts::read_lockdown() {
    const int place = open_filesystem("securityfs", "/sys/kernel/security", "lsm");
    if (place < 0) return;
    std::string text;
    if (read_at(place, "lockdown", text)) {
        lockdown_ = text.find("[integrity]") != std::string::npos         ? Lockdown::Integrity
                    : text.find("[confidentiality]") != std::string::npos ? Lockdown::Confidentiality
                                                                          : Lockdown::None;
    }
    close(place);
}

void MachineFacts::read_running_kernel() {
    read_symbols("/proc/kallsyms");
    read_injection_list();
    read_lockdown();
}

KernelFacts MachineFacts::facts() const { return {symbols_, injectable_, knows_injectable_, lockdown_}; }

}  // namespace gyre::bpf
