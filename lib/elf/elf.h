// SPDX-License-Identifier: MIT
//
// What a loader must know of an ELF64 program for x86-64 (System V ABI, chapters 4 and 5; elf(5)): header and program
// headers, read from bytes that nobody vouches for. Pure: it neither allocates nor touches a file; the caller brings the
// bytes and maps what comes out. Leaves out sections, symbols and relocations, which are the program's own business.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/base/result.h"

namespace gyre::elf {

constexpr size_t kHeaderBytes = 64;
constexpr size_t kProgramHeaderBytes = 56;
constexpr size_t kMostTableBytes = 65536;       // of program headers, as Linux
constexpr size_t kMostSegments = 32;            // PT_LOAD; linkers make four to six
constexpr size_t kMostInterpreterBytes = 4096;  // PATH_MAX, with the zero
constexpr uint64_t kPageBytes = 4096;

enum class Type : uint8_t { Fixed, Movable };   // ET_EXEC, ET_DYN

struct Header {
    Type type = Type::Fixed;
    uint64_t entry = 0;
    uint64_t table_offset = 0;      // of the program headers in the file
    uint32_t table_count = 0;
    constexpr size_t table_bytes() const { return table_count * kProgramHeaderBytes; }
};

// The first bytes of a file, at least kHeaderBytes of them. Errors: NotExecutable.
Result<Header> parse_header(std::span<const std::byte> head);

struct Segment {
    uint64_t address;       // before the bias is added
    uint64_t memory_bytes;
    uint64_t file_offset;   // the same as `address` within a page
    uint64_t file_bytes;    // at most memory_bytes; the rest is zero
    bool is_readable, is_writable, is_executable;

    constexpr uint64_t end() const { return address + memory_bytes; }
    constexpr uint64_t file_end() const { return address + file_bytes; }
};

struct Image {
    Type type = Type::Fixed;
    uint64_t entry = 0;
    uint64_t lowest = 0, highest = 0;       // page bounds of all segments
    uint64_t alignment = kPageBytes;        // that the bias must keep; a power of two
    uint64_t table_address = 0;             // of the program headers in memory (AT_PHDR); 0 when in no segment
    uint32_t table_count = 0;
    uint64_t interpreter_offset = 0;        // in the file
    uint64_t interpreter_bytes = 0;         // with the zero; 0: none wanted
    bool has_stack_header = false;          // PT_GNU_STACK is there,
    bool is_stack_executable = false;       // and asks for this
    uint32_t segment_count = 0;
    std::array<Segment, kMostSegments> storage;  // the first segment_count are valid; no need to clear the rest

    std::span<const Segment> segments() const { return {storage.data(), segment_count}; }
    constexpr uint64_t span_bytes() const { return highest - lowest; }
};

// `table` are header.table_bytes() bytes. Every segment lies in [0, address_end), so that sums with addresses of the
// image cannot overflow. Errors: NotExecutable, and InvalidArgument for segments that cannot be mapped.
Status parse_table(const Header& header, std::span<const std::byte> table, uint64_t address_end, Image& image);

}  // namespace gyre::elf
