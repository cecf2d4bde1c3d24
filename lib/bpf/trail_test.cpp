// SPDX-License-Identifier: MIT
//
// What kept states know of the paths from them (trail.h): random programs without loops, each decided
// twice, once with states that cut paths short and once path by path to the end.
#include "lib/bpf/trail.h"

#include <gtest/gtest.h>

#include <random>

#include "lib/bpf/interpreter.h"
#include "lib/bpf/test_code.h"

namespace gyre::bpf {
namespace {

using namespace test;

constexpr Insn load_sized(u8 size, unsigned dst, unsigned base, int off) {
    return make(static_cast<u8>(kClassLdx | kModeMem | size), dst, base, off, 0);
}
constexpr Insn store_sized(u8 size, unsigned base, int off, unsigned src) {
    return make(static_cast<u8>(kClassStx | kModeMem | size), base, src, off, 0);
}
constexpr Insn store_number(u8 size, unsigned base, int off, s32 imm) {
    return make(static_cast<u8>(kClassSt | kModeMem | size), base, 0, off, imm);
}

// Numbers in r6 to r9 and in four slots; branches that set and test them; uses that are in bounds for
// some of the numbers only, often behind a test of another; calls that get a pointer to the caller's
// slots and read and change them.
class Generator {
public:
    explicit Generator(u64 seed) : random_(seed) {}

    Code program() {
        u32 functions = pick(3);
        for (unsigned r = 6; r <= 9; r++) {
            code_.push_back(pick(2) ? load_word(r, 1, 4 * static_cast<int>(pick(4))) : mov(r, small()));
        }
        for (int slot = 1; slot <= 4; slot++) {
            if (pick(4) != 0) {
                code_.push_back(pick(2) ? store(10, -8 * slot, number())
                                        : store_number(kSizeDw, 10, -8 * slot, small()));
            }
        }
        calls_ = functions != 0;
        block(4 + pick(16), 3);
        code_.push_back(mov(0, 0));
        code_.push_back(leave());
        std::vector<size_t> begins;
        for (u32 f = 0; f < functions; f++) {
            begins.push_back(code_.size());
            is_callee_ = true;
            calls_ = false;
            code_.push_back(copy(6, 2));
            code_.push_back(copy(7, 1));
            code_.push_back(mov(8, small()));
            code_.push_back(mov(9, small()));
            block(2 + pick(6), 2);
            code_.push_back(copy(0, pick(2) ? 6 : 8));
            code_.push_back(leave());
        }
        bool reached[3] = {};
        for (size_t at : call_sites_) {
            u32 f = pick(functions);
            reached[f] = true;
            code_[at].imm = static_cast<s32>(begins[f]) - static_cast<s32>(at) - 1;
        }
        for (u32 f = 0; f < functions; f++) {
            if (!reached[f]) {
                return {mov(0, 0), leave()};  // code that nobody calls is refused
            }
        }
        return code_;
    }

private:
    u32 pick(u32 n) { return static_cast<u32>(random_() % n); }
    s32 small() {
        static constexpr s32 kNumbers[] = {0, 0, 1, 2, 3, 8, 16, 40, -1};
        return kNumbers[pick(9)];
    }
    unsigned number() {
        static constexpr unsigned kInCallee[] = {6, 8, 9};
        return is_callee_ ? kInCallee[pick(3)] : 6 + pick(4);
    }
    // Where the four slots are: of the own frame, of the caller's, or behind a copied pointer.
    unsigned base(int& off) {
        off = -8 * static_cast<int>(1 + pick(4));
        if (is_callee_ && pick(3) != 0) {
            return 7;
        }
        if (pick(3) == 0) {
            code_.push_back(copy(2, 10));
            code_.push_back(alu(kAdd, 2, off));
            off = 0;
            return 2;
        }
        return 10;
    }
    Insn comparison() {
        static constexpr u8 kOperations[] = {kJeq, kJne, kJgt, kJlt, kJsgt, kJslt, kJge, kJset};
        u8 op = kOperations[pick(8)];
        u8 width = pick(3) == 0 ? kClassJmp32 : kClassJmp;
        if (pick(4) == 0) {
            return make(static_cast<u8>(width | 0x08 | op), number(), number(), 0, 0);
        }
        return make(static_cast<u8>(width | op), number(), 0, 0, small());
    }
    // In bounds for numbers up to 63 or so; often only if a test has passed.
    void use() {
        unsigned r = number();
        if (pick(3) != 0) {
            Insn test = comparison();
            test.off = 4;
            code_.push_back(test);
            code_.push_back(jump(pick(2) ? kJsgt : kJgt, r, 63, 3));
        } else if (pick(4) != 0) {
            code_.push_back(copy(3, r));
            code_.push_back(alu(kAnd, 3, 63));
            r = 3;
        }
        code_.push_back(copy(2, 10));
        code_.push_back(alu_reg(kAdd, 2, r));
        code_.push_back(clear_byte(2, pick(8) != 0 ? -512 : -40));
    }
    void step() {
        static constexpr u8 kSizes[] = {kSizeDw, kSizeDw, kSizeW, kSizeB};
        int off = 0;
        switch (pick(10)) {
            case 0:
            case 1: code_.push_back(mov(number(), small())); break;
            case 2: code_.push_back(copy(number(), number())); break;
            case 3: code_.push_back(pick(2) ? alu(kAdd, number(), small()) : alu32(kAnd, number(), 7)); break;
            case 4: code_.push_back(alu_reg(pick(2) ? kAdd : kXor, number(), number())); break;
            case 5: {
                unsigned b = base(off);
                code_.push_back(store_sized(kSizes[pick(4)], b, off, number()));
                break;
            }
            case 6: {
                unsigned b = base(off);
                code_.push_back(pick(2) ? load_sized(kSizes[pick(4)], number(), b, off)
                                        : store_number(kSizes[pick(4)], b, off, small()));
                break;
            }
            case 7:
                if (calls_) {
                    code_.push_back(copy(1, 10));
                    code_.push_back(copy(2, number()));
                    call_sites_.push_back(code_.size());
                    code_.push_back(call(0));
                    code_.push_back(copy(number(), 0));
                    break;
                }
                [[fallthrough]];
            default: use(); break;
        }
    }
    void block(u32 steps, u32 depth) {
        for (u32 i = 0; i < steps; i++) {
            if (depth == 0 || pick(2)) {
                step();
                continue;
            }
            size_t branch = code_.size();
            code_.push_back(comparison());
            block(1 + pick(3), depth - 1);
            bool has_other_side = pick(2) != 0;
            size_t over = code_.size();
            if (has_other_side) {
                code_.push_back(make(kClassJmp | kJa, 0, 0, 0, 0));
            }
            code_[branch].off = static_cast<s16>(code_.size() - branch - 1);
            if (has_other_side) {
                block(1 + pick(3), depth - 1);
                code_[over].off = static_cast<s16>(code_.size() - over - 1);
            }
        }
    }

