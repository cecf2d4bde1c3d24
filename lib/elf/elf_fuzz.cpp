// SPDX-License-Identifier: MIT
//
// libFuzzer harness: whatever the bytes are, what the parser lets through keeps the promises of elf.h, which the loader
// relies on without looking again.
#include <cstdint>
#include <cstdlib>

#include "lib/elf/elf.h"

namespace {

constexpr uint64_t kEnd = 0x7fff'ffff'f000;

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace gyre::elf;
    const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    const auto header = parse_header(bytes);
    if (!header) return 0;
    require(header->table_bytes() <= kMostTableBytes);
    if (header->table_offset > size) return 0;
    Image image;
    if (!parse_table(*header, bytes.subspan(header->table_offset), kEnd, image)) return 0;
    require(image.segment_count >= 1 && image.segment_count <= kMostSegments);
    require(image.lowest < image.highest && image.highest <= kEnd);
    require((image.alignment & (image.alignment - 1)) == 0 && image.alignment >= kPageBytes);
    require(image.interpreter_bytes <= kMostInterpreterBytes);
    for (const Segment& segment : image.segments()) {
        require(segment.memory_bytes != 0 && segment.file_bytes <= segment.memory_bytes);
        require(segment.address >= image.lowest && segment.end() <= image.highest && segment.end() > segment.address);
        require((segment.address - segment.file_offset) % kPageBytes == 0);
        require(segment.file_offset + segment.file_bytes >= segment.file_offset);
    }
    return 0;
}
