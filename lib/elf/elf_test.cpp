// SPDX-License-Identifier: MIT
//
// Programs built byte by byte: what is accepted, and what hostile ones must be refused for.
#include "lib/elf/elf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace gyre::elf {
namespace {

constexpr uint64_t kEnd = 0x7fff'ffff'f000;

// The smallest program: one header, a table behind it.
class Builder {
public:
    Builder() : bytes_(kHeaderBytes) {
        const unsigned char identity[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
        std::memcpy(bytes_.data(), identity, sizeof(identity));
        put16(16, 2).put16(18, 62).put32(20, 1).put64(24, 0x401000).put64(32, kHeaderBytes).put16(52, 64).put16(54, 56);
    }
    Builder& put16(size_t at, uint16_t value) { return put(at, &value, 2); }
    Builder& put32(size_t at, uint32_t value) { return put(at, &value, 4); }
    Builder& put64(size_t at, uint64_t value) { return put(at, &value, 8); }
    Builder& program_header(uint32_t type, uint32_t flags, uint64_t offset, uint64_t address, uint64_t file_bytes,
                            uint64_t memory_bytes, uint64_t alignment = 4096) {
        const size_t at = bytes_.size();
        bytes_.resize(at + kProgramHeaderBytes);
        put32(at, type).put32(at + 4, flags).put64(at + 8, offset).put64(at + 16, address).put64(at + 24, address);
        put64(at + 32, file_bytes).put64(at + 40, memory_bytes).put64(at + 48, alignment);
        return put16(56, static_cast<uint16_t>(++count_));
    }
    std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }
    Result<Image> parse() const {
        const Header header = TRY(parse_header(bytes()));
        Image image;
        TRY_VOID(parse_table(header, bytes().subspan(kHeaderBytes), kEnd, image));
        return image;
    }

private:
    Builder& put(size_t at, const void* from, size_t length) {
        std::memcpy(bytes_.data() + at, from, length);
        return *this;
    }
    std::vector<unsigned char> bytes_;
    int count_ = 0;
};

Error error_of(const Builder& builder) {
    const auto parsed = builder.parse();
    return parsed ? Error::Count : parsed.error();
}

TEST(Elf, ReadsAStaticProgram) {
    const auto image = Builder()
                           .program_header(1, 5, 0, 0x400000, 0x1234, 0x1234)
                           .program_header(1, 6, 0x2e10, 0x403e10, 0x1f0, 0x5000)
                           .program_header(0x6474e551, 6, 0, 0, 0, 0)
                           .parse();
    ASSERT_TRUE(image);
    EXPECT_EQ(image->type, Type::Fixed);
    EXPECT_EQ(image->entry, 0x401000u);
    ASSERT_EQ(image->segment_count, 2u);
    EXPECT_EQ(image->lowest, 0x400000u);
    EXPECT_EQ(image->highest, 0x409000u);
    EXPECT_EQ(image->table_address, 0x400040u);
    EXPECT_TRUE(image->segments()[0].is_executable);
    EXPECT_FALSE(image->segments()[0].is_writable);
    EXPECT_EQ(image->segments()[1].file_end(), 0x404000u);
    EXPECT_TRUE(image->has_stack_header);
    EXPECT_FALSE(image->is_stack_executable);
    EXPECT_EQ(image->interpreter_bytes, 0u);
}

TEST(Elf, ReadsAMovableProgramWithInterpreter) {
    const auto image = Builder()
                           .put16(16, 3)
                           .program_header(6, 4, 64, 64, 168, 168, 8)
                           .program_header(3, 4, 0x318, 0x318, 28, 28, 1)
                           .program_header(1, 5, 0, 0, 0x5000, 0x5000, 0x200000)
                           .parse();
    ASSERT_TRUE(image);
    EXPECT_EQ(image->type, Type::Movable);
    EXPECT_EQ(image->table_address, 64u);
    EXPECT_EQ(image->interpreter_offset, 0x318u);
    EXPECT_EQ(image->interpreter_bytes, 28u);
    EXPECT_EQ(image->alignment, 0x200000u);
}

TEST(Elf, RefusesWhatIsNoProgram) {
    const Builder good = Builder().program_header(1, 5, 0, 0x400000, 16, 16);
    EXPECT_EQ(error_of(good), Error::Count);
    EXPECT_EQ(error_of(Builder()), Error::NotExecutable);                          // no program headers
    EXPECT_EQ(error_of(Builder(good).put16(0, 0x2123)), Error::NotExecutable);     // magic
    EXPECT_EQ(error_of(Builder(good).put16(4, 0x0101)), Error::NotExecutable);     // 32 bit
    EXPECT_EQ(error_of(Builder(good).put16(4, 0x0202)), Error::NotExecutable);     // big endian
    EXPECT_EQ(error_of(Builder(good).put16(16, 1)), Error::NotExecutable);         // object file
    EXPECT_EQ(error_of(Builder(good).put16(16, 4)), Error::NotExecutable);         // core
    EXPECT_EQ(error_of(Builder(good).put16(18, 3)), Error::NotExecutable);         // i386
    EXPECT_EQ(error_of(Builder(good).put16(54, 32)), Error::NotExecutable);        // size of a program header
    EXPECT_EQ(error_of(Builder(good).put16(56, 2)), Error::NotExecutable);         // table longer than the bytes
    EXPECT_EQ(error_of(Builder(good).put16(56, 0xffff)), Error::NotExecutable);    // table longer than the limit
    EXPECT_EQ(error_of(Builder(good).put64(32, ~uint64_t{0})), Error::NotExecutable);
    EXPECT_EQ(parse_header(good.bytes().first(kHeaderBytes - 1)).error(), Error::NotExecutable);
    EXPECT_EQ(error_of(Builder().program_header(4, 4, 0, 0, 16, 16)), Error::NotExecutable);  // nothing to load
}

TEST(Elf, RefusesSegmentsThatCannotBe) {
    const auto one = [](uint64_t offset, uint64_t address, uint64_t file_bytes, uint64_t memory_bytes) {
        return error_of(Builder().program_header(1, 5, offset, address, file_bytes, memory_bytes));
    };
    EXPECT_EQ(one(0, 0x400000, 17, 16), Error::InvalidArgument);             // more in the file than in memory
    EXPECT_EQ(one(1, 0x400000, 16, 16), Error::InvalidArgument);             // not the same within a page
    EXPECT_EQ(one(0, kEnd, 16, 16), Error::InvalidArgument);                 // beyond the program's half
    EXPECT_EQ(one(0, kEnd - 4096, 16, 4097), Error::InvalidArgument);
    EXPECT_EQ(one(0, kEnd - 4096, 16, 4096), Error::Count);
    EXPECT_EQ(one(0, ~uint64_t{4095}, 16, 8192), Error::InvalidArgument);    // wraps
    EXPECT_EQ(one(0, 0x1000, 16, ~uint64_t{0}), Error::InvalidArgument);
    EXPECT_EQ(one(~uint64_t{4095}, 0x400000, 8192, 8192), Error::InvalidArgument);  // the offset wraps
    EXPECT_EQ(one(0, 0x400000, 0, 0), Error::NotExecutable);                 // empty ones do not count
}

TEST(Elf, HasLimits) {
    Builder many;
    for (size_t i = 0; i < kMostSegments; ++i) many.program_header(1, 4, 0, 0x400000 + i * 0x1000, 16, 16);
    EXPECT_EQ(error_of(many), Error::Count);
    many.program_header(1, 4, 0, 0x600000, 16, 16);
    EXPECT_EQ(error_of(many), Error::NotExecutable);

    const auto interpreter = [](uint64_t offset, uint64_t bytes) {
        return error_of(Builder().program_header(3, 4, offset, 0, bytes, bytes).program_header(1, 5, 0, 0, 16, 16));
    };
    EXPECT_EQ(interpreter(64, 1), Error::NotExecutable);
    EXPECT_EQ(interpreter(64, 2), Error::Count);
    EXPECT_EQ(interpreter(64, kMostInterpreterBytes), Error::Count);
    EXPECT_EQ(interpreter(64, kMostInterpreterBytes + 1), Error::NotExecutable);
    EXPECT_EQ(interpreter(~uint64_t{0}, 16), Error::NotExecutable);
}

TEST(Elf, IgnoresNonsenseInAlignment) {
    const auto image = Builder().program_header(1, 5, 0, 0x400000, 16, 16, 0x3000).parse();
    ASSERT_TRUE(image);
    EXPECT_EQ(image->alignment, kPageBytes);
    const auto large = Builder().program_header(1, 5, 0, 0x400000, 16, 16, uint64_t{1} << 63).parse();
    ASSERT_TRUE(large);
    EXPECT_EQ(large->alignment, kPageBytes);
}

}  // namespace
}  // namespace gyre::elf
