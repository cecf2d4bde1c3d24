// SPDX-License-Identifier: MIT
//
// What a machine says of its kernel beside the types: symbols, functions whose errors may be injected,
// how far it is locked down (lib/bpf/environment.h, KernelFacts).
#pragma once

#include <string>
#include <vector>

#include "lib/bpf/environment.h"

namespace gyre::bpf {

class MachineFacts {
public:
    MachineFacts() = default;
    MachineFacts(const MachineFacts&) = delete;
    MachineFacts& operator=(const MachineFacts&) = delete;
    // A symbol table as /proc/kallsyms or System.map has it; false if the file cannot be read. If it shows
    // which functions are open to error injection (not all do), that is known as well.
    bool read_symbols(const std::string& path);
    // Of the running kernel, what this process may see. Filesystems that are not mounted are looked into
    // without mounting them anywhere.
    void read_running_kernel();
    // Borrows from this object.
    KernelFacts facts() const;

private:
    void read_injection_list();
    void read_lockdown();
    std::string symbol_text_;  // what the views are of
    std::string injectable_text_;
    std::vector<std::string_view> symbols_;
    std::vector<std::string_view> injectable_;
    bool knows_injectable_ = false;
    Lockdown lockdown_ = Lockdown::None;
};

}  // namespace gyre::bpf
