// SPDX-License-Identifier: MIT
//
// What "hardened by default" means on x86-64, looked at on every CPU and in every table entry: the protections that the CPU offers
// are on, no address of the kernel's half is writable and executable, the image is mapped with exact rights, and user memory is
// out of reach but for the copy routines.
#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/features.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/thread.h"
#include "kernel/test/test.h"

extern "C" {
extern const char gyre_text_start[], gyre_text_end[], gyre_rodata_start[], gyre_rodata_end[], gyre_data_start[], gyre_image_end[];
}

namespace gyre::arch {
namespace {

using namespace entry_bits;

constexpr uint64_t kWriteProtect = 1 << 16, kUmip = 1 << 11, kSmep = 1 << 20, kSmap = 1 << 21, kNoExecuteEnable = 1 << 11,
                   kAccessCheck = 1 << 18;

bool is_this_cpu_hardened() {
    const Features& f = g_features;
    const uint64_t cr4 = read_cr4();
    uint64_t flags;
    asm volatile("pushfq\n\tpop %0" : "=r"(flags));
    return (read_cr0() & kWriteProtect) && (read_msr(msr::kEfer) & kNoExecuteEnable) && (!f.has_umip || (cr4 & kUmip)) &&
           (!f.has_smep || (cr4 & kSmep)) && (!f.has_smap || (cr4 & kSmap)) && !(flags & kAccessCheck);
}

struct Survey {
    uint64_t mapped = 0, writable_and_executable = 0, open_to_users = 0;
};
// Rights narrow on the way down: the tables' bits count as much as the last entry's.
void survey(PhysicalAddress table, int level, size_t first, uint64_t rights, Survey& found) {
    for (size_t i = first; i < kTableEntries; ++i) {
        const uint64_t entry = table_at(table)[i].load(std::memory_order_relaxed);
        if (!is_present(entry)) continue;
        const uint64_t now = (rights & entry & (kWritable | kUser)) | ((rights | entry) & kNoExecute);
        if (level > 1 && !(entry & kLarge)) {
            survey(entry_address(entry), level - 1, 0, now, found);
            continue;
        }
        ++found.mapped;
        found.writable_and_executable += (now & kWritable) && !(now & kNoExecute);
        found.open_to_users += (now & kUser) != 0;
    }
}

}  // namespace

KERNEL_TEST(hardening_is_on_for_every_cpu) {
    EXPECT(g_features.has_smep && g_features.has_smap && g_features.has_umip);  // QEMU's -cpu max has them all
    Thread& self = current_thread();
    const CpuSet home = self.affinity();
    for (uint32_t i = 0; i < online_cpu_count(); ++i) {
        EXPECT(self.set_affinity(CpuSet::of(i)).has_value());
        EXPECT(this_cpu().number == i && is_this_cpu_hardened());
    }
    EXPECT(self.set_affinity(home).has_value());
}

KERNEL_TEST(hardening_image_has_exact_rights) {
    struct Part {
        const char *from, *to;
        uint64_t rights;
    };
    for (const Part& part : {Part{gyre_text_start, gyre_text_end, 0}, Part{gyre_rodata_start, gyre_rodata_end, kNoExecute},
                             Part{gyre_data_start, gyre_image_end, kWritable | kNoExecute}}) {
        EXPECT(part.from < part.to);
        for (uintptr_t at = reinterpret_cast<uintptr_t>(part.from) & ~(kPageSize - 1); at < reinterpret_cast<uintptr_t>(part.to);
             at += kPageSize) {
            const TableEntry* entry = find_entry(loaded_root(), at);
            REQUIRE(entry);
            EXPECT((entry->load() & (kWritable | kNoExecute | kUser)) == part.rights);
        }
    }
}

KERNEL_TEST(hardening_nothing_is_writable_and_executable) {
    Survey found;
    survey(loaded_root(), 4, kKernelHalf, kWritable | kUser, found);
    EXPECT(found.mapped > 100);
    EXPECT(found.writable_and_executable == 0);
    EXPECT(found.open_to_users == 0);
}

}  // namespace gyre::arch
