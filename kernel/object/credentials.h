// SPDX-License-Identifier: MIT
//
// Who a process acts for: the Linux set of user and group identities and capabilities, immutable once made. A
// change makes a new object and swaps the reference, so a reader holds a consistent set without a lock.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/ref.h"

namespace gyre {

// capabilities(7), as bit numbers.
enum class Capability : uint8_t {
    Chown = 0, DacOverride = 1, DacReadSearch = 2, Fowner = 3, Fsetid = 4, Kill = 5, Setgid = 6, Setuid = 7,
    Setpcap = 8, LinuxImmutable = 9, NetBindService = 10, NetBroadcast = 11, NetAdmin = 12, NetRaw = 13,
    IpcLock = 14, IpcOwner = 15, SysModule = 16, SysRawio = 17, SysChroot = 18, SysPtrace = 19, SysPacct = 20,
    SysAdmin = 21, SysBoot = 22, SysNice = 23, SysResource = 24, SysTime = 25, SysTtyConfig = 26, Mknod = 27,
    Lease = 28, AuditWrite = 29, AuditControl = 30, Setfcap = 31, MacOverride = 32, MacAdmin = 33, Syslog = 34,
    WakeAlarm = 35, BlockSuspend = 36, AuditRead = 37, Perfmon = 38, Bpf = 39, CheckpointRestore = 40,
};
constexpr uint64_t kAllCapabilities = (uint64_t{1} << 41) - 1;
constexpr uint32_t kMaxGroups = 65536;  // NGROUPS_MAX

struct CredentialValues {
    uint32_t uid = 0, gid = 0;                  // real
    uint32_t effective_uid = 0, effective_gid = 0;
    uint32_t saved_uid = 0, saved_gid = 0;
    uint32_t filesystem_uid = 0, filesystem_gid = 0;
    uint64_t permitted = kAllCapabilities;
    uint64_t effective = kAllCapabilities;
    uint64_t inheritable = 0;
    uint64_t ambient = 0;
    uint64_t bounding = kAllCapabilities;
    uint32_t securebits = 0;
    bool no_new_privileges = false;

    bool operator==(const CredentialValues&) const = default;
};

class Credentials final : public RefCounted {
public:
    // Errors: NoMemory. `groups` is copied and sorted.
    static Result<Ref<Credentials>> create(const CredentialValues& values, std::span<const uint32_t> groups);
    ~Credentials();

    const CredentialValues& values() const { return values_; }
    const CredentialValues* operator->() const { return &values_; }
    std::span<const uint32_t> groups() const { return {groups_, group_count_}; }
    bool has(Capability capability) const { return ((values_.effective >> uint8_t(capability)) & 1) != 0; }
    // Filesystem gid or one of the supplementary groups.
    bool is_in_group(uint32_t gid) const;
    // The same, by effective gid.
    bool is_effectively_in_group(uint32_t gid) const;

private:
    Credentials() = default;
    CredentialValues values_;
    uint32_t* groups_ = nullptr;
    uint32_t group_count_ = 0;
};

}  // namespace gyre
