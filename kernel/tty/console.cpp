// SPDX-License-Identifier: MIT
//
// /dev/console, which is another terminal under a second name, and /dev/tty, the caller's own (console(4), tty(4)).
#include <string_view>

#include "kernel/command_line.h"
#include "kernel/driver/character_device.h"
#include "kernel/driver/serial_16550.h"
#include "kernel/driver/virtio/console.h"
#include "kernel/linux/task.h"
#include "kernel/log/log.h"
#include "kernel/tty/input_thread.h"
#include "kernel/tty/job_control.h"
#include "kernel/tty/pseudo_terminal.h"
#include "kernel/tty/terminal_file.h"
#include "kernel/tty/tty.h"

namespace gyre::tty {

namespace {
constexpr uint32_t kMajor = 5, kTtyMinor = 0, kConsoleMinor = 1;
constexpr uint32_t kTtyGroup = 5;
Terminal* g_console = nullptr;

Terminal* terminal_named(std::string_view name) {
    name = name.substr(0, name.find(','));  // ttyS0,115200n8
    Terminal* const candidates[] = {driver::serial_terminal(), driver::virtio::console_terminal()};
    for (Terminal* terminal : candidates)
        if (terminal && terminal->name() == name) return terminal;
    return nullptr;
}

Result<Ref<File>> open_console(const Path& path, uint32_t flags, uint64_t, void*) {
    if (!g_console) return fail(Error::NoDevice);
    return TerminalFile::open(Ref(g_console), path, flags, TerminalFile::Through::Console);
}

Result<Ref<File>> open_own(const Path& path, uint32_t flags, uint64_t, void*) {
    auto* task = static_cast<linux::Task*>(Thread::current().owner());
    const Ref<Terminal> terminal = task ? controlling_terminal(task->process()) : nullptr;
    if (!terminal) return fail(Error::NoSuchAddress);
    return TerminalFile::open(terminal, path, flags | open_flags::kNoControllingTty, TerminalFile::Through::OwnDevice);
}
}  // namespace

Status start() {
    TRY_VOID(start_input_thread());
    TRY_VOID(driver::register_character_device(kMajor, kTtyMinor, "tty", 0666, &open_own, nullptr, kTtyGroup));
    TRY_VOID(driver::register_character_device(kMajor, kConsoleMinor, "console", 0600, &open_console));
    return start_pseudo_terminals();
}

void choose_console() {
    command_line::for_each(
        "console",
        [](std::string_view name, void*) {
            if (Terminal* terminal = terminal_named(name)) g_console = terminal;
        },
        nullptr);
    if (!g_console) g_console = driver::serial_terminal();
    if (!g_console) g_console = driver::virtio::console_terminal();
    if (g_console)
        log_info("console: {}", g_console->name());
    else
        log_warning("console: there is none");
}

Terminal* console() { return g_console; }

}  // namespace gyre::tty
