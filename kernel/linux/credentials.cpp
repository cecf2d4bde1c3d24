// SPDX-License-Identifier: MIT
//
// Changing who one acts for: setuid(2) and its family, setgroups(2). Each makes a new set and puts it in the old one's
// place; -1 means "as it is". Leaves out user namespaces: a number is what it is.
#include "kernel/object/credentials.h"

#include <memory>

#include "call_handlers.h"
#include "kernel/linux/process_parts.h"
#include "kernel/linux/securebits.h"

namespace gyre::linux {
namespace {

constexpr uint32_t kKeep = UINT32_MAX;
// What the filesystem uid gains and loses with the 0 (capabilities(7)): CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID
// LINUX_IMMUTABLE MKNOD MAC_OVERRIDE.
constexpr uint64_t kFilesystemCapabilities = 0x1f | uint64_t{1} << 9 | uint64_t{1} << 27 | uint64_t{1} << 32;

// capabilities(7), "Effect of user ID changes on capabilities".
void fix_capabilities(const CredentialValues& old, CredentialValues& values) {
    if (values.securebits & securebits::kNoSetuidFixup) return;
    const auto has_root = [](const CredentialValues& v) {
        return v.uid == 0 || v.effective_uid == 0 || v.saved_uid == 0;
    };
    if (has_root(old) && !has_root(values)) {
        if (!(values.securebits & securebits::kKeepCaps)) values.permitted = values.effective = 0;
        values.ambient = 0;
    }
    if (old.effective_uid == 0 && values.effective_uid != 0) values.effective = 0;
    if (old.effective_uid != 0 && values.effective_uid == 0) values.effective = values.permitted;
}

void fix_filesystem_capabilities(const CredentialValues& old, CredentialValues& values) {
    if (values.securebits & securebits::kNoSetuidFixup) return;
    if (old.filesystem_uid == 0 && values.filesystem_uid != 0) values.effective &= ~kFilesystemCapabilities;
    if (old.filesystem_uid != 0 && values.filesystem_uid == 0)
        values.effective |= values.permitted & kFilesystemCapabilities;
}

// A real uid counts its tasks, so the account moves with it.
Status move_account(Task& task, uint32_t uid) {
    if (task.account().uid() == uid) return {};
    Ref<UserAccount> account = TRY(UserAccount::of(uid));
    account->tasks.fetch_add(1, std::memory_order_relaxed);
    task.account().tasks.fetch_sub(1, std::memory_order_relaxed);
    SpinGuard guard(ProcessParts::lock(task));
    std::swap(ProcessParts::account(task), account);
    return {};
}

CallResult change(CallContext& context, const CredentialValues& values) {
    const Credentials& old = context.credentials();
    if (values == old.values()) return 0;
    Ref<Credentials> made = TRY(Credentials::create(values, old.groups()));
    TRY_VOID(move_account(context.task, values.uid));
    // A process that was privileged may hold what its new user should not read.
    if (values.effective_uid != old->effective_uid || values.effective_gid != old->effective_gid ||
        values.filesystem_uid != old->filesystem_uid || values.filesystem_gid != old->filesystem_gid) {
        context.process.is_dumpable.store(false, std::memory_order_relaxed);
        context.task.parent_death_signal = 0;
    }
    context.task.set_credentials(std::move(made));
    return 0;
}

CallResult change_uids(CallContext& context, CredentialValues values) {
    values.filesystem_uid = values.effective_uid;
    fix_capabilities(context.credentials().values(), values);
    return change(context, values);
}

CallResult change_gids(CallContext& context, CredentialValues values) {
    values.filesystem_gid = values.effective_gid;
    return change(context, values);
}

}  // namespace

CallResult sys_setuid(CallContext& context, uint32_t uid) {
    if (uid == kKeep) return fail(Error::InvalidArgument);
    const Credentials& old = context.credentials();
    CredentialValues values = old.values();
    if (old.has(Capability::Setuid))
        values.uid = values.saved_uid = uid;
    else if (uid != old->uid && uid != old->saved_uid)
        return fail(Error::NotPermitted);
    values.effective_uid = uid;
    return change_uids(context, values);
}

CallResult sys_setgid(CallContext& context, uint32_t gid) {
    if (gid == kKeep) return fail(Error::InvalidArgument);
    const Credentials& old = context.credentials();
    CredentialValues values = old.values();
    if (old.has(Capability::Setgid))
        values.gid = values.saved_gid = gid;
    else if (gid != old->gid && gid != old->saved_gid)
        return fail(Error::NotPermitted);
    values.effective_gid = gid;
    return change_gids(context, values);
}

CallResult sys_setreuid(CallContext& context, uint32_t ruid, uint32_t euid) {
    const Credentials& old = context.credentials();
    const bool may_any = old.has(Capability::Setuid);
    CredentialValues values = old.values();
    if (ruid != kKeep) {
        if (!may_any && ruid != old->uid && ruid != old->effective_uid) return fail(Error::NotPermitted);
        values.uid = ruid;
    }
    if (euid != kKeep) {
        if (!may_any && euid != old->uid && euid != old->effective_uid && euid != old->saved_uid)
            return fail(Error::NotPermitted);
        values.effective_uid = euid;
    }
    if (ruid != kKeep || (euid != kKeep && euid != old->uid)) values.saved_uid = values.effective_uid;
    return change_uids(context, values);
}

CallResult sys_setregid(CallContext& context, uint32_t rgid, uint32_t egid) {
    const Credentials& old = context.credentials();
    const bool may_any = old.has(Capability::Setgid);
    CredentialValues values = old.values();
    if (rgid != kKeep) {
        if (!may_any && rgid != old->gid && rgid != old->effective_gid) return fail(Error::NotPermitted);
        values.gid = rgid;
    }
    if (egid != kKeep) {
        if (!may_any && egid != old->gid && egid != old->effective_gid && egid != old->saved_gid)
            return fail(Error::NotPermitted);
        values.effective_gid = egid;
    }
    if (rgid != kKeep || (egid != kKeep && egid != old->gid)) values.saved_gid = values.effective_gid;
    return change_gids(context, values);
}

CallResult sys_setresuid(CallContext& context, uint32_t ruid, uint32_t euid, uint32_t suid) {
    const Credentials& old = context.credentials();
    const auto may = [&](uint32_t id) {
        return id == kKeep || id == old->uid || id == old->effective_uid || id == old->saved_uid;
    };
    if (!old.has(Capability::Setuid) && !(may(ruid) && may(euid) && may(suid))) return fail(Error::NotPermitted);
    CredentialValues values = old.values();
    if (ruid != kKeep) values.uid = ruid;
    if (euid != kKeep) values.effective_uid = euid;
    if (suid != kKeep) values.saved_uid = suid;
    return change_uids(context, values);
}

CallResult sys_setresgid(CallContext& context, uint32_t rgid, uint32_t egid, uint32_t sgid) {
    const Credentials& old = context.credentials();
    const auto may = [&](uint32_t id) {
        return id == kKeep || id == old->gid || id == old->effective_gid || id == old->saved_gid;
    };
    if (!old.has(Capability::Setgid) && !(may(rgid) && may(egid) && may(sgid))) return fail(Error::NotPermitted);
    CredentialValues values = old.values();
    if (rgid != kKeep) values.gid = rgid;
    if (egid != kKeep) values.effective_gid = egid;
    if (sgid != kKeep) values.saved_gid = sgid;
    return change_gids(context, values);
}

// These two never fail; they say what was before (setfsuid(2)).
CallResult sys_setfsuid(CallContext& context, uint32_t uid) {
    const Credentials& old = context.credentials();
    const uint32_t before = old->filesystem_uid;
    const bool may = uid == old->uid || uid == old->effective_uid || uid == old->saved_uid || uid == before ||
                     old.has(Capability::Setuid);
    if (uid == kKeep || !may) return before;
    CredentialValues values = old.values();
    values.filesystem_uid = uid;
    fix_filesystem_capabilities(old.values(), values);
    (void)change(context, values);
    return before;
}

CallResult sys_setfsgid(CallContext& context, uint32_t gid) {
    const Credentials& old = context.credentials();
    const uint32_t before = old->filesystem_gid;
    const bool may = gid == old->gid || gid == old->effective_gid || gid == old->saved_gid || gid == before ||
                     old.has(Capability::Setgid);
    if (gid == kKeep || !may) return before;
    CredentialValues values = old.values();
    values.filesystem_gid = gid;
    (void)change(context, values);
    return before;
}

CallResult sys_setgroups(CallContext& context, int count, UserIn<uint32_t> groups) {
    const Credentials& old = context.credentials();
    if (!old.has(Capability::Setgid)) return fail(Error::NotPermitted);
    if (count < 0 || static_cast<uint32_t>(count) > kMaxGroups) return fail(Error::InvalidArgument);
    const std::span<uint32_t> none;
    if (count == 0) {
        context.task.set_credentials(TRY(Credentials::create(old.values(), none)));
        return 0;
    }
    const auto size = static_cast<size_t>(count);
    const std::unique_ptr<uint32_t[]> list(new (std::nothrow) uint32_t[size]);
    if (!list) return fail(Error::NoMemory);
    const std::span<uint32_t> given(list.get(), size);
    TRY_VOID(groups.read_all(given));
    for (const uint32_t gid : given)
        if (gid == kKeep) return fail(Error::InvalidArgument);
    context.task.set_credentials(TRY(Credentials::create(old.values(), given)));
    return 0;
}

}  // namespace gyre::linux
