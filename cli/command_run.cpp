// SPDX-License-Identifier: MIT
//
// gyre run: a machine with a shell, or with one program.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <thread>

#include "cli/build.h"
#include "cli/commands.h"
#include "cli/guest_files.h"
#include "cli/machine.h"
#include "cli/run_archive.h"
#include "cli/session.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
    unsigned cpus = 0;
    std::string memory = "512M";
    std::string machine = "q35";
    std::vector<std::string> additions;
    std::vector<std::string> environment;
    std::vector<std::string> kernel_arguments;
    std::vector<std::string> qemu_arguments;
    std::string kernel;
    unsigned timeout_s = 0;
    unsigned hang_timeout_s = 120;
    bool is_verbose = false;
    bool no_build = false;
    bool is_debug = false;
};

Outcome<GuestPlan> make_plan(const Options& options, const std::vector<std::string>& program, bool is_interactive) {
    GuestPlan plan;
    plan.arguments = program;
    const fs::path here = fs::current_path();
    for (const std::string& text : options.additions) {
        auto addition = parse_addition(text, here);
        if (!addition) return std::unexpected(addition.error());
        plan.additions.push_back(*addition);
    }
    if (is_interactive)
        if (const char* terminal = std::getenv("TERM")) plan.environment["TERM"] = terminal;
    for (const std::string& entry : options.environment) {
        size_t equals = entry.find('=');
        if (equals == 0) return problem("'" + entry + "' has no name", "Write --env NAME=VALUE, or --env NAME to pass your own value on.", kWrongUsage);
        if (equals != std::string::npos) plan.environment[entry.substr(0, equals)] = entry.substr(equals + 1);
        else if (const char* value = std::getenv(entry.c_str())) plan.environment[entry] = value;
    }
    return plan;
}

std::string kernel_command_line(const Options& options) {
    std::string line = "console=ttyS0 panic=-1";
    line.append(" ").append(kDebugExitArgument);
    if (!options.is_verbose) line += " quiet";
    if (!options.kernel.empty()) line.append(" rdinit=").append(kLinuxInitPath);
    for (const std::string& more : options.kernel_arguments) line += " " + more;
    return line;
}

// "-icount shift=0" is two words for QEMU; "-icount" and "shift=0" may also come one by one.
std::vector<std::string> qemu_words(const std::vector<std::string>& given) {
    std::vector<std::string> words;
    for (const std::string& text : given) {
        size_t blank = text.starts_with('-') ? text.find(' ') : std::string::npos;
        words.push_back(text.substr(0, blank));
        if (blank != std::string::npos) words.push_back(text.substr(text.find_first_not_of(' ', blank)));
    }
    return words;
}

Outcome<int> run(const Paths& paths, const Options& options, std::vector<std::string> program) {
    // A shell that nobody types to reads its commands from the standard input, like any other program.
    const bool is_interactive = program.empty() && isatty(STDIN_FILENO);
    if (program.empty() && !is_interactive) program = {"/bin/sh"};

    auto memory = parse_memory_size(options.memory);
    if (!memory) return std::unexpected(memory.error());
    auto kind = parse_machine_kind(options.machine);
    if (!kind) return std::unexpected(kind.error());
    if (!options.no_build) {
        if (auto built = build_host(paths, {"gyre_init"}); !built) return std::unexpected(built.error());
        if (options.kernel.empty())
            if (auto built = build_kernel(paths, {.is_debug = options.is_debug}); !built) return std::unexpected(built.error());
    }
    auto plan = make_plan(options, program, is_interactive);
    if (!plan) return std::unexpected(plan.error());
    RunArchive archive;
    if (auto written = write_run_archive(paths, std::move(*plan), archive, !options.kernel.empty()); !written) return std::unexpected(written.error());

    SessionRequest session;
    session.machine.kind = *kind;
    session.machine.cpus = options.cpus ? options.cpus : 1;
    session.machine.memory_bytes = *memory;
    session.machine.kernel = options.kernel.empty() ? paths.kernel(options.is_debug) : fs::path(options.kernel);
    session.machine.initramfs = archive.path;
    session.machine.kernel_arguments = kernel_command_line(options);
    session.machine.can_reboot = is_interactive;
    session.machine.extra = qemu_words(options.qemu_arguments);
    session.is_interactive = is_interactive;
    session.shows_console = options.is_verbose;
    session.program_name = program.empty() ? "/bin/sh" : program[0];
    session.log = paths.logs() / ("run-" + std::to_string(getpid()) + ".log");
    session.timeout = std::chrono::seconds(options.timeout_s);
    session.hang_timeout = std::chrono::seconds(options.hang_timeout_s);
    return run_session(session);
}

}  // namespace

