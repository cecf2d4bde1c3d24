// SPDX-License-Identifier: MIT
//
// Calls about the machine as a whole: its names, its state, its end; and the few that fit nowhere else.
#include "call_handlers.h"
#include "kernel/driver/drain.h"
#include "kernel/linux/clocks.h"
#include "kernel/linux/host_identity.h"
#include "kernel/log/log.h"
#include "kernel/memory/page.h"
#include "kernel/schedule/scheduler.h"

namespace gyre::linux {
namespace {

constexpr uint32_t kRebootMagic = 0xfee1dead;
constexpr uint32_t kRebootMagics2[] = {672274793, 85072278, 369367448, 537993216};
enum RebootCommand : uint32_t {
    kRestart = 0x01234567, kHalt = 0xcdef0123, kCtrlAltDelOn = 0x89abcdef, kCtrlAltDelOff = 0, kPowerOff = 0x4321fedc,
    kRestartWithText = 0xa1b2c3d4,
};
constexpr uint64_t kAskPersonality = 0xffffffff;

template <size_t N>
void put(char (&to)[N], std::string_view text) {
    const size_t length = text.copy(to, N - 1);
    to[length] = 0;
}

using SetName = Status (*)(std::string_view);

CallResult set_name(CallContext& context, UserIn<std::byte> name, size_t length, SetName set) {
    if (!context.credentials().has(Capability::SysAdmin)) return fail(Error::NotPermitted);
    if (length > kMostHostNameBytes) return fail(Error::InvalidArgument);
    char buffer[kMostHostNameBytes];
    TRY_VOID(user_memory::copy_in(buffer, name.address(), length));
    TRY_VOID(set({buffer, length}));
    return 0;
}

[[noreturn]] void halt() {
    log_info("reboot: System halted");
    driver::drain_output();
    (void)arch::disable_interrupts();
    for (uint32_t cpu = 0; cpu < online_cpu_count(); ++cpu)
        if (cpu != arch::this_cpu().number) arch::send_ipi(cpu, arch::IpiKind::Halt);
    arch::halt_this_cpu();
}

bool is_magic2(uint32_t magic) {
    for (const uint32_t known : kRebootMagics2)
        if (magic == known) return true;
    return false;
}

}  // namespace

CallResult sys_uname(CallContext&, UserOut<abi::Utsname> name) {
    abi::Utsname result{};
    char buffer[kMostHostNameBytes];
    put(result.system, kSystemName);
    put(result.node, {buffer, host_name(buffer)});
    put(result.release, kRelease);
    put(result.version, kVersion);
    put(result.machine, kMachine);
    put(result.domain, {buffer, domain_name(buffer)});
    TRY_VOID(name.write(result));
    return 0;
}

CallResult sys_sethostname(CallContext& context, UserIn<std::byte> name, size_t length) {
    return set_name(context, name, length, &set_host_name);
}

CallResult sys_setdomainname(CallContext& context, UserIn<std::byte> name, size_t length) {
    return set_name(context, name, length, &set_domain_name);
}

CallResult sys_sysinfo(CallContext&, UserOut<abi::Sysinfo> info) {
    const page_allocator::Statistics memory = page_allocator::statistics();
    const LoadAverages loads = load_averages();
    abi::Sysinfo result{};
    result.uptime = (arch::clock_now_ns() + kNsPerSecond - 1) / kNsPerSecond;
    for (int i = 0; i < 3; ++i) result.loads[i] = loads.fixed_point[i];
    result.total_ram = memory.total_pages * kPageSize;
    result.free_ram = memory.free_pages * kPageSize;
    result.processes = static_cast<uint16_t>(thread_count());
    result.unit = 1;
    TRY_VOID(info.write(result));
    return 0;
}

// Linux lets ctrl-alt-delete be switched; there is no keyboard here that could press it, so both are accepted.
CallResult sys_reboot(CallContext& context, int magic, int magic2, uint32_t command, UserIn<std::byte> argument) {
    if (!context.credentials().has(Capability::SysBoot)) return fail(Error::NotPermitted);
    if (static_cast<uint32_t>(magic) != kRebootMagic || !is_magic2(static_cast<uint32_t>(magic2)))
        return fail(Error::InvalidArgument);
    switch (command) {
        case kCtrlAltDelOn:
        case kCtrlAltDelOff: return 0;
        case kHalt: halt();
        case kPowerOff:
            log_info("reboot: Power down");
            driver::drain_output();
            arch::power_off();
        case kRestartWithText: {
            char text[256];
            const std::string_view words = TRY(UserString(argument.address()).read(text));
            log_info("reboot: Restarting system with command '{}'", words);
            driver::drain_output();
            arch::reset();
        }
        case kRestart:
            log_info("reboot: Restarting system");
            driver::drain_output();
            arch::reset();
        default: return fail(Error::InvalidArgument);
    }
}

// Only Linux's own personality, and of its flags the one that debuggers and setarch(8) use; exec obeys it.
CallResult sys_personality(CallContext& context, uint64_t persona) {
    const uint32_t old = context.task.personality;
    const auto wanted = static_cast<uint32_t>(persona);
    if (wanted == kAskPersonality) return long{old};
    if ((wanted & ~kNoRandomPlaces) != 0) return fail(Error::InvalidArgument);
    context.task.personality = wanted;
    return long{old};
}

}  // namespace gyre::linux
