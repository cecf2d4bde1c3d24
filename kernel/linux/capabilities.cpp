// SPDX-License-Identifier: MIT
//
// capget(2) and capset(2).
#include "call_handlers.h"
#include "kernel/linux/context.h"
#include "kernel/linux/process_tree.h"

namespace gyre::linux {
namespace {

constexpr uint32_t kVersion1 = 0x19980330, kVersion2 = 0x20071026, kVersion3 = 0x20080522;

// How many words of 32 bits each set takes. An unknown version is told ours, and that is an error unless one only asked.
Result<size_t> word_count(UserInOut<abi::CapHeader> header, uint32_t version) {
    if (version == kVersion1) return size_t{1};
    if (version == kVersion2 || version == kVersion3) return size_t{2};
    TRY_VOID(user_memory::copy_out(header.address(), &kVersion3, sizeof(kVersion3)));
    return fail(Error::InvalidArgument);
}

}  // namespace

CallResult sys_capget(CallContext& context, UserInOut<abi::CapHeader> header, UserOut<abi::CapData> data) {
    uint32_t version;
    TRY_VOID(user_memory::copy_in(&version, header.address(), sizeof(version)));
    const Result<size_t> words = word_count(header, version);
    if (!words) {
        if (words.error() == Error::InvalidArgument && data.is_null()) return 0;
        return fail(words.error());
    }
    const abi::CapHeader asked = TRY(header.in().read());
    if (asked.pid < 0) return fail(Error::InvalidArgument);
    Ref<Credentials> who;
    if (asked.pid == 0 || asked.pid == context.task.tid()) {
        who = context.task.credentials_reference();
    } else {
        const Ref<Task> task = context.process.pid_namespace().find_task(asked.pid);
        if (!task) return fail(Error::NoSuchProcess);
        who = task->credentials_reference();
    }
    if (data.is_null()) return 0;
    const CredentialValues& values = who->values();
    for (size_t i = 0; i < *words; ++i) {
        const auto part = [&](uint64_t set) { return static_cast<uint32_t>(set >> (32 * i)); };
        TRY_VOID(data.write({part(values.effective), part(values.permitted), part(values.inheritable)}, i));
    }
    return 0;
}

CallResult sys_capset(CallContext& context, UserInOut<abi::CapHeader> header, UserIn<abi::CapData> data) {
    uint32_t version;
    TRY_VOID(user_memory::copy_in(&version, header.address(), sizeof(version)));
    const size_t words = TRY(word_count(header, version));
    const abi::CapHeader asked = TRY(header.in().read());
    // One changes only oneself.
    if (asked.pid != 0 && asked.pid != context.task.tid()) return fail(Error::NotPermitted);
    uint64_t effective = 0, permitted = 0, inheritable = 0;
    for (size_t i = 0; i < words; ++i) {
        const abi::CapData part = TRY(data.read(i));
        effective |= uint64_t{part.effective} << (32 * i);
        permitted |= uint64_t{part.permitted} << (32 * i);
        inheritable |= uint64_t{part.inheritable} << (32 * i);
    }
    effective &= kAllCapabilities;
    permitted &= kAllCapabilities;
    inheritable &= kAllCapabilities;

    const Credentials& old = context.credentials();
    if (!old.has(Capability::Setpcap) && (inheritable & ~(old->inheritable | old->permitted)) != 0)
        return fail(Error::NotPermitted);
    if ((inheritable & ~(old->inheritable | old->bounding)) != 0) return fail(Error::NotPermitted);
    if ((permitted & ~old->permitted) != 0) return fail(Error::NotPermitted);
    if ((effective & ~permitted) != 0) return fail(Error::NotPermitted);
    CredentialValues values = old.values();
    values.effective = effective;
    values.permitted = permitted;
    values.inheritable = inheritable;
    values.ambient &= permitted & inheritable;
    context.task.set_credentials(TRY(Credentials::create(values, old.groups())));
    return 0;
}

}  // namespace gyre::linux
