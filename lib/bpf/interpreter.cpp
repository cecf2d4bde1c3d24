// SPDX-License-Identifier: MIT
//
// Preparing and starting a run (interpreter.h): memory, maps, decoding.
#include "lib/bpf/interpreter.h"

#include "lib/bpf/cfg.h"
#include "lib/bpf/interpreter_machine.h"

namespace gyre::bpf {
namespace {

u32 element_stride(u32 value_size) {
    u32 stride = 8;
    while (stride < value_size) {
        stride *= 2;
    }
    return stride;
}

const char* prepare_map(Machine& m, MapState& state, Region& region, Arena& arena) {
    const Map& map = *state.map;
    state.stride = element_stride(map.value_size);
    u64 bytes = static_cast<u64>(state.stride) * map.max_entries;
    bool holds_values = map.type == MapType::Array || map.type == MapType::PercpuArray ||
                        map.type == MapType::Hash || map.type == MapType::LruHash ||
                        map.type == MapType::PercpuHash || map.type == MapType::LruPercpuHash;
    if (!holds_values || bytes > kMaxMapBytes || map.value_size == 0) {
        return nullptr;  // only a program that touches it will notice
    }
    state.values = arena.make_array<u8>(bytes);
    state.used = arena.make_array<u8>(map.max_entries);
    state.keys = arena.make_array<u8>(static_cast<u64>(map.key_size) * map.max_entries);
    if (state.values.size() != bytes || state.used.size() != map.max_entries) {
        return "no memory for the program's maps";
    }
    if (!map.frozen_contents.empty() && map.frozen_contents.size() <= bytes) {
        memcpy(state.values.data(), map.frozen_contents.data(), map.frozen_contents.size());
    }
    bool is_read_only = (map.flags & kMapReadOnlyProgram) != 0;
    region = {state.values.data(), bytes, is_read_only ? 0 : bytes, state.stride - u64{1},
              map.value_size};
    (void)m;
    return nullptr;
}

// One step for each instruction; the second half of a 64-bit load has none.
const char* decode(Machine& m, const Btf* kernel, Arena& arena) {
    std::span<const Insn> insns = m.program->insns;
    std::span<u32> step_of = arena.make_array<u32>(insns.size() + 1);
    m.code = arena.make_array<Step>(insns.size() + 1);
    m.insn_of = arena.make_array<u32>(insns.size() + 1);
    if (step_of.size() != insns.size() + 1 || m.insn_of.size() != insns.size() + 1) {
        return "no memory for the decoded program";
    }
    u32 count = 0;
    for (u32 i = 0; i < insns.size(); i++) {
        step_of[i] = count;
        m.insn_of[count++] = i;
        if (is_ld_imm64(insns[i])) {
            if (++i == insns.size()) {
                return "the last instruction is cut off";
            }
            step_of[i] = count;  // a jump there is refused below
        }
    }
    step_of[insns.size()] = count;
    m.insn_of[count] = static_cast<u32>(insns.size());
    for (u32 k = 0; k < count; k++) {
        u32 at = m.insn_of[k];
        const Insn& insn = insns[at];
        Step& step = m.code[k];
        u8 c = insn.insn_class();
        bool writes_dst = c == kClassAlu || c == kClassAlu64 || c == kClassLdx || c == kClassLd;
        if (insn.dst() >= kRegisterCount || (insn.src() >= kRegisterCount && c != kClassLd) ||
            (writes_dst && insn.dst() > kFramePointer)) {
            return "an instruction names a register that there is not";
        }
        step = {handler_of(insn, m.mode), insn.dst(), insn.src(), insn.off, 0,
                static_cast<u64>(static_cast<s64>(insn.imm))};
        if (writes_dst && insn.dst() == kFramePointer) {
            step.go = bad_register_handler();  // does no harm while it is not reached
        }
        if (step.go == nullptr) {
            step.go = bad_instruction_handler();
            continue;
        }
        if (is_ld_imm64(insn)) {
            u64 high = static_cast<u32>(insns[at + 1].imm);
            step.imm = static_cast<u32>(insn.imm) | high << 32;
            if (insn.src() == kPseudoMapFd) {
                step.imm = kMapPointers + static_cast<u32>(insn.imm);
            } else if (insn.src() == kPseudoMapValue) {
                step.imm = m.map_value_address(static_cast<u32>(insn.imm), high);
            } else if (insn.src() == kPseudoFunc) {
                u64 to = u64{at} + 1 + static_cast<u64>(s64{insn.imm});
                if (to >= insns.size() || m.insn_of[step_of[static_cast<size_t>(to)]] != to) {
                    return "a reference to a function leaves the program";
                }
                step.imm = kFunctionPointers + step_of[static_cast<size_t>(to)];
            }
            continue;
        }
        const bool is_kernel_call = insn.code == (kClassJmp | kCall) && insn.src() == kCallKfunc;
        if (is_kernel_call && kernel != nullptr && m.mode != RunMode::Pure) {
            const KernelFunction function = kernel_function(kernel->name(static_cast<u32>(insn.imm)));
            if (function != KernelFunction::None) {
                step.go = kernel_call_handler(m.mode);
                step.imm = static_cast<u64>(function);
            }
        }
        bool is_jump = c == kClassJmp || c == kClassJmp32;
        if (c == kClassStx && insn.mode() == kModeAtomic) {
            step.target = static_cast<s32>(access_size(insn.size_bits()));
        }
        if (!is_jump || insn.op() == kExit || (insn.op() == kCall && insn.src() != kCallSubprogram)) {
            continue;
        }
        bool is_far = insn.op() == kCall || (c == kClassJmp32 && insn.op() == kJa);
        s64 to = static_cast<s64>(at) + 1 + (is_far ? insn.imm : insn.off);
        if (to < 0 || to >= static_cast<s64>(insns.size()) ||
            m.insn_of[step_of[static_cast<size_t>(to)]] != static_cast<u32>(to)) {
            return "a jump leaves the program";
        }
        step.target = static_cast<s32>(step_of[static_cast<size_t>(to)]) - static_cast<s32>(k);
    }
    m.code[count].go = fall_off_handler();
    return nullptr;
}

}  // namespace

const char* Interpreter::prepare(const Program& program, const Environment& environment,
                                 Arena& arena, RunMode mode) {
    machine_ = arena.make<Machine>();
    if (machine_ == nullptr) {
        return "no memory for the machine";
    }
    Machine& m = *machine_;
    m.program = &program;
    m.mode = mode;
    u32 type = static_cast<u32>(program.type);
    if (type >= environment.rules.size() || environment.rules[type].context == nullptr) {
        return "programs of this type cannot be run";
    }
    m.rules = &environment.rules[type];
    m.stack = arena.make_array<u8>(kStackBytes * kMaxFrames);
    m.written = arena.make_array<u8>(mode == RunMode::Single ? m.stack.size() : 0);
    m.records = arena.make_array<u8>(kRecordBytes * kMaxRecords);
    m.maps = arena.make_array<MapState>(program.maps.size());
    m.regions = arena.make_array<Region>(kFirstMapRegion + program.maps.size());
    if (m.stack.empty() || m.records.empty() || m.maps.size() != program.maps.size() ||
        m.regions.size() != kFirstMapRegion + program.maps.size()) {
        return "no memory for the program's stack and maps";
    }
    // In mode Single the stack is looked after byte by byte, so the quick way is closed.
    u64 stack_bytes = mode == RunMode::Single ? 0 : kStackBytes;
    m.regions[kStackRegion] = {m.stack.data(), stack_bytes, stack_bytes, ~u64{0}, stack_bytes};
    for (size_t i = 0; i < program.maps.size(); i++) {
        m.maps[i].map = program.maps[i];
        if (const char* why = prepare_map(m, m.maps[i], m.regions[kFirstMapRegion + i], arena)) {
            return why;
        }
    }
    return decode(m, environment.kernel_btf, arena);
}

void Interpreter::begin(std::span<u8> context, std::span<u8> packet, u64 max_steps, u64 seed) {
    Machine& m = *machine_;
    m.context = context;
    m.packet = packet;
    m.result = RunResult{};
    m.random = seed;
    for (u32 k = 0; k < kMaxFrames; k++) {
        m.may_gotos[k] = 0;
        m.iterations[k] = Iteration{};
    }
    m.depth = 0;
    m.steps = 0;
    m.max_steps = max_steps;
    for (u64& r : m.regs) {
        r = 0;
    }
    for (u32& bytes : m.held) {
        bytes = 0;
    }
    for (StackObject& o : m.objects) {
        o = StackObject{};
    }
    for (u8& task : m.tasks) {
        task = 0;
    }
    m.object_count = m.rcu_sections = m.preempt_sections = 0;
    m.lock = 0;
    for (u8& b : m.written) {
        b = 0;
    }
    m.pc = m.block = m.code.data();
    m.frame = m.stack.data() + kStackBytes;
    Region& stack = m.regions[kStackRegion];
    stack.readable = stack.writable = stack.element = stack.element == 0 ? 0 : kStackBytes;
    if (m.mode == RunMode::Pure) {
        m.regs[1] = reinterpret_cast<u64>(context.data());
        m.regs[kFramePointer] = reinterpret_cast<u64>(m.frame);
        return;
    }
    // A context is loaded from by way of its layout, which may hide packet pointers in it.
    m.regions[kContextRegion] = {context.data(), 0, context.size(), ~u64{0}, context.size()};
    m.regions[kPacketRegion] = {packet.data(), packet.size(), packet.size(), ~u64{0}, packet.size()};
    m.regs[1] = address_of(kContextRegion, 0);
    m.regs[kFramePointer] = address_of(kStackRegion, kStackBytes);
}

RunResult Interpreter::run(std::span<u8> context, std::span<u8> packet, u64 max_steps, u64 seed) {
    begin(context, packet, max_steps, seed);
    Machine& m = *machine_;
    if (m.mode == RunMode::Single) {
        while (step()) {
        }
        return result();
    }
    m.pc->go(m.pc, m.regs, &m);
    return result();
}

bool Interpreter::step() {
    Machine& m = *machine_;
    if (m.result.is_finished || m.result.fault != nullptr) {
        return false;
    }
    if (m.steps++ >= m.max_steps) {
        return m.fail("the program runs too long");
    }
    const Step* pc = m.pc;
    pc->go(pc, m.regs, &m);
    return !m.result.is_finished && m.result.fault == nullptr;
}

void Interpreter::set_may_goto_budget(u64 rounds) { machine_->may_goto_budget = rounds; }

u32 Interpreter::at() const { return machine_->insn_at(machine_->pc); }
u32 Interpreter::depth() const { return machine_->depth; }
u64 Interpreter::reg(unsigned number) const { return machine_->regs[number]; }

RunResult Interpreter::result() const {
    const Machine& m = *machine_;
    RunResult r = m.result;
    r.insn = m.insn_at(m.pc);
    r.steps = m.steps;
    for (u32 bytes : m.held) {
        r.held_references += bytes != 0;
    }
    r.held_references += m.held_objects();
    return r;
}

Whereabouts Interpreter::whereabouts(u64 value) const {
    const Machine& m = *machine_;
    if (value >= kMapPointers && value - kMapPointers < m.maps.size()) {
        return {Place::MapPointer, 0, static_cast<u32>(value - kMapPointers)};
    }
    u64 region = value >> kRegionShift;
    s64 offset = static_cast<s64>((value & kOffsetMask) - kRegionMiddle);
    switch (region) {
        case 0: return {};
        case kStackRegion: {
            // A frame owns the 512 bytes below its frame pointer; the pointer itself belongs to it.
            s64 frame = offset <= 0 ? 0 : (offset - 1) / s64{kStackBytes};
            return {Place::Stack, offset - (frame + 1) * s64{kStackBytes}, static_cast<u32>(frame)};
        }
        case kContextRegion: return {Place::Context, offset, 0};
        case kPacketRegion: return {Place::Packet, offset, 0};
        case kObjectRegion: return {Place::Object, offset % 16, 0};
        case kRecordRegion: return {Place::Record, offset % s64{kRecordBytes}, 0};
        default: break;
    }
    if (region - kFirstMapRegion >= m.maps.size()) {
        return {};
    }
    u32 map = static_cast<u32>(region - kFirstMapRegion);
    return {Place::MapValue, offset, map};
}

}  // namespace gyre::bpf
