// SPDX-License-Identifier: MIT
//
// See host_identity.h. There is one UTS namespace today.
#include "kernel/linux/host_identity.h"

#include <algorithm>
#include <cstring>

#include "kernel/sync/guarded.h"

namespace gyre::linux {
namespace {

struct Name {
    char text[kMostHostNameBytes] = {};
    size_t length = 0;

    constexpr Name(std::string_view initial) : length(initial.size()) {
        for (size_t i = 0; i < length; ++i)
            text[i] = initial[i];
    }
    size_t copy_to(std::span<char> buffer) const {
        const size_t count = std::min(length, buffer.size());
        std::memcpy(buffer.data(), text, count);
        return count;
    }
    void set(std::string_view name) {
        length = name.size();
        std::memcpy(text, name.data(), length);
    }
};

constinit Guarded<Name, LockRank::Leaf> g_host_name{std::string_view("gyre")};
constinit Guarded<Name, LockRank::Leaf> g_domain_name{std::string_view("(none)")};

Status set(Guarded<Name, LockRank::Leaf>& which, std::string_view name) {
    if (name.size() > kMostHostNameBytes) return fail(Error::InvalidArgument);
    which.with([&](Name& stored) { stored.set(name); });
    return {};
}

}  // namespace

size_t host_name(std::span<char> buffer) {
    return g_host_name.with([&](Name& stored) { return stored.copy_to(buffer); });
}
size_t domain_name(std::span<char> buffer) {
    return g_domain_name.with([&](Name& stored) { return stored.copy_to(buffer); });
}
Status set_host_name(std::string_view name) {
    return set(g_host_name, name);
}
Status set_domain_name(std::string_view name) {
    return set(g_domain_name, name);
}

}  // namespace gyre::linux