void add_run_command(Program& program) {
    auto options = std::make_shared<Options>();
    Command command = program.app.add_subcommand("run", "Start a machine with a shell, or run one program in it");
    command.footer(
        "Without a program: a shell on your terminal. Ctrl-] q ends the machine, whatever it does.\n"
        "With one: its input, output and errors are yours, and so is its exit status; 124 means that its time\n"
        "was over, 125 that the machine failed, 126 that the program cannot be run, 127 that it is not there,\n"
        "2 that an option was wrong. Ctrl-C, SIGTERM and SIGHUP go to the program; the third one ends the\n"
        "machine, with 128 and its number as status. A shell's machine ends at the first.\n"
        "A PROGRAM with a slash that is a file of yours is carried along:\n"
        "  gyre run -- ./a.out          a static program from here\n"
        "  gyre run --add src -- tar c src | tar t\n"
        "  gyre run --cpus 4 --memory 1G");
    command.add_option("--cpus", options->cpus, "Number of CPUs (default: 1)").type_name("N").check(Range{1u, 64u});
    command.add_option("--memory", options->memory, "Size of the memory").type_name("M").capture_default_str();
    command.add_option("--machine", options->machine, "q35 (a PC with PCI) or microvm").type_name("KIND").capture_default_str();
    command.add_option("--add", options->additions, "Bring a file or folder along, at its own path or at GUEST")
        .type_name("HOST[:GUEST]").allow_extra_args(false);
    command.add_option("--env", options->environment, "Set a variable, or pass one of yours on")
        .type_name("NAME[=VALUE]").allow_extra_args(false);
    command.add_option("--kernel-args", options->kernel_arguments, "Add to the kernel's command line")
        .type_name("TEXT").allow_extra_args(false);
    command.add_option("--qemu", options->qemu_arguments, "Hand an option to QEMU as it is (--qemu -icount --qemu shift=0)")
        .type_name("ARG").allow_extra_args(false);
    command.add_option("--timeout", options->timeout_s, "End the machine after this many seconds (status 124)").type_name("S");
    command.add_option("--hang-timeout", options->hang_timeout_s, "Call a machine hung that does not answer for so long (status 125)")
        .type_name("S").check(Range{2u, 86400u}).capture_default_str();
    command.add_option("--kernel", options->kernel, "Boot this kernel instead (a Linux one, for comparison)")
        .type_name("FILE").check(kExistingFile);
    command.add_flag("--debug", options->is_debug, "Boot the debug kernel (assertions, lock order checked)");
    command.add_flag("--no-build", options->no_build, "Run what is there without looking for changes");
    command.add_flag("-v,--verbose", options->is_verbose, "Show the kernel's messages (on standard error)");
    // The last one counts, so that scripts can have their own defaults.
    for (const char* name : {"--cpus", "--memory", "--machine", "--timeout", "--hang-timeout", "--kernel"})
        command.get_option(name).take_last();
    command.callback([&program, options] {
        auto status = run(program.paths, *options, program.program_arguments);
        program.status = status ? *status : report(status.error());
    });
}

}  // namespace gyre::cli
