// SPDX-License-Identifier: MIT
//
// Whom the new program acts for: set-user-ID and set-group-ID bits, the capabilities of the file, and what an exec does to
// those of the thread (capabilities(7), "Transformation of capabilities during execve()").

#include "kernel/fs/dentry.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/mount.h"
#include "kernel/linux/exec.h"
#include "kernel/linux/file_capabilities.h"
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

// What the program may do, before ambient capabilities and before what is taken from it again.
struct Grant {
    bool has_file_capabilities = false;
    bool is_effective = false;  // all of permitted at once
};

// P'(permitted) = (P(inheritable) & F(inheritable)) | (F(permitted) & P(bounding)).
// Errors: NotPermitted, when a program that expects its capabilities to be there cannot have them all.
Status grant_by_file(CredentialValues& values, Grant& grant, const Path& place) {
    values.permitted = 0;
    if (place.is_empty() || (place.mount->flags() & mount_flags::kNoSetUid)) return {};
    const std::optional<FileCapabilities> file = FileCapabilities::of(place.dentry->inode());
    if (!file) return {};
    grant = {.has_file_capabilities = true, .is_effective = file->is_effective};
    values.permitted = (values.inheritable & file->inheritable) | (values.bounding & file->permitted);
    if (file->is_effective && (file->permitted & ~values.permitted) != 0) return fail(Error::NotPermitted);
    return {};
}

// To root a file is as if it had all capabilities, unless SECBIT_NOROOT.
void grant_to_root(CredentialValues& values, Grant& grant) {
    if (values.securebits & securebits::kNoRoot) return;
    const bool is_root = values.uid == 0, is_effectively_root = values.effective_uid == 0;
    // A set-user-ID-root program that says what it needs gets no more.
    if (grant.has_file_capabilities && !is_root && is_effectively_root) return;
    if (is_root || is_effectively_root) values.permitted = values.inheritable | values.bounding;
    if (is_effectively_root) grant.is_effective = true;
}

}  // namespace

Status prepare_credentials(Exec& exec) {
    const Credentials& old = exec.context.credentials();
    CredentialValues values = old.values();
    const Path& place = exec.file->path();
    if (!place.is_empty()) apply_file_bits(values, place);
    Grant grant;
    TRY_VOID(grant_by_file(values, grant, place));
    grant_to_root(values, grant);
    const bool is_set_id = values.effective_uid != old->uid || values.effective_gid != old->gid;
    // PR_SET_NO_NEW_PRIVS: nothing that the old program did not have; and, as Linux up to 6.15, the real identity only.
    if (values.no_new_privileges && (is_set_id || (values.permitted & ~old->permitted) != 0)) {
        values.effective_uid = values.uid;
        values.effective_gid = values.gid;
        values.permitted &= old->permitted;
    }
    values.saved_uid = values.filesystem_uid = values.effective_uid;
    values.saved_gid = values.filesystem_gid = values.effective_gid;
    if (grant.has_file_capabilities || is_set_id) values.ambient = 0;
    values.permitted |= values.ambient;
    values.effective = grant.is_effective ? values.permitted : values.ambient;
    values.securebits &= ~securebits::kKeepCaps;
    exec.is_secure = is_set_id || (values.uid != 0 && (grant.is_effective || (values.permitted & ~values.ambient) != 0));
    if (values == old.values()) return {};
    exec.credentials = TRY(Credentials::create(values, old.groups()));
    return {};
}

}  // namespace gyre::linux
