// SPDX-License-Identifier: MIT
//
// The order in which the kernel comes up.
#include "boot/boot_info.h"
#include "kernel/arch/contract.h"
#include "kernel/command_line.h"
#include "kernel/driver/drivers.h"
#include "kernel/driver/early_serial.h"
#include "kernel/fs/initialize.h"
#include "kernel/linux/start_init.h"
#include "kernel/log/log.h"
#include "kernel/log/panic.h"
#include "kernel/memory/memory.h"
#include "kernel/random/random.h"
#include "kernel/schedule/scheduler.h"
#include "kernel/sync/epoch.h"
#if GYRE_TESTS
#include "kernel/test/test.h"
#endif

extern "C" {
using Constructor = void (*)();
extern Constructor gyre_constructors_start[], gyre_constructors_end[];
}

namespace gyre {
namespace {

constinit const BootInfo* g_boot_info = nullptr;

void run_constructors() {
    for (Constructor* c = gyre_constructors_start; c != gyre_constructors_end; ++c) (*c)();
}

void read_log_options() {
    if (command_line::has("quiet")) log_set_console_level(4);
    if (command_line::has("debug")) log_set_console_level(10);
    if (const auto level = command_line::number("loglevel")) log_set_console_level(static_cast<int>(*level));
}

// What needs a thread to sleep in, up to the first program.
void come_up(void*) {
    epoch::start_reclaimer();
    random::initialize();
    fs::initialize(*g_boot_info);
    driver::initialize();
#if GYRE_TESTS
    if (command_line::has("gyre.test")) {
        const bool has_passed = kernel_test::run_all();
        arch::debug_exit(has_passed ? 0x31 : 0x32);
        arch::power_off();
    }
#endif
    linux::start_init(*g_boot_info);
    Thread::exit();
}

}  // namespace

[[noreturn]] void kernel_main(const BootInfo& boot_info) {
    g_boot_info = &boot_info;
    early_serial::initialize();
    command_line::set(boot_info.command_line());
    read_log_options();
    arch::initialize_boot_cpu();
    memory::initialize(boot_info);
    run_constructors();
    arch::initialize_interrupt_controllers(boot_info.acpi_root);
    arch::initialize_clock();
    log_info("Gyre on {} CPUs, command line: {}", arch::cpu_count(), boot_info.command_line());
    scheduler_initialize_boot_cpu();
    arch::start_other_cpus([](Cpu& cpu) { scheduler_run_idle(cpu); });

    auto thread = Thread::create({.name = "main", .entry = &come_up});
    if (!thread) panic("no memory for the first thread");
    (*thread)->start();
    scheduler_run_idle(arch::this_cpu());
}

}  // namespace gyre
