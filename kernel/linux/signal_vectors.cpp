// SPDX-License-Identifier: MIT
//
// The vector registers in a handler's frame: an XSAVE area in the standard (not compacted) form with a note in the bytes
// that FXSAVE leaves to software, and a closing magic word behind (Intel SDM volume 1, 13.4; the note is Linux's struct
// _fpx_sw_bytes). What comes back from a program is built anew here, so that XRSTOR accepts it whatever stood there: a
// general-protection fault of ours would be the kernel's.
#include <algorithm>
#include <cstring>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/features.h"
#include "kernel/linux/signal_parts.h"
#include "kernel/log/assert.h"
#include "kernel/memory/user.h"
#include "kernel/schedule/thread.h"

namespace gyre::linux {
namespace {

constexpr size_t kLegacyBytes = 512, kNoteOffset = 464, kHeaderOffset = 512, kHeaderBytes = 64;
constexpr size_t kMxcsrOffset = 24, kMxcsrMaskOffset = 28, kRegistersOffset = 160;
constexpr uint64_t kX87 = 1, kSse = 2, kAvx = 4;
constexpr uint32_t kDefaultMxcsrMask = 0xffbf;
// x87, SSE, AVX and AVX-512: the most that features.cpp turns on.
constexpr size_t kMostVectorBytes = 2816;

struct alignas(64) Area {
    std::byte bytes[kMostVectorBytes];
    template <class T>
    T& at(size_t offset) {
        return *reinterpret_cast<T*>(bytes + offset);
    }
};

// An area in its initial state.
void initialize(Area& area) { arch::vector_state_initialize(area.bytes); }

std::byte* own_area() { return static_cast<std::byte*>(Thread::current().context().vector_state); }

// Components that XSAVEOPT did not write because they are in their initial state: a program reads them without looking at
// the header, so they are written out.
void write_initial_components(Area& area, uint64_t present) {
    if ((present & kX87) == 0) {
        const uint32_t mxcsr = area.at<uint32_t>(kMxcsrOffset), mask = area.at<uint32_t>(kMxcsrMaskOffset);
        std::memset(area.bytes, 0, kRegistersOffset);
        area.at<uint16_t>(0) = 0x37f;
        area.at<uint32_t>(kMxcsrOffset) = mxcsr;
        area.at<uint32_t>(kMxcsrMaskOffset) = mask;
    }
    if ((present & (kSse | kAvx)) == 0) area.at<uint32_t>(kMxcsrOffset) = 0x1f80;
    if ((present & kSse) == 0) std::memset(area.bytes + kRegistersOffset, 0, 256);
}

// From a program's area the parts that exist here. Errors: BadAddress.
Status read_extended(uint64_t address, const abi::VectorStateNote& note, Area& area, bool& is_extended) {
    const arch::Features& features = arch::g_features;
    is_extended = false;
    if (!features.has_xsave || note.magic1 != abi::kVectorMagic1) return {};
    if (note.xstate_size < kHeaderOffset + kHeaderBytes || note.xstate_size > features.vector_size ||
        note.xstate_size > note.extended_size)
        return {};
    const uint32_t magic2 = TRY(UserIn<uint32_t>(address + note.xstate_size).read());
    if (magic2 != abi::kVectorMagic2) return {};
    TRY_VOID(user_memory::copy_in(area.bytes + kLegacyBytes, address + kLegacyBytes, note.xstate_size - kLegacyBytes));
    const uint64_t present = area.at<uint64_t>(kHeaderOffset) & note.features & features.vector_components;
    std::memset(area.bytes + kHeaderOffset, 0, kHeaderBytes);
    area.at<uint64_t>(kHeaderOffset) = present;
    is_extended = true;
    return {};
}

// Bits of MXCSR that the CPU does not have would make XRSTOR fault.
bool has_valid_mxcsr(Area& area) {
    uint32_t mask;
    std::memcpy(&mask, own_area() + kMxcsrMaskOffset, sizeof(mask));
    return (area.at<uint32_t>(kMxcsrOffset) & ~(mask != 0 ? mask : kDefaultMxcsrMask)) == 0;
}

void load(const Area& area) {
    const arch::InterruptState state = arch::disable_interrupts();  // a switch would write over it
    std::memcpy(own_area(), area.bytes, arch::vector_state_size());
    arch::vector_state_restore_current();
    arch::restore_interrupts(state);
}

}  // namespace

size_t vector_frame_size() {
    const size_t size = arch::vector_state_size();
    return arch::g_features.has_xsave ? size + sizeof(abi::kVectorMagic2) : size;
}

Status write_vector_frame(uint64_t address) {
    const size_t size = arch::vector_state_size();
    KREQUIRE(size <= kMostVectorBytes, "the vector state is larger than features.cpp allows");
    Area area;
    {
        const arch::InterruptState state = arch::disable_interrupts();
        arch::vector_state_save_current();
        std::memcpy(area.bytes, own_area(), size);
        arch::restore_interrupts(state);
    }
    std::memset(area.bytes + kNoteOffset, 0, kLegacyBytes - kNoteOffset);
    if (!arch::g_features.has_xsave) return user_memory::copy_out(address, area.bytes, size);
    write_initial_components(area, area.at<uint64_t>(kHeaderOffset));
    area.at<uint64_t>(kHeaderOffset) |= kX87 | kSse;
    area.at<abi::VectorStateNote>(kNoteOffset) = {
        .magic1 = abi::kVectorMagic1,
        .extended_size = static_cast<uint32_t>(vector_frame_size()),
        .features = arch::g_features.vector_components,
        .xstate_size = static_cast<uint32_t>(size),
        .padding = {},
    };
    TRY_VOID(user_memory::copy_out(address, area.bytes, size));
    return user_memory::copy_out(address + size, &abi::kVectorMagic2, sizeof(abi::kVectorMagic2));
}

Status read_vector_frame(uint64_t address) {
    if (address == 0) {
        reset_vector_state();
        return {};
    }
    Area area;
    initialize(area);
    TRY_VOID(user_memory::copy_in(area.bytes, address, kLegacyBytes));
    abi::VectorStateNote note;
    std::memcpy(&note, area.bytes + kNoteOffset, sizeof(note));
    bool is_extended;
    TRY_VOID(read_extended(address, note, area, is_extended));
    if (!is_extended && arch::g_features.has_xsave) {
        std::memset(area.bytes + kHeaderOffset, 0, kHeaderBytes);
        area.at<uint64_t>(kHeaderOffset) = kX87 | kSse;
    }
    if (!has_valid_mxcsr(area)) return fail(Error::BadAddress);
    load(area);
    return {};
}

void reset_vector_state() {
    Area area;
    initialize(area);
    load(area);
}

}  // namespace gyre::linux
