// SPDX-License-Identifier: MIT
//
// Extended attributes in memory: a list, because files have few.
#include "kernel/fs/extended_attributes.h"

#include <cstring>
#include <new>

namespace gyre {

AttributeList::~AttributeList() {
    while (Entry* entry = first_) {
        first_ = entry->next;
        ::operator delete(entry);
    }
}

AttributeList::Entry** AttributeList::find(std::string_view name) {
    Entry** link = &first_;
    while (*link && (*link)->name() != name)
        link = &(*link)->next;
    return link;
}

Result<std::span<const std::byte>> AttributeList::get(std::string_view name) const {
    const Entry* entry = *const_cast<AttributeList*>(this)->find(name);
    if (!entry) return fail(Error::NoData);
    return std::span(reinterpret_cast<const std::byte*>(entry->bytes() + entry->name_length),
                     entry->value_length);
}

Status AttributeList::set(std::string_view name, std::span<const std::byte> value, bool must_create,
                          bool must_replace) {
    Entry** link = find(name);
    Entry* old = *link;
    if (old && must_create) return fail(Error::Exists);
    if (!old && must_replace) return fail(Error::NoData);
    const size_t size = sizeof(Entry) + name.size() + value.size();
    if (total_bytes_ - (old ? old->total() : 0) + size > kMostTotalBytes)
        return fail(Error::NoSpace);
    void* memory = ::operator new(size, std::nothrow);
    if (!memory) return fail(Error::NoMemory);
    auto* entry = new (memory) Entry{old ? old->next : nullptr, static_cast<uint32_t>(name.size()),
                                     static_cast<uint32_t>(value.size())};
    std::memcpy(entry->bytes(), name.data(), name.size());
    if (!value.empty()) std::memcpy(entry->bytes() + name.size(), value.data(), value.size());
    *link = entry;
    total_bytes_ += size;
    if (old) {
        total_bytes_ -= old->total();
        ::operator delete(old);
    }
    return {};
}

Status AttributeList::remove(std::string_view name) {
    Entry** link = find(name);
    Entry* entry = *link;
    if (!entry) return fail(Error::NoData);
    *link = entry->next;
    total_bytes_ -= entry->total();
    ::operator delete(entry);
    return {};
}

}  // namespace gyre