    std::mt19937_64 random_;
    Code code_;
    std::vector<size_t> call_sites_;
    bool is_callee_ = false;
    bool calls_ = false;
};

// Two ways meet, `one` and `other`, of which the second leaves the stack in `use` and the first does not.
// Whichever is walked first, the program is refused for it. A number that nobody needs exactly tells them
// apart, so that neither is dropped for the other where they meet.
void expect_told_apart(const char* what, const Code& one, const Code& other, const Code& use,
                       const Code& functions = {}) {
    for (bool swap : {false, true}) {
        Code first = swap ? other : one;
        Code second = swap ? one : other;
        first.push_back(store_number(kSizeDw, 10, -64, 1));
        second.push_back(store_number(kSizeDw, 10, -64, 2));
        Code code = {load_word(7, 1, 0), load_word(8, 1, 4), load_word(9, 1, 8), copy(6, 1)};
        code.push_back(jump(kJeq, 7, 0, static_cast<int>(first.size()) + 1));
        code.insert(code.end(), first.begin(), first.end());
        code.push_back(make(kClassJmp | kJa, 0, 0, static_cast<int>(second.size()), 0));
        code.insert(code.end(), second.begin(), second.end());
        size_t begin = code.size();
        code.insert(code.end(), use.begin(), use.end());
        // Unless it is taken away by a jump over it, the number in r3 is an offset.
        for (Insn insn : {copy(2, 10), alu_reg(kAdd, 2, 3), clear_byte(2, -512), load(0, 10, -64), leave()}) {
            code.push_back(insn);
        }
        for (size_t at = begin; at < code.size(); at++) {  // the functions stand behind
            if (code[at].code == (kClassJmp | kCall) && code[at].src() == kCallSubprogram) {
                code[at].imm = static_cast<s32>(code.size() - at - 1);
            }
        }
        code.insert(code.end(), functions.begin(), functions.end());
        Limits limits;
        limits.may_generalize = false;
        static Decider decider;
        Report report = decider.decide(code, limits);
        EXPECT_EQ(report.problem, Problem::OutOfBounds) << what << ": " << report.text << "\n" << listing(code);
    }
}

TEST(Trail, NeedsAreCarriedBackThrough) {
    const Code zero = {mov(3, 0)};
    const Code far = {mov(3, 600)};
    const Insn over = make(kClassJmp | kJa, 0, 0, 0, 0);
    expect_told_apart("moves", zero, far, {copy(4, 3), mov(3, 0), copy(3, 4)});
    expect_told_apart("a jump behind a move", {mov(4, 0)}, {mov(4, 600)}, {copy(3, 4), over, over});
    expect_told_apart("a part of the path that is still open where it is cut", {mov(4, 0)}, {mov(4, 600)},
                      {jump(kJeq, 8, 0, 0), jump(kJeq, 9, 0, 1), mov(5, 1), copy(3, 4)});
    expect_told_apart("a comparison of two", {mov(4, 0)}, {mov(4, 600)},
                      {copy(3, 8), jump_reg(kJeq, 3, 4, 1), mov(3, 0)});
    expect_told_apart("a comparison that is not taken", {mov(4, 0)}, {mov(4, 600)},
                      {copy(3, 8), jump_reg(kJne, 3, 4, 1), over, jump_reg(kJeq, 3, 4, 1), mov(3, 0)});
    expect_told_apart("a comparison with a number of its own", {mov(4, 0)}, {mov(4, 600)},
                      {load_word(3, 6, 12), jump_reg(kJeq, 3, 4, 1), mov(3, 0)});
    for (int side : {0, 1}) {
        Insn test = jump(side != 0 ? kJeq : kJne, 8, 0, 2);
        expect_told_apart("a path that another stands for", {mov(4, 0)}, {mov(4, 600)},
                          {test, copy(3, 4), make(kClassJmp | kJa, 0, 0, 1, 0), mov(3, 0)});
        expect_told_apart("one that stands for another", {mov(4, 0)}, {mov(4, 600)},
                          {test, mov(3, 0), make(kClassJmp | kJa, 0, 0, 1, 0), copy(3, 4)});
    }
}

// The last part of a path runs straight into a place from which everything is explored already, since the path
// comes there from behind.
TEST(Trail, TheLastPartOfAPathCounts) {
    const Insn on = make(kClassJmp | kJa, 0, 0, 0, 0);
    Code use = {jump(kJeq, 8, 0, 17), mov(3, 0)};
    for (int i = 0; i < 7; i++) {
        use.push_back(mov(5, 1));
    }
    use.insert(use.end(), {on, on, make(kClassJmp | kJa, 0, 0, 1, 0), copy(3, 4)});
    ASSERT_EQ(use.size(), 13u);
    expect_told_apart("a way from behind", {mov(4, 0)}, {mov(4, 600)}, use, {make(kClassJmp | kJa, 0, 0, -7, 0)});
}

TEST(Trail, NeedsAreCarriedBackThroughTheStack) {
    const Code zero = {mov(4, 0)};
    const Code far = {mov(4, 600)};
    expect_told_apart("a spill", zero, far, {store(10, -8, 4), mov(4, 0), load(3, 10, -8)});
    expect_told_apart("a slot", {store_number(kSizeDw, 10, -8, 0)}, {store_number(kSizeDw, 10, -8, 600)},
                      {load(3, 10, -8)});
    expect_told_apart("a slot behind a pointer", {store_number(kSizeDw, 10, -8, 0)},
                      {store_number(kSizeDw, 10, -8, 600)}, {copy(2, 10), alu(kAdd, 2, -16), load(3, 2, 8)});
    // Half of a slot is written anew, by an instruction or by a call; the other half counts.
    const Code upper_zero = {store_number(kSizeW, 10, -8, 1), store_number(kSizeW, 10, -4, 0)};
    const Code upper_any = {store_number(kSizeW, 10, -8, 1), store_sized(kSizeW, 10, -4, 8)};
    expect_told_apart("a store to half a slot", upper_zero, upper_any,
                      {store_number(kSizeW, 10, -8, 5), load_word(3, 10, -4)});
    expect_told_apart("a call that fills half a slot", upper_zero, upper_any,
                      {copy(1, 6), mov(2, 0), copy(3, 10), alu(kAdd, 3, -12), mov(4, 8), call_helper(26),
                       load_word(3, 10, -4)});
    const Code zeros = {store_number(kSizeDw, 10, -8, 0), store_number(kSizeDw, 10, -16, 0)};
    const Code others = {store(10, -8, 8), store(10, -16, 8)};
    expect_told_apart("zeros that are read somewhere", zeros, others,
                      {alu(kAnd, 9, 7), copy(2, 10), alu_reg(kAdd, 2, 9), load_sized(kSizeB, 3, 2, -16), alu(kLsh, 3, 3)});
    // A byte of the upper half of a slot, which is zero as it stands or unknown.
    const Code somewhere = {alu(kAnd, 9, 3), copy(2, 10), alu_reg(kAdd, 2, 9)};
    Code read_somewhere = somewhere;
    read_somewhere.insert(read_somewhere.end(), {load_sized(kSizeB, 3, 2, -4), alu(kLsh, 3, 3)});
    expect_told_apart("bytes of zero that are read somewhere", upper_zero, upper_any, read_somewhere);
    Code written_somewhere = upper_zero;
    written_somewhere.insert(written_somewhere.end(), somewhere.begin(), somewhere.end());
    written_somewhere.insert(written_somewhere.end(), {store_sized(kSizeB, 2, -4, 4), load_word(3, 10, -4)});
    expect_told_apart("a zero that is written to bytes of zero", zero, far, written_somewhere);
    expect_told_apart("a zero that is written to half a slot", zero, far,
                      {store_number(kSizeW, 10, -8, 1), store_sized(kSizeW, 10, -4, 4), load_word(3, 10, -4)});
    expect_told_apart("a zero of which half is written over", {store_number(kSizeDw, 10, -8, 0)}, {store(10, -8, 8)},
                      {store_number(kSizeW, 10, -4, 5), load_word(3, 10, -8)});
    expect_told_apart("a pointer that is there", {store(10, -8, 10)}, {store(10, -8, 8)},
                      {load(2, 10, -8), mov(3, 600), jump(kJne, 9, 0, 1), mov(3, 0)});
    // Bytes that a call leaves alone in a slot of which it fills the rest.
    expect_told_apart("the rest of a slot that a call fills", {store_number(kSizeB, 10, -15, 0)},
                      {store_sized(kSizeB, 10, -15, 8)},
                      {copy(1, 6), mov(2, 0), copy(3, 10), alu(kAdd, 3, -12), mov(4, 8), call_helper(26),
                       load_sized(kSizeB, 3, 10, -15), alu(kLsh, 3, 3)});
    expect_told_apart("zeros, one of which is read", {store_number(kSizeW, 10, -4, 0)},
                      {store_sized(kSizeW, 10, -4, 8)},
                      {alu(kAnd, 9, 3), copy(2, 10), alu_reg(kAdd, 2, 9), load_sized(kSizeB, 3, 2, -4),
                       alu(kLsh, 3, 3)});
}

TEST(Trail, NeedsAreCarriedBackThroughLinks) {
    const Code linked = {copy(4, 8)};
    const Code apart = {copy(4, 9)};
    const Code bounded = {jump(kJle, 4, 10, 2), mov(3, 0), make(kClassJmp | kJa, 0, 0, 1, 0), copy(3, 8)};
    expect_told_apart("registers", linked, apart, bounded);
    expect_told_apart("a slot and a register", {copy(4, 8), store(10, -8, 8)}, {copy(4, 9), store(10, -8, 8)},
                      {jump(kJle, 4, 10, 2), mov(3, 0), make(kClassJmp | kJa, 0, 0, 1, 0), load(3, 10, -8)});
    expect_told_apart("the right side of a comparison", linked, apart,
                      {mov(5, 10), jump_reg(kJge, 5, 4, 2), mov(3, 0), make(kClassJmp | kJa, 0, 0, 1, 0), copy(3, 8)});
    const Insn now = call_helper(5);  // any number
    const Code near = {now, copy(8, 0), copy(4, 8), alu(kAdd, 4, 1)};
    const Code distant = {now, copy(8, 0), copy(4, 8), alu(kAdd, 4, 600)};
    expect_told_apart("how far a number is from another", near, distant,
                      {jump(kJle, 8, 10, 2), mov(3, 0), make(kClassJmp | kJa, 0, 0, 1, 0), copy(3, 4)});
    expect_told_apart("a caller's register", linked, apart,
                      {copy(1, 4), call(0), jump(kJeq, 0, 0, 2), mov(3, 0), make(kClassJmp | kJa, 0, 0, 1, 0),
                       copy(3, 8)},
                      {mov(0, 0), jump(kJle, 1, 10, 1), mov(0, 1), leave()});
}

TEST(Trail, NeedsAreCarriedBackThroughCalls) {
    const Code zero = {mov(4, 0)};
    const Code far = {mov(4, 600)};
    const Insn pointer = copy(1, 10);
    expect_told_apart("an argument and a result", zero, far, {copy(2, 4), pointer, call(0), copy(3, 0)},
                      {copy(0, 2), leave()});
    expect_told_apart("a register that the callee saves", {mov(9, 0)}, {mov(9, 600)},
                      {pointer, call(0), copy(3, 9)}, {mov(9, 1), mov(0, 0), leave()});
    expect_told_apart("a slot that the callee reads", {store_number(kSizeDw, 10, -8, 0)},
                      {store_number(kSizeDw, 10, -8, 600)}, {pointer, call(0), copy(3, 0)},
                      {load(0, 1, -8), leave()});
    expect_told_apart("a slot that the callee writes", zero, far,
                      {copy(2, 4), pointer, call(0), load(3, 10, -8)}, {store(1, -8, 2), mov(0, 0), leave()});
    expect_told_apart("a pointer for the callee", {copy(1, 10)}, {copy(1, 10), alu(kAdd, 1, 8)},
                      {call(0), mov(3, 0)}, {clear_byte(1, -8), mov(0, 0), leave()});
    expect_told_apart("what only one way through the callee returns", zero, far,
                      {copy(2, 4), copy(1, 8), call(0), copy(3, 0)},
                      {mov(0, 0), jump(kJeq, 1, 7, 1), leave(), copy(0, 2), leave()});
}

// Whether some input makes the program leave its memory.
bool has_fault(const Code& code, Decider& decider, u64 seed) {
    static constexpr u32 kWords[] = {0, 1, 2, 3, 8, 9, 16, 17, 40, 41, 63, 64, 65, 1000, ~0u, ~0u - 1};
    static std::vector<u8> memory(1 << 20);
    Program program;
    program.insns = code;
    program.type = ProgramType::SocketFilter;
    std::mt19937_64 random(seed);
    for (u32 run = 0; run < 4'000; run++) {
        Arena arena(memory);
        Interpreter interpreter;
        u32 context[64] = {};
        for (u32 i = 0; i < 4; i++) {
            context[i] = kWords[random() % 16];
        }
        if (interpreter.prepare(program, decider.environment, arena) != nullptr ||
            !interpreter.run({reinterpret_cast<u8*>(context), sizeof(context)}, {}, 10'000, run).is_finished) {
            return true;
        }
    }
    return false;
}

TEST(Trail, PathsThatAreCutShortWouldHaveEndedAlike) {
    const char* more = getenv("GYRE_BPF_TRAILS");
    u64 count = more != nullptr ? strtoull(more, nullptr, 10) : 2'000;
    Decider strict("linux-6.1");
    Decider lenient("linux-6.18");
    Limits every_path;
    every_path.may_prune = false;
    every_path.may_generalize = false;
    every_path.insns_processed = 100'000;
    Limits pruned;
    pruned.may_generalize = false;
    u64 accepted = 0, refused = 0, shorter = 0, lucky = 0;
    for (u64 seed = 1; seed <= count; seed++) {
        Code code = Generator(seed).program();
        Decider& decider = seed % 2 != 0 ? strict : lenient;
        Report plain = decider.decide(code, every_path);
        if (plain.problem == Problem::TooComplex) {
            continue;
        }
        Report report = decider.decide(code, pruned);
        ASSERT_LE(plain.is_accepted, report.is_accepted)
            << "seed " << seed << ": refused at " << report.insn << ": " << report.text << "\n" << listing(code);
        if (report.is_accepted && !plain.is_accepted) {
            // A wider state may be accepted where one within it is not: an offset whose bounds contradict
            // each other on a path that is never run, or a zero that only a variable write keeps.
            lucky++;
            ASSERT_FALSE(has_fault(code, decider, seed))
                << "seed " << seed << ": " << problem_name(plain.problem) << " at " << plain.insn
                << " is not seen any more\n" << listing(code);
        }
        accepted += plain.is_accepted;
        refused += !plain.is_accepted;
        shorter += report.statistics.insns_processed < plain.statistics.insns_processed;
    }
    EXPECT_GT(accepted, count / 10);
    EXPECT_GT(refused, count / 10);
    EXPECT_GT(shorter, count / 20);
    EXPECT_LE(lucky, count / 1'000);
    if (more != nullptr) {
        printf("%llu accepted, %llu refused, %llu accepted for a wider state, %llu decided on less\n",
               static_cast<unsigned long long>(accepted), static_cast<unsigned long long>(refused),
               static_cast<unsigned long long>(lucky), static_cast<unsigned long long>(shorter));
    }
}

}  // namespace
}  // namespace gyre::bpf
