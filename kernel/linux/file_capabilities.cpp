// SPDX-License-Identifier: MIT
#include "kernel/linux/file_capabilities.h"

#include <cstring>

#include "kernel/fs/extended_attributes.h"
#include "kernel/fs/inode.h"
#include "kernel/object/credentials.h"

namespace gyre::linux {

std::optional<FileCapabilities> FileCapabilities::parse(std::span<const std::byte> value) {
    struct {
        uint32_t magic;
        struct {
            uint32_t permitted, inheritable;
        } words[2];
        uint32_t root_uid;
    } data{};
    static_assert(sizeof(data) == kBytes3);
    if (value.size() != kBytes2 && value.size() != kBytes3) return std::nullopt;
    std::memcpy(&data, value.data(), value.size());
    if ((data.magic & kVersionMask) != (value.size() == kBytes2 ? kVersion2 : kVersion3)) return std::nullopt;
    FileCapabilities capabilities;
    capabilities.permitted = (data.words[0].permitted | uint64_t{data.words[1].permitted} << 32) & kAllCapabilities;
    capabilities.inheritable = (data.words[0].inheritable | uint64_t{data.words[1].inheritable} << 32) & kAllCapabilities;
    capabilities.is_effective = (data.magic & kEffective) != 0;
    capabilities.root_uid = data.root_uid;
    return capabilities;
}

std::optional<FileCapabilities> FileCapabilities::of(Inode& inode) {
    AttributeList* attributes = inode.attributes();
    if (!attributes) return std::nullopt;
    MutexGuard guard(inode.lock());
    const Result<std::span<const std::byte>> value = attributes->get(kAttribute);
    if (!value) return std::nullopt;
    const std::optional<FileCapabilities> found = parse(*value);
    // There is one user namespace, and its root is user 0.
    return found && found->root_uid == 0 ? found : std::nullopt;
}

}  // namespace gyre::linux
