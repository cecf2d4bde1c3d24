// SPDX-License-Identifier: MIT
//
// Objects in the checking interpreter: what they compute, and that what is kept, used after its end or touched as
// bytes is a fault. The contracts are the comments of bpf_iter_num_new, bpf_dynptr_read and their like in
// Linux's kernel/bpf.
#include <gtest/gtest.h>
#include <string.h>

#include <string>
#include <vector>

#include "lib/bpf/helper_ids.h"
#include "lib/bpf/interpreter.h"
#include "lib/bpf/linux/linux.h"

namespace gyre::bpf {
namespace {

constexpr u8 kReg = 8;
constexpr const char* kFunctions[] = {"bpf_iter_num_new",  "bpf_iter_num_next", "bpf_iter_num_destroy", "bpf_task_from_pid",
                                      "bpf_task_release",  "bpf_rcu_read_lock", "bpf_rcu_read_unlock",  "bpf_dynptr_size",
                                      "bpf_dynptr_adjust"};
enum Function { kNew, kNext, kDestroy, kFromPid, kRelease, kRcuLock, kRcuUnlock, kSize, kAdjust };

struct Bench {
    std::vector<Insn> code;
    std::vector<u8> memory = std::vector<u8>(1u << 20), context = std::vector<u8>(256), packet = std::vector<u8>(64);
    std::vector<u8> types;
    SpecialField lock = {.kind = FieldKind::SpinLock, .offset = 0, .size = 4};
    Map values = {.type = MapType::Array, .key_size = 4, .value_size = 32, .max_entries = 2, .name = "values"};
    Map ring = {.type = MapType::Ringbuf, .max_entries = 4096, .name = "ring"};

    Bench() {
        std::string names(1, '\0');
        std::vector<u32> words = {0, 13u << 24, 0};  // void (void), which is all that the interpreter looks at
        for (const char* name : kFunctions) {
            words.insert(words.end(), {static_cast<u32>(names.size()), 12u << 24 | 1, 1});
            names.append(name).push_back('\0');
        }
        const u32 bytes = static_cast<u32>(words.size() * 4);
        const u32 header[] = {0x0001eb9f, 24, 0, bytes, bytes, static_cast<u32>(names.size())};
        types.resize(sizeof(header) + bytes + names.size());
        memcpy(types.data(), header, sizeof(header));
        memcpy(types.data() + sizeof(header), words.data(), bytes);
        memcpy(types.data() + sizeof(header) + bytes, names.data(), names.size());
    }

    Bench& add(unsigned op, u8 dst, u8 src, s16 off, s32 imm) {
        code.push_back({static_cast<u8>(op), static_cast<u8>(dst | src << 4), off, imm});
        return *this;
    }
    Bench& set(u8 r, s32 v) { return add(kClassAlu64 | kMov, r, 0, 0, v); }
    Bench& copy(u8 r, u8 from) { return add(kClassAlu64 | kMov | kReg, r, from, 0, 0); }
    Bench& stack(u8 r, s32 at) { return copy(r, 10).add(kClassAlu64 | kAdd, r, 0, 0, at); }
    Bench& kernel(Function f) { return add(kClassJmp | kCall, 0, kCallKfunc, 0, 2 + f); }
    Bench& helper(u32 id) { return add(kClassJmp | kCall, 0, 0, 0, static_cast<s32>(id)); }
    Bench& map(u8 r, s32 index) { return add(kClassLd | kModeImm | kSizeDw, r, kPseudoMapFd, 0, index).add(0, 0, 0, 0, 0); }
    Bench& end() { return add(kClassJmp | kExit, 0, 0, 0, 0); }
    Bench& numbers(s32 begin, s32 past) { return stack(1, -8).set(2, begin).set(3, past).kernel(kNew); }
    Bench& value() {  // in r0
        return add(kClassSt | kModeMem | kSizeW, 10, 0, -4, 1).map(1, 0).stack(2, -4).helper(helper::kMapLookup);
    }

