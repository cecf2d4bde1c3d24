// SPDX-License-Identifier: MIT
//
// See elf.h.
#include "lib/elf/elf.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gyre::elf {
namespace {

constexpr std::array<std::byte, 7> kIdentity{std::byte{0x7f}, std::byte{'E'}, std::byte{'L'}, std::byte{'F'},
                                             std::byte{2} /* 64 bit */, std::byte{1} /* little endian */,
                                             std::byte{1} /* version */};

struct RawHeader {  // Elf64_Ehdr
    std::byte identity[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_bytes, program_bytes, program_count, section_bytes, section_count, name_index;
};
static_assert(sizeof(RawHeader) == kHeaderBytes);

struct RawProgramHeader {  // Elf64_Phdr
    uint32_t type, flags;
    uint64_t offset, address, physical_address, file_bytes, memory_bytes, alignment;
};
static_assert(sizeof(RawProgramHeader) == kProgramHeaderBytes);

constexpr uint16_t kTypeFixed = 2, kTypeMovable = 3, kMachineX86_64 = 62;
constexpr uint32_t kLoad = 1, kInterpreter = 3, kProgramHeaders = 6, kStack = 0x6474e551;
constexpr uint32_t kExecute = 1, kWrite = 2, kRead = 4;
constexpr uint64_t kMostAlignment = uint64_t{1} << 30;

constexpr uint64_t floor_to_page(uint64_t value) { return value & ~(kPageBytes - 1); }
constexpr uint64_t ceil_to_page(uint64_t value) { return (value + kPageBytes - 1) & ~(kPageBytes - 1); }

Status add_segment(const RawProgramHeader& raw, uint64_t address_end, Image& image) {
    if (raw.memory_bytes == 0) return {};
    if (raw.file_bytes > raw.memory_bytes) return fail(Error::InvalidArgument);
    if (raw.memory_bytes > address_end || raw.address > address_end - raw.memory_bytes)
        return fail(Error::InvalidArgument);
    // A page of the file is mapped where its bytes belong, or not at all.
    if ((raw.address - raw.offset) % kPageBytes != 0) return fail(Error::InvalidArgument);
    if (raw.offset > INT64_MAX - raw.file_bytes) return fail(Error::InvalidArgument);
    if (image.segment_count == kMostSegments) return fail(Error::NotExecutable);
    Segment& segment = image.storage[image.segment_count++];
    segment = {.address = raw.address,
               .memory_bytes = raw.memory_bytes,
               .file_offset = raw.offset,
               .file_bytes = raw.file_bytes,
               .is_readable = (raw.flags & kRead) != 0,
               .is_writable = (raw.flags & kWrite) != 0,
               .is_executable = (raw.flags & kExecute) != 0};
    const uint64_t start = floor_to_page(segment.address), end = ceil_to_page(segment.end());
    image.lowest = image.segment_count == 1 ? start : std::min(image.lowest, start);
    image.highest = std::max(image.highest, end);
    // Nonsense in p_align is nobody's error, as Linux: it is then not kept.
    if (std::has_single_bit(raw.alignment) && raw.alignment <= kMostAlignment)
        image.alignment = std::max(image.alignment, raw.alignment);
    return {};
}

// The table in memory: where PT_PHDR says, else in the segment that holds its bytes of the file.
uint64_t find_table(const Header& header, const Image& image) {
    for (const Segment& segment : image.segments())
        if (segment.file_offset <= header.table_offset &&
            header.table_offset - segment.file_offset < segment.file_bytes)
            return segment.address + (header.table_offset - segment.file_offset);
    return 0;
}

}  // namespace

Result<Header> parse_header(std::span<const std::byte> head) {
    if (head.size() < kHeaderBytes) return fail(Error::NotExecutable);
    RawHeader raw;
    std::memcpy(&raw, head.data(), sizeof(raw));
    if (!std::equal(kIdentity.begin(), kIdentity.end(), raw.identity)) return fail(Error::NotExecutable);
    if (raw.type != kTypeFixed && raw.type != kTypeMovable) return fail(Error::NotExecutable);
    if (raw.machine != kMachineX86_64) return fail(Error::NotExecutable);
    if (raw.program_bytes != kProgramHeaderBytes || raw.program_count == 0) return fail(Error::NotExecutable);
    const Header header{.type = raw.type == kTypeMovable ? Type::Movable : Type::Fixed,
                        .entry = raw.entry,
                        .table_offset = raw.program_offset,
                        .table_count = raw.program_count};
    if (header.table_bytes() > kMostTableBytes) return fail(Error::NotExecutable);
    if (header.table_offset > INT64_MAX - kMostTableBytes) return fail(Error::NotExecutable);
    return header;
}

Status parse_table(const Header& header, std::span<const std::byte> table, uint64_t address_end, Image& image) {
    if (table.size() < header.table_bytes()) return fail(Error::NotExecutable);
    image.type = header.type;
    image.entry = header.entry;
    image.lowest = image.highest = image.table_address = 0;
    image.alignment = kPageBytes;
    image.table_count = header.table_count;
    image.interpreter_offset = image.interpreter_bytes = 0;
    image.has_stack_header = image.is_stack_executable = false;
    image.segment_count = 0;
    for (uint32_t i = 0; i < header.table_count; ++i) {
        RawProgramHeader raw;
        std::memcpy(&raw, table.data() + i * kProgramHeaderBytes, sizeof(raw));
        switch (raw.type) {
            case kLoad: TRY_VOID(add_segment(raw, address_end, image)); break;
            case kInterpreter:
                if (image.interpreter_bytes != 0) break;  // the first one counts
                if (raw.file_bytes < 2 || raw.file_bytes > kMostInterpreterBytes ||
                    raw.offset > INT64_MAX - kMostInterpreterBytes)
                    return fail(Error::NotExecutable);
                image.interpreter_offset = raw.offset;
                image.interpreter_bytes = raw.file_bytes;
                break;
            case kProgramHeaders: image.table_address = raw.address; break;
            case kStack:
                image.has_stack_header = true;
                image.is_stack_executable = (raw.flags & kExecute) != 0;
                break;
            default: break;
        }
    }
    if (image.segment_count == 0) return fail(Error::NotExecutable);
    if (image.table_address == 0) image.table_address = find_table(header, image);
    return {};
}

}  // namespace gyre::elf
