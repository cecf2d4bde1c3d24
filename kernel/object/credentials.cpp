// SPDX-License-Identifier: MIT
//
// See credentials.h.
#include "kernel/object/credentials.h"

#include <algorithm>
#include <new>

namespace gyre {

Result<Ref<Credentials>> Credentials::create(const CredentialValues& values, std::span<const uint32_t> groups) {
    if (groups.size() > kMaxGroups) return fail(Error::InvalidArgument);
    Ref<Credentials> made = Ref<Credentials>::adopt(new (std::nothrow) Credentials());
    if (!made) return fail(Error::NoMemory);
    made->values_ = values;
    if (!groups.empty()) {
        made->groups_ = new (std::nothrow) uint32_t[groups.size()];
        if (!made->groups_) return fail(Error::NoMemory);
        made->group_count_ = static_cast<uint32_t>(groups.size());
        std::copy(groups.begin(), groups.end(), made->groups_);
        // Heap sort, not std::sort: bounded depth on whatever a program hands in, and no library code beyond templates.
        std::make_heap(made->groups_, made->groups_ + groups.size());
        std::sort_heap(made->groups_, made->groups_ + groups.size());
    }
    return made;
}

Credentials::~Credentials() { delete[] groups_; }

bool Credentials::is_in_group(uint32_t gid) const {
    return gid == values_.filesystem_gid || std::binary_search(groups_, groups_ + group_count_, gid);
}

bool Credentials::is_effectively_in_group(uint32_t gid) const {
    return gid == values_.effective_gid || std::binary_search(groups_, groups_ + group_count_, gid);
}

}  // namespace gyre
