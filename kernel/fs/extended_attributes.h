// SPDX-License-Identifier: MIT
//
// Extended attributes kept in memory (xattr(7)): user.*, trusted.* and security.* of a tmpfs inode.
// All functions want the inode's lock held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lib/base/result.h"

namespace gyre {

struct AttributeList {
    static constexpr size_t kMostNameBytes = 255;     // XATTR_NAME_MAX
    static constexpr size_t kMostValueBytes = 65536;  // XATTR_SIZE_MAX
    static constexpr size_t kMostTotalBytes =
        128 << 10;  // of one inode: what a program may make the kernel keep

    AttributeList() = default;
    AttributeList(const AttributeList&) = delete;
    AttributeList& operator=(const AttributeList&) = delete;
    ~AttributeList();

    // Errors: NoData. The view is valid while the lock is held.
    Result<std::span<const std::byte>> get(std::string_view name) const;
    // Errors: Exists (must_create), NoData (must_replace), NoSpace, NoMemory.
    Status set(std::string_view name, std::span<const std::byte> value, bool must_create,
               bool must_replace);
    Status remove(std::string_view name);
    bool is_empty() const { return !first_; }
    // Calls body(name) for each.
    template <class Body>
    void for_each(Body&& body) const {
        for (const Entry* entry = first_; entry; entry = entry->next)
            body(entry->name());
    }

private:
    struct Entry {
        Entry* next;
        uint32_t name_length, value_length;
        char* bytes() { return reinterpret_cast<char*>(this + 1); }
        const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
        std::string_view name() const { return {bytes(), name_length}; }
        size_t total() const { return sizeof(Entry) + name_length + value_length; }
    };
    Entry** find(std::string_view name);

    Entry* first_ = nullptr;
    size_t total_bytes_ = 0;
};

}  // namespace gyre
