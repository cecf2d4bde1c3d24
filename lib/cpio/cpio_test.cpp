// SPDX-License-Identifier: MIT
//
// Unit tests of the cpio reader, against archives written here byte by byte.
#include "lib/cpio/cpio.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace gyre::cpio {
namespace {

struct Maker {
    std::string bytes;

    void pad() {
        while (bytes.size() % 4 != 0)
            bytes.push_back('\0');
    }
    void header(std::initializer_list<uint32_t> fields, const char* magic = "070701") {
        bytes += magic;
        for (const uint32_t field : fields) {
            char digits[9];
            std::snprintf(digits, sizeof(digits), "%08X", field);
            bytes += digits;
        }
    }
    Maker& add(const std::string& name, uint32_t mode, const std::string& content,
               uint32_t inode = 1, uint32_t links = 1) {
        header({inode, mode, 1000, 100, links, 1234567, uint32_t(content.size()), 8, 1, 5, 3,
                uint32_t(name.size() + 1), 0});
        bytes += name;
        bytes.push_back('\0');
        pad();
        bytes += content;
        pad();
        return *this;
    }
    Maker& end() { return add("TRAILER!!!", 0, ""); }
    std::span<const std::byte> view() const { return std::as_bytes(std::span(bytes)); }
};

std::string text(const Entry& entry) {
    return {reinterpret_cast<const char*>(entry.content.data()), entry.content.size()};
}

void expect_damaged(const std::string& bytes) {
    Reader reader(std::as_bytes(std::span(bytes)));
    for (int i = 0; i < 100; ++i) {
        const auto next = reader.next();
        if (!next) {
            EXPECT_EQ(next.error(), Error::InputOutput);
            return;
        }
        ASSERT_TRUE(next->has_value()) << "the damage was not seen";
    }
    FAIL() << "endless";
}

TEST(Cpio, NothingIsEmpty) {
    Reader reader({});
    const auto next = reader.next();
    ASSERT_TRUE(next);
    EXPECT_FALSE(next->has_value());
}

TEST(Cpio, ReadsFields) {
    Maker maker;
    maker.add("etc/motd", 0100644, "hello", 7, 2).end();
    Reader reader(maker.view());
    const auto next = reader.next();
    ASSERT_TRUE(next && next->has_value());
    const Entry& entry = **next;
    EXPECT_EQ(entry.name, "etc/motd");
    EXPECT_EQ(entry.mode, 0100644u);
    EXPECT_EQ(entry.uid, 1000u);
    EXPECT_EQ(entry.gid, 100u);
    EXPECT_EQ(entry.inode, 7u);
    EXPECT_EQ(entry.link_count, 2u);
    EXPECT_EQ(entry.modify_seconds, 1234567u);
    EXPECT_EQ(entry.major, 8u);
    EXPECT_EQ(entry.minor, 1u);
    EXPECT_EQ(entry.special_major, 5u);
    EXPECT_EQ(entry.special_minor, 3u);
    EXPECT_EQ(text(entry), "hello");
    const auto end = reader.next();
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->has_value());
    EXPECT_EQ(reader.offset(), maker.bytes.size());
}

TEST(Cpio, SeveralArchivesWithPaddingBetween) {
    for (const size_t padding : {0u, 4u, 8u, 12u, 508u, 4096u}) {
        Maker maker;
        maker.add("a", 0100644, "1").end();
        maker.bytes.append(padding, '\0');
        maker.add("b", 0100644, "22").end();
        maker.bytes.append(padding, '\0');
        Reader reader(maker.view());
        const auto a = reader.next();
        ASSERT_TRUE(a && a->has_value()) << padding;
        EXPECT_EQ((*a)->name, "a");
        const auto b = reader.next();
        ASSERT_TRUE(b && b->has_value()) << padding;
        EXPECT_EQ((*b)->name, "b");
        EXPECT_EQ(text(**b), "22");
        const auto end = reader.next();
        ASSERT_TRUE(end);
        EXPECT_FALSE(end->has_value());
    }
}

