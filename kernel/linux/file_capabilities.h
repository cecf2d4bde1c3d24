// SPDX-License-Identifier: MIT
//
// The capabilities of a file: the extended attribute security.capability (capabilities(7); struct vfs_cap_data in
// linux/capability.h), of version 2, or of 3 with the user who is root where it holds. Leaves out version 1, which
// no system has written since 2008 and setxattr(2) refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace gyre {
class Inode;
}

namespace gyre::linux {

struct FileCapabilities {
    static constexpr std::string_view kAttribute = "security.capability";
    static constexpr size_t kBytes2 = 20, kBytes3 = 24;
    static constexpr uint32_t kVersionMask = 0xff00'0000, kVersion2 = 0x0200'0000, kVersion3 = 0x0300'0000, kEffective = 1;

    uint64_t permitted = 0, inheritable = 0;
    bool is_effective = false;
    uint32_t root_uid = 0;

    // None when the bytes are of no form that execution knows.
    static std::optional<FileCapabilities> parse(std::span<const std::byte> value);
    // Those of an inode that hold here; none when it has no such attribute. Takes the inode's lock.
    static std::optional<FileCapabilities> of(Inode& inode);
};

}  // namespace gyre::linux
