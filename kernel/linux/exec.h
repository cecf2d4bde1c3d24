// SPDX-License-Identifier: MIT
//
// execve(2) in its steps: find the program (exec_open), copy the strings in, build a whole new address space beside the
// old one (exec_load), then, past the point of no return, put it in the old one's place (exec_commit) and fill the stack
// (exec_stack). Everything that can fail for a reason a program should see fails before that point.
#pragma once

#include <array>
#include <cstddef>

#include "kernel/fs/file.h"
#include "kernel/fs/lookup.h"
#include "kernel/linux/context.h"
#include "kernel/linux/string_list.h"
#include "lib/elf/elf.h"

namespace gyre::linux {

// One exec under way. Large, so it stands in the heap; what is big in it is not cleared.
struct Exec {
    explicit Exec(CallContext& call) : context(call) {}
    CallContext& context;

    // What is asked for.
    PathText path;               // as given; also the program's AT_EXECFN
    bool is_path_lost = false;   // it leads through a descriptor that closes at exec: no interpreter could open it
    StringList prefix;           // a script's interpreter, its argument and the script, instead of argv[0]
    StringList arguments;
    StringList environment;

    // The program: the interpreter's file when path names a script.
    Ref<File> file;
    static constexpr size_t kHeadBytes = 1024;  // holds the header and the table of nearly every program
    static constexpr size_t kScriptHeadBytes = 256;  // BINPRM_BUF_SIZE: how far a #! line is read
    std::array<std::byte, kHeadBytes> head;
    size_t head_length = 0;
    elf::Image image;
    elf::Image interpreter_image;
    Ref<File> interpreter;       // PT_INTERP's; null for static programs
    uint64_t image_bias = 0, interpreter_bias = 0;

    // What comes after.
    Ref<Credentials> credentials;   // null: they stay
    bool is_secure = false;         // AT_SECURE: identities changed
    Ref<SignalHandlers> handlers;   // a table of its own, when the old one is shared with another process
    Ref<AddressSpace> space;
    uint64_t stack_top = 0;
    uint64_t vdso = 0;              // AT_SYSINFO_EHDR
    std::array<std::byte, 16> random;   // AT_RANDOM
    uint64_t stack_pointer = 0;
    AddressSpace::ProgramArea area;

    uint64_t string_bytes() const { return prefix.bytes() + arguments.bytes() + environment.bytes(); }
};

// Opens the program and reads its head, through scripts to what runs them. Errors as execve(2).
Status open_program(Exec& exec, Ref<File> file);
// Reads up to kHeadBytes of the file.
Status read_head(Exec& exec);
// Parses a program whose head has been read. Errors: NotExecutable, InvalidArgument, InputOutput, NoMemory.
Status parse_program(File& file, std::span<const std::byte> head, elf::Image& image);

// The set of identities after the exec (capabilities(7), "Transformation of capabilities during execve()").
Status prepare_credentials(Exec& exec);

// Makes exec.space with program, interpreter, stack and vDSO in it.
Status build_address_space(Exec& exec);
// Zeroes what segments have beyond the file's bytes in their last page; in the new space.
Status zero_tails(const Exec& exec);

// Fills the stack; in the new space. Errors: BadAddress, NoMemory.
Status write_stack(Exec& exec);

// From opened file to new program. After an error past the point of no return the caller's process is doomed and the
// error does not matter.
Status run_exec(Exec& exec);
// Ends all other threads and takes the leader's place. Errors: Interrupted.
Status become_only_task(Task& task);
// Errors: NoMemory.
Status prepare_handlers(Exec& exec);
void commit(Exec& exec);
// The running thread's way to user mode leads to the new program's first instruction.
void reset_registers(const Exec& exec);

}  // namespace gyre::linux
