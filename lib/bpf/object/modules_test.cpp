// SPDX-License-Identifier: MIT
//
// Types of modules joined to the kernel's, in each form in which they come; and files that are none.
#include "lib/bpf/object/modules.h"

#include <gtest/gtest.h>
#include <string.h>

#include <random>

#include "lib/bpf/object/types_writer.h"

namespace gyre::bpf {
namespace {

constexpr u32 kInt = kTypeInt, kPointer = kTypePointer, kStruct = kTypeStruct, kFunction = kTypeFunction, kPrototype = kTypePrototype;
using Writer = TypesWriter;

// 1: int; 2: struct task { int state; }
Writer kernel_types() {
    Writer w;
    w.name("");
    w.add(w.name("int"), kInt, 0, 4, {32});
    const u32 task = w.name("task");
    w.add(task, kStruct, 1, 4, {w.name("state"), 1, 0});
    return w;
}

// A pointer to struct task and a function that takes it; `task` and `first` are their numbers.
void add_function(Writer& w, const char* name, u32 number, u32 integer, u32 task, u32 first) {
    w.add(0, kPointer, 0, task);
    w.add(0, kPrototype, 1, integer, {w.name("target"), first});
    w.add(w.name(name), kFunction, number, first + 1);
}

struct Joined {
    std::vector<u8> bytes;
    std::vector<u8> memory = std::vector<u8>(1u << 14);
    Arena arena{memory};
    Btf btf;
    explicit Joined(std::vector<u8> b) : bytes(std::move(b)) { EXPECT_EQ(btf.open(bytes, arena), nullptr); }

    void expect_function(const char* name) const {
        const u32 function = btf.find(name, BtfKind::Function);
        ASSERT_NE(function, 0u) << name;
        const u32 prototype = btf.type(function).size_or_type;
        ASSERT_EQ(btf.type(prototype).kind(), BtfKind::FunctionPrototype);
        EXPECT_EQ(btf.name(btf.type(prototype).size_or_type), "int");
        const BtfParameter parameter = btf.parameter(prototype, 0);
        EXPECT_EQ(parameter.name, "target");
        EXPECT_EQ(btf.type(parameter.type).size_or_type, 2u);  // the kernel's own struct task
    }
};

TEST(Modules, ContinueTheKernelsTypes) {
    const Writer kernel = kernel_types();
    std::vector<u8> joined = kernel.bytes();
    for (const char* name : {"first", "second"}) {  // both count on from the kernel's last
        Writer module;
        module.first_string = static_cast<u32>(kernel.strings.size());
        add_function(module, name, 0, 1, 2, 3);
        auto more = join_module_types(kernel.bytes(), joined, module.bytes());
        ASSERT_TRUE(more.has_value()) << more.error();
        joined = *more;
    }
    const Joined all(joined);
    EXPECT_EQ(all.btf.type_count(), 9u);
    all.expect_function("first");
    all.expect_function("second");
}

TEST(Modules, StandAlone) {
    Writer module = kernel_types();
    module.add(module.name("own"), kStruct, 1, 4, {module.name("member"), 1, 0});
    add_function(module, "alone", 0, 1, 2, 4);
    auto joined = join_module_types(kernel_types().bytes(), kernel_types().bytes(), module.bytes());
    ASSERT_TRUE(joined.has_value()) << joined.error();
    const Joined all(*joined);
    all.expect_function("alone");
    const u32 own = all.btf.find("own", BtfKind::Struct);
    EXPECT_EQ(all.btf.member(own, 0).name, "member");
    EXPECT_EQ(all.btf.member(own, 0).type, 1u);
}

TEST(Modules, FilesThatAreNone) {
    const std::vector<u8> kernel = kernel_types().bytes();
    EXPECT_FALSE(join_module_types(kernel, kernel, {}).has_value());
    const u8 elf[] = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0};
    EXPECT_FALSE(join_module_types(kernel, kernel, elf).has_value());
    EXPECT_FALSE(join_module_types({}, {}, kernel).has_value());
    // Damaged ones are refused or joined to something that can be read.
    Writer module = kernel_types();
    add_function(module, "alone", 0, 1, 2, 3);
    std::mt19937 random(1);
    for (int round = 0; round < 1000; round++) {
        std::vector<u8> bytes = module.bytes();
        for (u32 k = 0; k <= random() % 4; k++) bytes[random() % bytes.size()] = static_cast<u8>(random());
        bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
        if (auto joined = join_module_types(kernel, kernel, bytes)) {
            const Joined all(*joined);
            for (u32 id = 0; id < all.btf.type_count(); id++) all.btf.name(id);
        }
    }
}

}  // namespace
}  // namespace gyre::bpf
