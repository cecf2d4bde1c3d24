// SPDX-License-Identifier: MIT
#include "kernel/log/panic.h"

#include <atomic>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/command_line.h"
#include "kernel/log/assert.h"
#include "kernel/log/log.h"
#include "kernel/log/symbols.h"
#include "kernel/memory/memory.h"
#include "kernel/schedule/scheduler.h"

namespace gyre {
namespace {

constexpr uint8_t kPanicExit = 0x33;
constinit std::atomic<uint32_t> g_depth{0};

template <class... Arguments>
void print(std::string_view format, const Arguments&... arguments) {
    char line[512];
    log_emergency_print({line, format_to(line, format, arguments...)});
}

void print_registers(const arch::TrapFrame& f) {
    print("rip {016x}  rsp {016x}  rflags {x}  cs {x}\n", f.rip, f.rsp, f.rflags, f.cs);
    print("rax {016x}  rbx {016x}  rcx {016x}  rdx {016x}\n", f.rax, f.rbx, f.rcx, f.rdx);
    print("rsi {016x}  rdi {016x}  rbp {016x}  r8  {016x}\n", f.rsi, f.rdi, f.rbp, f.r8);
    print("r9  {016x}  r10 {016x}  r11 {016x}  r12 {016x}\n", f.r9, f.r10, f.r11, f.r12);
    print("r13 {016x}  r14 {016x}  r15 {016x}\n", f.r13, f.r14, f.r15);
}

void stop_other_cpus() {
    for (uint32_t i = 0; i < online_cpu_count(); ++i)
        if (i != arch::this_cpu().number) arch::send_ipi(i, arch::IpiKind::Halt);
}

[[noreturn]] void end() {
    arch::debug_exit(kPanicExit);
    const auto seconds = command_line::number("panic");
    if (seconds && *seconds > 0) {
        print("Rebooting in {} seconds.\n", *seconds);
        const int64_t deadline = arch::clock_now_ns() + static_cast<int64_t>(*seconds) * 1'000'000'000;
        while (arch::clock_now_ns() < deadline) arch::pause();
        arch::reset();
    }
    arch::halt_this_cpu();
}

void print_address(uintptr_t address) {
    const Symbol symbol = find_symbol(address);
    if (symbol.name.empty()) print("  {016x}\n", address);
    else print("  {016x}  {} + 0x{x}\n", address, symbol.name, symbol.offset);
}

}  // namespace

void arch::print_backtrace(uintptr_t frame_pointer) {
    for (int depth = 0; depth < 32 && frame_pointer % 8 == 0; ++depth) {
        if (!memory::is_kernel_readable(frame_pointer) || !memory::is_kernel_readable(frame_pointer + 8)) return;
        const auto* frame = reinterpret_cast<const uintptr_t*>(frame_pointer);
        if (frame[1] == 0) return;
        print_address(frame[1]);
        if (frame[0] <= frame_pointer) return;
        frame_pointer = frame[0];
    }
}

void panic_formatted(std::string_view format, std::span<const FormatArgument> arguments, const arch::TrapFrame* frame) {
    arch::disable_interrupts();
    if (g_depth.fetch_add(1) > 0) {  // a panic inside the panic, or on another CPU: the first one speaks
        arch::halt_this_cpu();
    }
    stop_other_cpus();
    char text[512];
    const std::string_view message(text, format_list(text, format, arguments));
    print("\nKernel panic - not syncing: {}\n", message);
    const Cpu& cpu = arch::this_cpu();
    if (cpu.current) print("CPU {}, thread {}\n", cpu.number, cpu.current->name());
    if (frame) {
        print_registers(*frame);
        print("Backtrace:\n");
        print_address(frame->rip);
        if (!frame->is_from_user()) arch::print_backtrace(frame->rbp);
    } else {
        print("Backtrace:\n");
        arch::print_backtrace(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
    }
    print("---[ end Kernel panic - not syncing: {} ]---\n", message);
    end();
}

void assertion_failed(const char* condition, const char* file, int line, const char* message) {
    panic("{}:{}: {} does not hold. {}", file, line, condition, message);
}

}  // namespace gyre
