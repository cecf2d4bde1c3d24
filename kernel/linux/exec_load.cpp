// SPDX-License-Identifier: MIT
//
// The new program's memory: segments of program and interpreter, stack, break and vDSO, each at a place that chance
// moves (address-space layout randomisation). Layout from above: stack and its room, vDSO, interpreter and later mappings,
// a movable program, or a fixed one where it wants to be; the break behind the program.
#include <algorithm>

#include "kernel/fs/open.h"
#include "kernel/linux/exec.h"
#include "kernel/linux/file_paths.h"
#include "kernel/random/random.h"
#include "kernel/vdso/vdso.h"

namespace gyre::linux {
namespace {

constexpr uint64_t kMovableBase = (kUserEnd / 3 * 2) & ~uint64_t{kPageSize - 1};  // as Linux: two thirds up
constexpr uint64_t kMovableRandomPages = uint64_t{1} << 28;
constexpr uint64_t kStackRandomPages = uint64_t{1} << 22;
constexpr uint64_t kBreakRandomPages = uint64_t{1} << 13;
constexpr uint64_t kFirstStackBytes = 132 * 1024;
constexpr int kAtCurrentDirectory = -100;

struct Chance {
    uint64_t stack, image, brk;
    std::array<std::byte, 16> for_program;
};

Protection protection_of(const elf::Segment& segment) {
    Protection protection = Protection::None;
    if (segment.is_readable) protection = protection | Protection::Read;
    if (segment.is_writable) protection = protection | Protection::Write;
    if (segment.is_executable) protection = protection | Protection::Execute;
    return protection;
}

// Later segments replace earlier ones where they share a page, as the program headers' order says.
Status map_segment(AddressSpace& space, File& file, const Ref<MappingSource>& source, const elf::Segment& segment,
                   uint64_t bias) {
    const uint64_t start = bias + page_floor(segment.address);
    uint64_t zero_start = start;
    if (segment.file_bytes != 0) {
        const uint64_t in_page = segment.address & (kPageSize - 1);
        MapRequest request{.hint = VirtualAddress{start},
                           .length = page_ceiling(segment.file_bytes + in_page),
                           .placement = Placement::Fixed,
                           .protection = protection_of(segment),
                           .offset = segment.file_offset - in_page,
                           .source = source};
        request.vmo = TRY(file.mappable(request));
        zero_start = start + request.length;
        TRY_VOID(space.map(request));
    }
    const uint64_t end = bias + page_ceiling(segment.end());
    if (end <= zero_start) return {};
    TRY_VOID(space.map({.hint = VirtualAddress{zero_start},
                        .length = end - zero_start,
                        .placement = Placement::Fixed,
                        .protection = protection_of(segment)}));
    return {};
}

Status map_image(AddressSpace& space, File& file, const elf::Image& image, uint64_t bias) {
    const Ref<MappingSource> source = TRY(file.mapping_source());
    for (const elf::Segment& segment : image.segments())
        TRY_VOID(map_segment(space, file, source, segment, bias));
    return {};
}

Status open_interpreter(Exec& exec) {
    // PT_INTERP's string and then the file's head, one after the other in a buffer of their own.
    const std::unique_ptr<PathText> path(new (std::nothrow) PathText);
    const std::unique_ptr<std::array<char, elf::kMostInterpreterBytes>> text(
        new (std::nothrow) std::array<char, elf::kMostInterpreterBytes>);
    if (!path || !text) return fail(Error::NoMemory);
    const std::span<char> name = std::span(*text).first(exec.image.interpreter_bytes);
    IoCursor name_cursor = IoCursor::kernel(std::as_writable_bytes(name));
    const Patience patience = Patience::forever().killable();
    const size_t length = TRY(exec.file->read_at(name_cursor, exec.image.interpreter_offset, patience));
    if (length != name.size()) return fail(Error::InputOutput);
    if (name.back() != '\0') return fail(Error::NotExecutable);
    TRY_VOID(path->set(std::string_view(name.data())));
    const LookupContext view = TRY(lookup_context(exec.context, kAtCurrentDirectory, *path));
    exec.interpreter = TRY(open_for_execution(view, *path, LookupFlag::Follow));

    const std::span<std::byte> head = std::as_writable_bytes(std::span(*text)).first(Exec::kHeadBytes);
    IoCursor cursor = IoCursor::kernel(head);
    const size_t head_length = TRY(exec.interpreter->read_at(cursor, 0, patience));
    return parse_program(*exec.interpreter, head.first(head_length), exec.interpreter_image);
}

Status map_stack(Exec& exec, AddressSpace& space) {
    const uint64_t length = page_ceiling(exec.string_bytes() + exec.path.length() + kFirstStackBytes);
    Protection protection = Protection::Read | Protection::Write;
    if (exec.image.has_stack_header && exec.image.is_stack_executable) protection = protection | Protection::Execute;
    TRY_VOID(space.map({.hint = VirtualAddress{exec.stack_top - length},
                        .length = length,
                        .placement = Placement::Fixed,
                        .protection = protection,
                        .grows_down = true}));
    return {};
}

// Where program and interpreter go.
void choose_places(Exec& exec, const Chance& chance) {
    exec.stack_top = kUserEnd - (chance.stack % kStackRandomPages) * kPageSize;
    if (exec.image.type == elf::Type::Movable) {
        const uint64_t base = kMovableBase + (chance.image % kMovableRandomPages) * kPageSize;
        exec.image_bias = (base & ~(exec.image.alignment - 1)) - exec.image.lowest;
    }
    // Right below the vDSO and its data page, which the space put where mappings begin: so they share page tables.
    if (exec.interpreter && exec.interpreter_image.type == elf::Type::Movable) {
        const uint64_t base = exec.vdso - kVdsoDataBytes - exec.interpreter_image.span_bytes();
        exec.interpreter_bias = (base & ~(exec.interpreter_image.alignment - 1)) - exec.interpreter_image.lowest;
    }
}

// A fixed program must leave room for what is above it; a movable one is far below.
Status check_places(const Exec& exec) {
    // Where it begins must be an address at all: the CPU faults in the kernel on the way to one that is none.
    if (exec.image.entry + exec.image_bias >= kUserEnd) return fail(Error::NotExecutable);
    if (exec.interpreter && exec.interpreter_image.entry + exec.interpreter_bias >= kUserEnd)
        return fail(Error::NotExecutable);
    const uint64_t stack_bottom = exec.stack_top - page_ceiling(exec.string_bytes() + kFirstStackBytes);
    if (exec.image.highest + exec.image_bias > stack_bottom) return fail(Error::NoMemory);
    // Nor may a fixed program lie where the rest wants to be.
    if (!exec.interpreter) return {};
    const uint64_t start = exec.interpreter_bias + exec.interpreter_image.lowest;
    const uint64_t end = exec.interpreter_bias + exec.interpreter_image.highest;
    const bool overlaps = exec.image_bias + exec.image.lowest < end && exec.image_bias + exec.image.highest > start;
    if (end > stack_bottom || overlaps) return fail(Error::NoMemory);
    return {};
}

void describe(Exec& exec) {
    AddressSpace::ProgramArea& area = exec.area;
    area = {};
    for (const elf::Segment& segment : exec.image.segments()) {
        const VirtualAddress start{segment.address + exec.image_bias}, end{segment.file_end() + exec.image_bias};
        if (segment.is_executable) {
            if (area.code_start.value == 0 || start < area.code_start) area.code_start = start;
            area.code_end = std::max(area.code_end, end);
        }
        // The data are in the last segment of all (as Linux).
        area.data_start = std::max(area.data_start, start);
        area.data_end = std::max(area.data_end, end);
    }
}

}  // namespace

Status build_address_space(Exec& exec) {
    if (exec.image.interpreter_bytes != 0) TRY_VOID(open_interpreter(exec));
    Chance chance;
    random_bytes(std::as_writable_bytes(std::span(&chance, 1)));
    exec.random = chance.for_program;
    if (exec.context.task.personality & kNoRandomPlaces) chance = {};
    exec.space = TRY(AddressSpace::create());
    AddressSpace& space = *exec.space;
    const CallContext& context = exec.context;
    space.set_limits({.address_space_bytes = context.limit(kLimitAddressSpace),
                      .data_bytes = context.limit(kLimitData),
                      .stack_bytes = context.limit(kLimitStack)});
    exec.vdso = TRY(map_vdso(space)).value;
    choose_places(exec, chance);
    TRY_VOID(check_places(exec));
    TRY_VOID(map_image(space, *exec.file, exec.image, exec.image_bias));
    if (exec.interpreter)
        TRY_VOID(map_image(space, *exec.interpreter, exec.interpreter_image, exec.interpreter_bias));
    TRY_VOID(map_stack(exec, space));
    const uint64_t break_start =
        exec.image.highest + exec.image_bias + (chance.brk % kBreakRandomPages) * kPageSize;
    space.set_break_start(VirtualAddress{break_start});
    describe(exec);
    return {};
}

Status zero_tails(const Exec& exec) {
    const auto zero_image = [](const elf::Image& image, uint64_t bias) -> Status {
        for (const elf::Segment& segment : image.segments()) {
            // To the end of the page, beyond the segment's own: C libraries give that away as zeroed memory. What cannot
            // be written needs none (as Linux).
            const uint64_t from = segment.file_end(), to = page_ceiling(from);
            const bool has_tail = segment.memory_bytes > segment.file_bytes && segment.file_bytes != 0;
            if (!has_tail || from == to || !segment.is_writable) continue;
            TRY_VOID(user_memory::zero(bias + from, to - from));
        }
        return {};
    };
    TRY_VOID(zero_image(exec.image, exec.image_bias));
    if (exec.interpreter) TRY_VOID(zero_image(exec.interpreter_image, exec.interpreter_bias));
    return {};
}

}  // namespace gyre::linux
