// SPDX-License-Identifier: MIT
//
// What a new program finds on its stack (System V ABI for x86-64, 3.4.1; getauxval(3)). From above: eight zero bytes, the
// file's name, environment, arguments, platform and random bytes; then, from the stack pointer up: argc, argv, envp and
// the auxiliary vector. The stack is fresh, so zeroes are not written.
#include "kernel/arch/x86_64/features.h"
#include "kernel/linux/exec.h"

namespace gyre::linux {
namespace {

enum : uint64_t {
    kAuxEnd = 0, kAuxPhdr = 3, kAuxPhdrBytes = 4, kAuxPhdrCount = 5, kAuxPageSize = 6, kAuxBase = 7, kAuxFlags = 8,
    kAuxEntry = 9, kAuxUid = 11, kAuxEffectiveUid = 12, kAuxGid = 13, kAuxEffectiveGid = 14, kAuxPlatform = 15,
    kAuxHardware = 16, kAuxClockTicks = 17, kAuxSecure = 23, kAuxRandom = 25, kAuxHardware2 = 26,
    kAuxRseqFeatureBytes = 27, kAuxRseqAlignment = 28, kAuxFileName = 31, kAuxVdso = 33, kAuxLeastSignalStack = 51,
};
struct AuxEntry {
    uint64_t type, value;
};
constexpr size_t kAuxCount = 24;
constexpr char kPlatform[] = "x86_64";

constexpr uint64_t kHardware2FsGsBase = 2;  // HWCAP2_FSGSBASE: programs may use wrfsbase

uint64_t least_signal_stack() {
    // A frame, the vector state behind it with its two magic words, and what aligning both takes.
    return (sizeof(abi::SignalFrame) + arch::vector_state_size() + 4 + 64 + 16 + 15) & ~uint64_t{15};
}

struct Places {
    uint64_t file_name, environment, arguments, prefix, platform, random;
};

Places lay_out_strings(const Exec& exec) {
    Places places;
    uint64_t at = exec.stack_top - 8;
    at = places.file_name = at - (exec.path.length() + 1);
    at = places.environment = at - exec.environment.bytes();
    at = places.arguments = at - exec.arguments.bytes();
    at = places.prefix = at - exec.prefix.bytes();
    at = places.platform = (at & ~uint64_t{15}) - 16;
    places.random = at - 16;
    return places;
}

std::array<AuxEntry, kAuxCount> make_auxiliary_vector(const Exec& exec, const Places& places) {
    const Credentials& who = exec.context.task.credentials();
    const elf::Image& image = exec.image;
    const uint64_t base =
        exec.interpreter ? exec.interpreter_bias + exec.interpreter_image.lowest : uint64_t{0};
    return {{{kAuxVdso, exec.vdso},
             {kAuxLeastSignalStack, least_signal_stack()},
             {kAuxHardware, arch::g_features.hwcap},
             {kAuxPageSize, kPageSize},
             {kAuxClockTicks, 100},
             {kAuxPhdr, image.table_address == 0 ? 0 : image.table_address + exec.image_bias},
             {kAuxPhdrBytes, elf::kProgramHeaderBytes},
             {kAuxPhdrCount, image.table_count},
             {kAuxBase, base},
             {kAuxFlags, 0},
             {kAuxEntry, image.entry + exec.image_bias},
             {kAuxUid, who->uid},
             {kAuxEffectiveUid, who->effective_uid},
             {kAuxGid, who->gid},
             {kAuxEffectiveGid, who->effective_gid},
             {kAuxSecure, exec.is_secure},
             {kAuxRandom, places.random},
             {kAuxHardware2, arch::g_features.has_fsgsbase ? kHardware2FsGsBase : 0},
             {kAuxFileName, places.file_name},
             {kAuxPlatform, places.platform},
             {kAuxRseqFeatureBytes, 28},
             {kAuxRseqAlignment, 32},
             {kAuxEnd, 0},
             {kAuxEnd, 0}}};
}

}  // namespace

Status write_stack(Exec& exec) {
    using user_memory::copy_out;
    const Places places = lay_out_strings(exec);
    const uint64_t prefix_count = exec.prefix.count();
    const uint64_t argument_count = prefix_count + exec.arguments.count();
    const uint64_t environment_count = exec.environment.count();
    const auto auxiliary = make_auxiliary_vector(exec, places);
    const uint64_t table_bytes =
        (1 + argument_count + 1 + environment_count + 1) * sizeof(uint64_t) + sizeof(auxiliary);
    const uint64_t stack_pointer = (places.random - table_bytes) & ~uint64_t{15};

    TRY_VOID(copy_out(places.file_name, exec.path.text(), exec.path.length() + 1));
    TRY_VOID(copy_out(places.platform, kPlatform, sizeof(kPlatform)));
    TRY_VOID(copy_out(places.random, exec.random.data(), exec.random.size()));
    uint64_t at = stack_pointer;
    TRY_VOID(copy_out(at, &argument_count, sizeof(argument_count)));
    at += sizeof(argument_count);
    TRY_VOID(exec.prefix.write(places.prefix, at));
    TRY_VOID(exec.arguments.write(places.arguments, at + prefix_count * sizeof(uint64_t)));
    at += (argument_count + 1) * sizeof(uint64_t);
    TRY_VOID(exec.environment.write(places.environment, at));
    at += (environment_count + 1) * sizeof(uint64_t);
    TRY_VOID(copy_out(at, auxiliary.data(), sizeof(auxiliary)));

    exec.stack_pointer = stack_pointer;
    AddressSpace::ProgramArea area = exec.area;
    area.arguments_start = VirtualAddress{places.prefix};
    area.arguments_end = area.environment_start = VirtualAddress{places.environment};
    area.environment_end = VirtualAddress{places.file_name};
    area.stack_start = VirtualAddress{stack_pointer};
    exec.context.address_space().program_area = area;
    return {};
}

}  // namespace gyre::linux