TEST(Cpio, EveryContentLengthIsPaddedRight) {
    Maker maker;
    for (size_t length = 0; length < 9; ++length)
        maker.add("f" + std::string(length, 'x'), 0100600, std::string(length, 'c'));
    maker.end();
    Reader reader(maker.view());
    for (size_t length = 0; length < 9; ++length) {
        const auto next = reader.next();
        ASSERT_TRUE(next && next->has_value());
        EXPECT_EQ((*next)->name.size(), length + 1);
        EXPECT_EQ(text(**next), std::string(length, 'c'));
    }
}

TEST(Cpio, LastPaddingMayBeMissing) {
    Maker maker;
    maker.add("a", 0100644, "12345");
    maker.bytes.resize(maker.bytes.size() - 3);
    Reader reader(maker.view());
    const auto next = reader.next();
    ASSERT_TRUE(next && next->has_value());
    EXPECT_EQ(text(**next), "12345");
    EXPECT_FALSE(reader.next()->has_value());
}

TEST(Cpio, EveryTruncationIsDamageOrAnEarlierEnd) {
    Maker maker;
    maker.add("abc", 0100644, "content").end();
    for (size_t length = 1; length < maker.bytes.size(); ++length) {
        const std::string cut = maker.bytes.substr(0, length);
        Reader reader(std::as_bytes(std::span(cut)));
        int entries = 0;
        for (;;) {
            const auto next = reader.next();
            if (!next || !next->has_value()) break;
            ++entries;
            EXPECT_EQ(text(**next), "content");
        }
        EXPECT_LE(entries, 1);
    }
    expect_damaged(maker.bytes.substr(0, 100));
    expect_damaged(maker.bytes.substr(0, 112));
    expect_damaged(maker.bytes.substr(0, 118));
}

TEST(Cpio, DamagedHeaders) {
    Maker good;
    good.add("abc", 0100644, "content").end();
    for (size_t at = 0; at < 110; ++at) {
        std::string bytes = good.bytes;
        bytes[at] = 'z';
        expect_damaged(bytes);
    }
    Maker old;
    old.header({1, 0100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0}, "070707");
    old.bytes += std::string("a\0", 2);
    expect_damaged(old.bytes);
}

TEST(Cpio, LiesAboutLengths) {
    for (const uint32_t name_size : {0u, 1u, 5u, 4097u, 0x7fffffffu, 0xffffffffu}) {
        Maker maker;
        maker.header({1, 0100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, name_size, 0});
        maker.bytes += std::string("a\0", 2);
        expect_damaged(maker.bytes);
    }
    for (const uint32_t file_size : {1u, 0x7fffffffu, 0xfffffffcu, 0xffffffffu}) {
        Maker maker;
        maker.header({1, 0100644, 0, 0, 1, 0, file_size, 0, 0, 0, 0, 2, 0});
        maker.bytes += std::string("a\0", 2);
        expect_damaged(maker.bytes);
    }
}

TEST(Cpio, NamesEndAtTheFirstZero) {
    // Padded, so that the content starts where the writer wants it.
    Maker padded;
    padded.header({1, 0100644, 0, 0, 1, 0, 3, 0, 0, 0, 0, 402, 0});
    padded.bytes += "init" + std::string(398, '\0') + "abc";
    Reader reader(padded.view());
    const auto next = reader.next();
    ASSERT_TRUE(next && next->has_value());
    EXPECT_EQ((*next)->name, "init");
    EXPECT_EQ(text(**next), "abc");
    EXPECT_EQ((*next)->content.data() - padded.view().data(), 512);

    Maker empty;
    empty.header({1, 0100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0});
    empty.bytes += std::string("\0b\0\0", 4);
    expect_damaged(empty.bytes);
    Maker unterminated;
    unterminated.header({1, 0100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0});
    unterminated.bytes += "ab";
    expect_damaged(unterminated.bytes);
}

TEST(Cpio, GarbageBetweenArchives) {
    Maker maker;
    maker.add("a", 0100644, "1").end();
    maker.bytes += "junk";
    expect_damaged(maker.bytes);
}

}  // namespace
}  // namespace gyre::cpio
