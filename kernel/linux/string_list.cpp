// SPDX-License-Identifier: MIT
//
// See string_list.h.
#include "kernel/linux/string_list.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "kernel/memory/user.h"
#include "kernel/schedule/thread.h"

namespace gyre::linux {

StringList::~StringList() {
    while (chunks_) {
        Chunk* next = chunks_->next;
        ::operator delete(chunks_);
        chunks_ = next;
    }
    while (start_chunks_) {
        StartChunk* next = start_chunks_->next;
        ::operator delete(start_chunks_);
        start_chunks_ = next;
    }
}

Result<StringList::Room> StringList::room() {
    if (inline_used_ < kInlineBytes) return Room{inline_.data() + inline_used_, kInlineBytes - inline_used_};
    if (!last_chunk_ || used_of_last_ == kChunkBytes) {
        auto* chunk = static_cast<Chunk*>(::operator new(sizeof(Chunk), std::nothrow));
        if (!chunk) return fail(Error::NoMemory);
        chunk->next = nullptr;
        (last_chunk_ ? last_chunk_->next : chunks_) = chunk;
        last_chunk_ = chunk;
        used_of_last_ = 0;
    }
    return Room{last_chunk_->bytes + used_of_last_, kChunkBytes - used_of_last_};
}

Status StringList::note_start() {
    if (count_ < kInlineStarts) {
        inline_starts_[count_++] = bytes_;
        return {};
    }
    const uint32_t at = (count_ - kInlineStarts) % kChunkStarts;
    if (at == 0) {
        auto* chunk = static_cast<StartChunk*>(::operator new(sizeof(StartChunk), std::nothrow));
        if (!chunk) return fail(Error::NoMemory);
        chunk->next = nullptr;
        (last_start_chunk_ ? last_start_chunk_->next : start_chunks_) = chunk;
        last_start_chunk_ = chunk;
    }
    last_start_chunk_->starts[at] = bytes_;
    ++count_;
    return {};
}

Status StringList::append(std::string_view text) {
    TRY_VOID(note_start());
    for (size_t done = 0; done <= text.size();) {
        const Room place = TRY(room());
        const size_t length = std::min(place.length, text.size() + 1 - done);
        for (size_t i = 0; i < length; ++i) place.at[i] = done + i < text.size() ? text[done + i] : '\0';
        done += length;
        bytes_ += length;
        (inline_used_ < kInlineBytes ? inline_used_ : used_of_last_) += length;
    }
    return {};
}

Status StringList::read(uint64_t array_address, uint64_t& budget) {
    if (array_address == 0) return {};
    for (size_t index = 0;; ++index) {
        const uint64_t address = TRY(UserIn<uint64_t>(array_address).read(index));
        if (address == 0) return {};
        TRY_VOID(note_start());
        const uint64_t start = bytes_;
        for (bool is_complete = false; !is_complete;) {
            const Room place = TRY(room());
            const Result<size_t> copied =
                user_memory::copy_string_in(place.at, address + (bytes_ - start), place.length);
            if (!copied && copied.error() != Error::NameTooLong) return fail(copied.error());
            is_complete = copied.has_value();
            const size_t length = is_complete ? *copied + 1 : place.length;
            bytes_ += length;
            (inline_used_ < kInlineBytes ? inline_used_ : used_of_last_) += length;
            if (bytes_ - start > kMostStringBytes) return fail(Error::ArgumentListTooLong);
        }
        const uint64_t cost = bytes_ - start + sizeof(uint64_t);
        if (cost > budget) return fail(Error::ArgumentListTooLong);
        budget -= cost;
        if (index % 256 == 255) {
            Thread::preemption_point();
            if (Thread::current().has_interruption(Interruption::Kill)) return fail(Error::Interrupted);
        }
    }
}

void StringList::drop_first() {
    if (first_ < count_) ++first_;
}

uint64_t StringList::start_of(uint32_t index) const {
    if (index < kInlineStarts) return inline_starts_[index];
    index -= kInlineStarts;
    const StartChunk* chunk = start_chunks_;
    for (; index >= kChunkStarts; index -= kChunkStarts) chunk = chunk->next;
    return chunk->starts[index];
}

uint64_t StringList::first_byte() const { return first_ == 0 ? 0 : (first_ < count_ ? start_of(first_) : bytes_); }

Status StringList::write(uint64_t address, uint64_t pointers) const {
    const uint64_t skipped = first_byte();
    const auto write_bytes = [&](const char* from, uint64_t start, size_t length) -> Status {
        const uint64_t skip = start < skipped ? std::min<uint64_t>(skipped - start, length) : 0;
        if (skip == length) return {};
        return user_memory::copy_out(address + (start + skip - skipped), from + skip, length - skip);
    };
    TRY_VOID(write_bytes(inline_.data(), 0, inline_used_));
    uint64_t start = inline_used_;
    for (const Chunk* chunk = chunks_; chunk; chunk = chunk->next) {
        const size_t length = chunk == last_chunk_ ? used_of_last_ : kChunkBytes;
        TRY_VOID(write_bytes(chunk->bytes, start, length));
        start += length;
    }
    // The pointers, a handful at a time.
    uint64_t batch[32];
    size_t in_batch = 0;
    const StartChunk* chunk = start_chunks_;
    for (uint32_t i = 0; i < count_; ++i) {
        const uint32_t at = i < kInlineStarts ? 0 : (i - kInlineStarts) % kChunkStarts;
        if (i > kInlineStarts && at == 0) chunk = chunk->next;
        if (i < first_) continue;
        batch[in_batch++] = address + ((i < kInlineStarts ? inline_starts_[i] : chunk->starts[at]) - skipped);
        if (in_batch < std::size(batch) && i + 1 < count_) continue;
        TRY_VOID(user_memory::copy_out(pointers, batch, in_batch * sizeof(uint64_t)));
        pointers += in_batch * sizeof(uint64_t);
        in_batch = 0;
    }
    return {};
}

}  // namespace gyre::linux
