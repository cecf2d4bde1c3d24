// SPDX-License-Identifier: MIT
//
// Whom the new program acts for: set-user-ID and set-group-ID bits, and what an exec does to capabilities
// (capabilities(7)). Leaves out capabilities of files (security.capability).
#include <cstring>

#include "kernel/fs/dentry.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/mount.h"
#include "kernel/linux/exec.h"
#include "kernel/linux/securebits.h"

namespace gyre::linux {
namespace {

void apply_file_bits(CredentialValues& values, const Path& place) {
    if (values.no_new_privileges || (place.mount->flags() & mount_flags::kNoSetUid)) return;
    const Inode& inode = place.dentry->inode();
    const uint32_t mode = inode.mode();
    if (mode & file_mode::kSetUser) values.effective_uid = inode.uid();
    // Without group execution the bit once meant mandatory locking.
    constexpr uint32_t kSetGroup = file_mode::kSetGroup | 010;
    if ((mode & kSetGroup) == kSetGroup) values.effective_gid = inode.gid();
}

void transform_capabilities(CredentialValues& values, bool is_set_id) {
    if (is_set_id) values.ambient = 0;
    const bool is_root_special = (values.securebits & securebits::kNoRoot) == 0;
    if (is_root_special && (values.uid == 0 || values.effective_uid == 0)) {
        values.permitted = values.inheritable | values.bounding;
        values.effective = values.effective_uid == 0 ? values.permitted : values.ambient;
    } else {
        values.permitted = values.ambient;
        values.effective = values.ambient;
    }
    values.securebits &= ~securebits::kKeepCaps;
}

}  // namespace

Status prepare_credentials(Exec& exec) {
    const Credentials& old = exec.context.credentials();
    CredentialValues values = old.values();
    if (!exec.file->path().is_empty()) apply_file_bits(values, exec.file->path());
    const bool is_set_id = values.effective_uid != old->uid || values.effective_gid != old->gid;
    values.saved_uid = values.filesystem_uid = values.effective_uid;
    values.saved_gid = values.filesystem_gid = values.effective_gid;
    transform_capabilities(values, is_set_id);
    exec.is_secure = is_set_id || (values.uid != 0 && (values.permitted & ~values.ambient) != 0);
    if (values == old.values()) return {};
    exec.credentials = TRY(Credentials::create(values, old.groups()));
    return {};
}

}  // namespace gyre::linux
