// SPDX-License-Identifier: MIT
//
// gyre debug gdb: a machine that waits for gdb. gyre debug memory-map: what lies where in the kernel's half.
#include <elf.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "cli/build.h"
#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/qemu_process.h"
#include "cli/run_archive.h"
#include "kernel/memory/types.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kMostWaitsForSocket = 100;  // of 50 ms

struct Options {
    unsigned cpus = 1;
    std::string memory = "512M";
    std::string machine = "q35";
    std::string kernel_arguments;
    std::vector<std::string> gdb_commands;
    bool is_batch = false;
};

int run_gdb(const Paths& paths, const Options& options, const fs::path& socket) {
    std::vector<std::string> words = {"gdb", "-q", paths.kernel().string(), "-ex", "set confirm off",
                                      "-ex", "target remote " + socket.string()};
    for (const std::string& command : options.gdb_commands) words.insert(words.end(), {"-ex", command});
    if (options.is_batch) words.push_back("-batch");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    // gdb takes Ctrl-C for itself; it must not end us meanwhile.
    signal(SIGINT, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        execvp(arguments[0], arguments.data());
        std::fprintf(stderr, "gyre: error: cannot start gdb: %s\n", std::strerror(errno));
        _exit(kOwnFailure);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : kOwnFailure;
}

Outcome<int> debug_gdb(const Paths& paths, const Options& options, const std::vector<std::string>& program) {
    auto memory = parse_memory_size(options.memory);
    if (!memory) return std::unexpected(memory.error());
    auto kind = parse_machine_kind(options.machine);
    if (!kind) return std::unexpected(kind.error());
    if (auto built = build_host(paths, {"gyre_init"}); !built) return std::unexpected(built.error());
    if (auto built = build_kernel(paths); !built) return std::unexpected(built.error());
    RunArchive archive;
    GuestPlan plan{.arguments = program};
    if (auto written = write_run_archive(paths, std::move(plan), archive); !written) return std::unexpected(written.error());

    const std::string id = std::to_string(getpid());
    const fs::path socket = paths.build() / "run" / (id + ".gdb");
    const fs::path log = paths.logs() / ("gdb-" + id + ".log");
    std::error_code ignored;
    fs::create_directories(paths.logs(), ignored);
    MachineRequest machine{.kind = *kind, .cpus = options.cpus, .memory_bytes = *memory, .kernel = paths.kernel(),
                           .initramfs = archive.path, .kernel_arguments = "console=ttyS0 nokaslr " + options.kernel_arguments};
    machine.extra = {"-S", "-gdb", "unix:" + socket.string() + ",server=on,wait=off", "-serial", "file:" + log.string()};
    QemuProcess qemu;
    if (auto started = qemu.start(qemu_command(machine), {}, STDERR_FILENO); !started) return std::unexpected(started.error());
    for (int wait = 0; !fs::exists(socket) && wait < kMostWaitsForSocket; wait++) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (!fs::exists(socket)) return problem("QEMU does not offer its gdb socket");
    std::fprintf(stderr, "gyre: the machine is stopped before its first instruction; 'continue' lets it run.\n"
                         "      Its console is in %s\n", log.c_str());
    int status = run_gdb(paths, options, socket);
    fs::remove(socket, ignored);
    return status;
}

void print_region(uint64_t begin, uint64_t end, const char* rights, const std::string& what) {
    std::printf("  %016llx - %016llx  %-4s %s\n", static_cast<unsigned long long>(begin), static_cast<unsigned long long>(end - 1), rights, what.c_str());
}

// The loadable segments as the linker has laid them out.
Outcome<void> print_image(const Paths& paths) {
    auto image = read_file(paths.kernel());
    if (!image) return problem("the kernel has not been built", "'gyre build' does that.");
    Elf64_Ehdr header;
    if (image->size() < sizeof header) return problem("'" + paths.kernel().string() + "' is no ELF file");
    std::memcpy(&header, image->data(), sizeof header);
    std::printf("\nthe kernel's image (%s):\n", paths.kernel().c_str());
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        size_t offset = header.e_phoff + i * sizeof segment;
        if (offset + sizeof segment > image->size()) return problem("'" + paths.kernel().string() + "' is damaged");
        std::memcpy(&segment, image->data() + offset, sizeof segment);
        if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
        char rights[] = {segment.p_flags & PF_R ? 'r' : '-', segment.p_flags & PF_W ? 'w' : '-', segment.p_flags & PF_X ? 'x' : '-', 0};
        char note[64];
        std::snprintf(note, sizeof note, "at physical %llx, %llu KiB", static_cast<unsigned long long>(segment.p_paddr),
                      static_cast<unsigned long long>((segment.p_memsz + 1023) / 1024));
        print_region(segment.p_vaddr, segment.p_vaddr + segment.p_memsz, rights, note);
    }
    return {};
}

int memory_map(const Paths& paths) {
    std::printf("the address space (kernel/memory/types.h):\n");
    print_region(0x10000, kUserEnd, "", "programs");
    print_region(kDirectMapBase, kDirectMapBase + (uint64_t{64} << 40), "rw-", "all physical memory");
    print_region(kKernelMapBase, kKernelMapEnd, "rw-", "stacks, devices and other mapped memory");
    print_region(kPageDescriptorsBase, kPageDescriptorsBase + (uint64_t{1} << 40), "rw-", "page descriptors, where there is RAM");
    print_region(kKernelImageBase, kKernelImageBase + (uint64_t{1} << 30), "", "the kernel's image");
    if (auto printed = print_image(paths); !printed) return report(printed.error());
    return 0;
}

}  // namespace

void add_debug_command(Program& program) {
    auto options = std::make_shared<Options>();
    Command debug = program.app.add_subcommand("debug", "Look into a machine");
    debug.require_subcommand();
    Command gdb = debug.add_subcommand("gdb", "Start a machine that is stopped, and gdb with the kernel's symbols");
    gdb.add_option("--cpus", options->cpus, "Number of CPUs").check(Range{1u, 64u}).capture_default_str();
    gdb.add_option("--memory", options->memory, "Size of the memory").capture_default_str();
    gdb.add_option("--machine", options->machine, "q35 or microvm").capture_default_str();
    gdb.add_option("--kernel-args", options->kernel_arguments, "Add to the kernel's command line");
    gdb.add_option("--ex", options->gdb_commands, "A command for gdb").type_name("COMMAND").allow_extra_args(false);
    gdb.add_flag("--batch", options->is_batch, "Leave gdb after the commands");
    gdb.callback([&program, options] {
        auto status = debug_gdb(program.paths, *options, program.program_arguments);
        program.status = status ? *status : report(status.error());
    });
    Command map = debug.add_subcommand("memory-map", "Show what lies where in the kernel's half of the address space");
    map.callback([&program] { program.status = memory_map(program.paths); });
}

}  // namespace gyre::cli
