// SPDX-License-Identifier: MIT
//
// The strings of argv or envp on their way from the old program's memory to the new one's: copied in once, one behind the
// other, with where each begins. They stand in chunks that are allocated as they fill.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/result.h"

namespace gyre::linux {

class StringList {
public:
    static constexpr size_t kMostStringBytes = 128 * 1024;  // MAX_ARG_STRLEN, with the zero

    StringList() = default;
    StringList(const StringList&) = delete;
    StringList& operator=(const StringList&) = delete;
    ~StringList();

    // Errors: NoMemory, ArgumentListTooLong.
    Status append(std::string_view text);
    // Every string of a null-terminated array of pointers; a null address is an empty array. `budget` counts down what all
    // strings with their pointers may still take. Errors: BadAddress, ArgumentListTooLong, NoMemory, Interrupted.
    Status read(uint64_t array_address, uint64_t& budget);
    // Forgets the first one, when there is one (a script's argv[0]).
    void drop_first();

    uint32_t count() const { return count_ - first_; }
    uint64_t bytes() const { return bytes_ - first_byte(); }   // with the zeroes
    // Writes the strings from `address` on, and into the array at `pointers` where each begins; in the current address
    // space. Errors: BadAddress.
    Status write(uint64_t address, uint64_t pointers) const;

private:
    static constexpr size_t kChunkBytes = 4096 - 16;
    static constexpr size_t kInlineBytes = 1024;
    static constexpr uint32_t kInlineStarts = 64, kChunkStarts = 510;

    struct Chunk {
        Chunk* next;
        char bytes[kChunkBytes];
    };
    struct StartChunk {
        StartChunk* next;
        uint64_t starts[kChunkStarts];
    };
    struct Room {
        char* at;
        size_t length;
    };
    // Room for more bytes, at least one. Errors: NoMemory.
    Result<Room> room();
    Status note_start();
    uint64_t start_of(uint32_t index) const;
    uint64_t first_byte() const;

    uint32_t count_ = 0;
    uint32_t first_ = 0;          // how many were dropped
    uint64_t bytes_ = 0;
    Chunk* chunks_ = nullptr;
    Chunk* last_chunk_ = nullptr;
    size_t used_of_last_ = 0;
    StartChunk* start_chunks_ = nullptr;
    StartChunk* last_start_chunk_ = nullptr;
    size_t inline_used_ = 0;
    // Most programs get by with these.
    std::array<uint64_t, kInlineStarts> inline_starts_;
    std::array<char, kInlineBytes> inline_;
};

}  // namespace gyre::linux