    RunResult run(RunMode mode = RunMode::Single) {
        Arena arena(memory);
        Btf kernel_types;
        RunResult r;
        r.fault = kernel_types.open(types, arena);
        Environment environment = linux_tables::environment(Target{}, &kernel_types);
        values.fields = std::span(&lock, 1);
        const Map* maps[2] = {&values, &ring};
        Program program;
        program.type = ProgramType::SchedCls;
        program.insns = code;
        program.maps = maps;
        Interpreter interpreter;
        if (r.fault == nullptr) {
            r.fault = interpreter.prepare(program, environment, arena, mode);
        }
        return r.fault != nullptr ? r : interpreter.run(context, packet, 10'000, 1);
    }
    std::string fault() {
        RunResult r = run();
        return r.fault != nullptr ? r.fault : "";
    }
    u64 result(RunMode mode = RunMode::Single) {
        RunResult r = run(mode);
        EXPECT_TRUE(r.is_finished) << r.fault;
        EXPECT_EQ(r.held_references, 0u);
        return r.value;
    }
};

// r6 = the sum of all numbers, r7 = what bpf_iter_num_new said.
Bench sum_of(s32 begin, s32 past) {
    Bench b;
    b.set(6, 0).numbers(begin, past).copy(7, 0);
    b.stack(1, -8).kernel(kNext).add(kClassJmp | kJeq, 0, 0, 3, 0);
    b.add(kClassLdx | kModeMemSx | kSizeW, 0, 0, 0, 0).add(kClassAlu64 | kAdd | kReg, 6, 0, 0, 0);
    b.add(kClassJmp | kJa, 0, 0, -7, 0);
    b.stack(1, -8).kernel(kDestroy);
    return b;
}

TEST(InterpreterObjects, AnIteratorGivesEveryNumberOnce) {
    for (RunMode mode : {RunMode::Single, RunMode::Checked}) {
        EXPECT_EQ(sum_of(2, 5).copy(0, 6).end().result(mode), 9u);
        EXPECT_EQ(sum_of(-3, 1).copy(0, 6).end().result(mode), static_cast<u64>(-6));
        EXPECT_EQ(sum_of(5, 5).copy(0, 6).end().result(mode), 0u);
        EXPECT_EQ(sum_of(5, 4).copy(0, 7).end().result(mode), static_cast<u64>(-22));
        EXPECT_EQ(sum_of(0, 1 << 24).copy(0, 7).end().result(mode), static_cast<u64>(-7));
    }
}

TEST(InterpreterObjects, AnIteratorIsNotBytesAndMustBeEnded) {
    EXPECT_EQ(Bench().numbers(0, 3).set(0, 0).end().run().held_references, 1u);
    EXPECT_NE(Bench().numbers(0, 3).add(kClassLdx | kModeMem | kSizeB, 0, 10, -3, 0).end().fault().find("read as data"), std::string::npos);
    EXPECT_NE(Bench().numbers(0, 3).add(kClassSt | kModeMem | kSizeB, 10, 0, -1, 0).end().fault().find("overwritten"), std::string::npos);
    EXPECT_NE(Bench().numbers(0, 3).stack(1, -8).kernel(kDestroy).stack(1, -8).kernel(kNext).end().fault().find("no iterator"), std::string::npos);
    // Its number is gone with it, and its bytes are no one's.
    EXPECT_NE(Bench().numbers(0, 3).stack(1, -8).kernel(kNext).copy(6, 0).stack(1, -8).kernel(kDestroy)
                  .add(kClassLdx | kModeMem | kSizeW, 0, 6, 0, 0).end().fault(), "");
    EXPECT_NE(Bench().numbers(0, 3).stack(1, -8).kernel(kDestroy).add(kClassLdx | kModeMem | kSizeB, 0, 10, -3, 0).end().fault(), "");
    EXPECT_NE(Bench().numbers(0, 3).stack(1, -8).kernel(kNext).add(kClassSt | kModeMem | kSizeW, 0, 0, 0, 1).end().fault(), "");
}

TEST(InterpreterObjects, LocksSectionsAndTasksAreCounted) {
    Bench locks = Bench().value().copy(6, 0).copy(1, 6).helper(helper::kSpinLock);
    EXPECT_EQ(Bench(locks).set(0, 0).end().run().held_references, 1u);
    EXPECT_EQ(Bench(locks).copy(1, 6).helper(helper::kSpinUnlock).set(0, 7).end().result(), 7u);
    EXPECT_NE(Bench(locks).copy(1, 6).helper(helper::kSpinLock).end().fault().find("second lock"), std::string::npos);
    EXPECT_NE(Bench().value().copy(1, 0).helper(helper::kSpinUnlock).end().fault().find("not held"), std::string::npos);
    EXPECT_EQ(Bench().kernel(kRcuLock).set(0, 0).end().run().held_references, 1u);
    EXPECT_EQ(Bench().kernel(kRcuLock).kernel(kRcuUnlock).set(0, 0).end().result(), 0u);
    EXPECT_NE(Bench().kernel(kRcuUnlock).end().fault().find("not begun"), std::string::npos);
    EXPECT_NE(Bench().set(1, 1).kernel(kRelease).end().fault().find("not held"), std::string::npos);
    Bench task = Bench().set(1, 1).kernel(kFromPid).add(kClassJmp | kJeq, 0, 0, -3, 0).copy(6, 0);  // until there is one
    EXPECT_GE(Bench(task).set(0, 0).end().run().held_references, 1u);
    EXPECT_EQ(Bench(task).copy(1, 6).kernel(kRelease).set(0, 3).end().result(), 3u);
    EXPECT_NE(Bench(task).copy(1, 6).kernel(kRelease).copy(1, 6).kernel(kRelease).end().fault().find("not held"), std::string::npos);
}

TEST(InterpreterObjects, ADynptrKeepsItsBounds) {
    // Of the twenty bytes behind the lock.
    Bench local = Bench().value().copy(1, 0).add(kClassAlu64 | kAdd, 1, 0, 0, 8).set(2, 20).set(3, 0).stack(4, -32).helper(helper::kDynptrFromMem);
    auto write = [](Bench b, s32 at, s32 bytes) {
        return b.add(kClassSt | kModeMem | kSizeDw, 10, 0, -48, 77).stack(1, -32).set(2, at).stack(3, -48).set(4, bytes).set(5, 0).helper(helper::kDynptrWrite);
    };
    EXPECT_EQ(write(local, 12, 8).end().result(), 0u);
    EXPECT_EQ(write(local, 13, 8).end().result(), static_cast<u64>(-7));
    EXPECT_EQ(write(local, 12, 8).stack(1, -40).set(2, 4).stack(3, -32).set(4, 12).set(5, 0).helper(helper::kDynptrRead)
                  .add(kClassLdx | kModeMem | kSizeW, 0, 10, -40, 0).end().result(), 77u);
    EXPECT_EQ(Bench(local).stack(1, -32).set(2, 4).set(3, 9).kernel(kAdjust).stack(1, -32).kernel(kSize).end().result(), 5u);
    EXPECT_EQ(Bench(local).stack(1, -32).set(2, 4).set(3, 21).kernel(kAdjust).end().result(), static_cast<u64>(-34));
    EXPECT_NE(Bench(local).stack(1, -32).set(2, 0).helper(helper::kRingbufSubmitDynptr).end().fault().find("no record"), std::string::npos);
    EXPECT_EQ(Bench(local).add(kClassSt | kModeMem | kSizeB, 10, 0, -20, 0).set(0, 0).end().result(), 0u);  // it holds nothing
    EXPECT_NE(Bench(local).add(kClassSt | kModeMem | kSizeB, 10, 0, -20, 0).stack(1, -32).kernel(kSize).end().fault().find("no dynptr"), std::string::npos);
    Bench record = Bench().map(1, 1).set(2, 16).set(3, 0).stack(4, -32).helper(helper::kRingbufReserveDynptr);
    EXPECT_GE(Bench(record).set(0, 0).end().run().held_references, 1u);
    EXPECT_EQ(Bench(record).stack(1, -32).set(2, 0).helper(helper::kRingbufDiscardDynptr).set(0, 0).end().result(), 0u);
    EXPECT_NE(Bench(record).add(kClassSt | kModeMem | kSizeB, 10, 0, -20, 0).end().fault().find("overwritten"), std::string::npos);
}

}  // namespace
}  // namespace gyre::bpf
