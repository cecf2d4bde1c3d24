// SPDX-License-Identifier: MIT
//
// Targets: what each Linux first offered, and what Gyre offers. The same program is put to the
// verifier for several targets; those before the feature must refuse it and name the version.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/bpf/helper_ids.h"
#include "lib/bpf/kfunc.h"
#include "lib/bpf/linux/history.h"
#include "lib/bpf/test_code.h"

namespace gyre::bpf {
namespace {

using namespace test;

Report decide(const char* target, const Code& code, ProgramType type = ProgramType::SocketFilter,
              std::span<const Map* const> maps = {}, AttachType attach = {}) {
    static std::vector<u8> memory(4u << 20);
    Environment environment = linux_tables::environment(*linux_tables::find_target(target), nullptr);
    Program program;
    program.insns = code;
    program.type = type;
    program.attach = attach;
    program.maps = maps;
    Arena arena(memory);
    Report report;
    verify(program, environment, arena, {}, report);
    return report;
}

std::string text_of(const Report& r) { return {r.text, r.text_length}; }

struct Feature {
    const char* name;
    const char* version;  // the first
    u16 number;
    Code code;
    ProgramType type = ProgramType::SocketFilter;
};

const Insn kSpill = make(kClassStx | kModeMem | kSizeDw, 10, 0, -8, 0);
const Feature kFeatures[] = {
    {"bswap", "6.6", 606, {mov(0, 1), make(kClassAlu64 | kEnd, 0, 0, 0, 64), leave()}},
    {"movsx", "6.6", 606, {mov(1, 1), make(kClassAlu64 | kMov | 8, 0, 1, 8, 0), leave()}},
    {"sdiv", "6.6", 606, {mov(0, 8), make(kClassAlu64 | kDiv, 0, 0, 1, 2), leave()}},
    {"ldsx", "6.6", 606,
     {mov(0, 8), kSpill, make(kClassLdx | kModeMemSx | kSizeB, 0, 10, -8, 0), leave()}},
    {"gotol", "6.6", 606, {mov(0, 0), make(kClassJmp32 | kJa, 0, 0, 0, 0), leave()}},
    {"may_goto", "6.9", 609, {mov(0, 0), make(kClassJmp | kJcond, 0, 0, 0, 0), leave()}},
    {"load_acquire", "6.15", 615,
     {mov(0, 8), kSpill,
      make(kClassStx | kModeAtomic | kSizeDw, 0, 10, -8, kAtomicLoadAcquire), leave()}},
    {"get_current_pid_tgid for sockets", "6.10", 610, {call_helper(14), leave()}},
    {"get_current_cgroup_id for sockets", "6.4", 604, {call_helper(80), leave()}},
    {"get_current_uid_gid for sockets", "6.16", 616, {call_helper(15), leave()}},
    {"get_current_task_under_cgroup for xdp", "6.16", 616,
     {call_helper(15), leave()}, ProgramType::Xdp},
    {"netfilter", "6.4", 604, {mov(0, 1), leave()}, ProgramType::Netfilter},
};

TEST(Target, RefusesWhatItsVersionDoesNotKnow) {
    for (const Feature& f : kFeatures) {
        const AttachType attach =
            f.type == ProgramType::Netfilter ? AttachType::Netfilter : AttachType{};
        for (const char* target : {"linux-6.1", "linux-6.12", "linux-6.18"}) {
            const u16 version = linux_tables::find_target(target)->version;
            const Report r = decide(target, f.code, f.type, {}, attach);
            EXPECT_EQ(r.is_accepted, version >= f.number) << f.name << " on " << target << text_of(r);
            if (version < f.number) {
                EXPECT_NE(text_of(r).find(std::string("needs Linux ") + f.version + " "),
                          std::string::npos) << f.name << ": " << text_of(r);
                EXPECT_NE(text_of(r).find(target), std::string::npos) << text_of(r);
            }
        }
    }
}

TEST(Target, MapsAndTheirFieldsHaveVersionsToo) {
    Map arena;
    arena.type = MapType::Arena;
    arena.max_entries = 1;
    arena.name = "pages";
    const SpecialField field{FieldKind::Workqueue, 0, 16, nullptr, 0, 0};
    Map work;
    work.type = MapType::Array;
    work.key_size = 4;
    work.value_size = 16;
    work.max_entries = 1;
    work.name = "work";
    work.fields = {&field, 1};
    for (const Map* map : {&arena, &work}) {
        const Code code = {make(kClassLd | kModeImm | kSizeDw, 1, kPseudoMapFd, 0, 0),
                           make(0, 0, 0, 0, 0), mov(0, 0), leave()};
        const Map* maps[] = {map};
        const Report old = decide("linux-6.1", code, ProgramType::SchedCls, maps);
        EXPECT_FALSE(old.is_accepted);
        EXPECT_NE(text_of(old).find(map == &arena ? "needs Linux 6.9" : "needs Linux 6.10"),
                  std::string::npos) << text_of(old);
        EXPECT_TRUE(decide("linux-6.12", code, ProgramType::SchedCls, maps).is_accepted);
        const Report here = decide("gyre", code, ProgramType::SocketFilter, maps);
        EXPECT_FALSE(here.is_accepted);
        EXPECT_NE(text_of(here).find("gyre"), std::string::npos) << text_of(here);
    }
}

TEST(Target, KernelFunctionsHaveVersions) {
    EXPECT_EQ(find_kfunc("bpf_throw", 601).row, nullptr);
    EXPECT_EQ(find_kfunc("bpf_throw", 601).next_since, 607);
    EXPECT_NE(find_kfunc("bpf_throw", 612).row, nullptr);
    EXPECT_EQ(find_kfunc("bpf_strlen", 612).next_since, 617);
    EXPECT_NE(find_kfunc("bpf_strlen", 618).row, nullptr);
    EXPECT_EQ(find_kfunc("no_such_function", 618).row, nullptr);
    EXPECT_EQ(find_kfunc("no_such_function", 618).next_since, 0);
    // Registered for tracing first and for more later: two rows, the later one wins.
    const u64 xdp = u64{1} << static_cast<u32>(ProgramType::Xdp);
    EXPECT_EQ(find_kfunc("bpf_key_put", 612).row->program_types & xdp, 0u);
    EXPECT_EQ(find_kfunc("bpf_key_put", 618).row->program_types & xdp, xdp);
    std::span<const KfuncRow> rows = kfunc_rows();
    for (size_t i = 1; i < rows.size(); i++) {
        const int order = std::string_view(rows[i - 1].name).compare(rows[i].name);
        EXPECT_TRUE(order < 0 || (order == 0 && rows[i - 1].since < rows[i].since)) << rows[i].name;
    }
}

// What `gyre` means: socket filters with Linux's numbers, and nothing else.
TEST(Target, GyreRunsSocketFilters) {
    const Code length = {make(kClassLdx | kModeMem | kSizeW, 0, 1, 0, 0), leave()};
    EXPECT_TRUE(decide("gyre", length).is_accepted);
    const Code byte = {make(kClassAlu64 | kMov | 8, 6, 1, 0, 0),
                       make(kClassLd | kModeAbs | kSizeB, 0, 0, 0, 23), leave()};
    EXPECT_TRUE(decide("gyre", byte).is_accepted);
    for (u32 helper : {5u, 7u, 8u, 14u, 125u, 160u}) {
        const Report r = decide("gyre", {call_helper(static_cast<s32>(helper)), leave()});
        EXPECT_TRUE(r.is_accepted) << helper << ": " << text_of(r);
    }
    // A field that only Linux has; a helper; other program types.
    const Report mark = decide("gyre", {make(kClassLdx | kModeMem | kSizeW, 0, 1, 8, 0), leave()});
    EXPECT_EQ(mark.problem, Problem::BadContextAccess) << text_of(mark);
    EXPECT_TRUE(decide("linux-6.18", {make(kClassLdx | kModeMem | kSizeW, 0, 1, 8, 0), leave()}).is_accepted);
    const Report classid = decide("gyre", {call_helper(80), leave()});
    EXPECT_EQ(classid.problem, Problem::BadHelper);
    EXPECT_NE(text_of(classid).find("gyre"), std::string::npos) << text_of(classid);
    for (u32 type = 2; type < kProgramTypeCount; type++) {
        const Report r = decide("gyre", {mov(0, 0), leave()}, static_cast<ProgramType>(type));
        EXPECT_EQ(r.problem, Problem::NotSupported) << type;
        EXPECT_NE(text_of(r).find("gyre"), std::string::npos) << text_of(r);
    }
}

}  // namespace
}  // namespace gyre::bpf
