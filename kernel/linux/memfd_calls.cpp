// SPDX-License-Identifier: MIT
//
// memfd_create(2).
#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/memfd.h"
#include "kernel/linux/context.h"

namespace gyre::linux {
namespace {
constexpr uint32_t kCloseOnExec = 1, kAllowSealing = 2, kExecutable = 16;  // MFD_*
}  // namespace

CallResult sys_memfd_create(CallContext& context, UserString name, uint32_t flags) {
    if (flags & ~(kCloseOnExec | kAllowSealing | kExecutable)) return fail(Error::InvalidArgument);
    char buffer[memfd::kMostNameBytes + 1];
    const Result<std::string_view> text = name.read(buffer);
    if (!text)
        return fail(text.error() == Error::NameTooLong ? Error::InvalidArgument : text.error());
    const Credentials& credentials = context.credentials();
    Ref<File> file = TRY(memfd::create(*text, flags & kAllowSealing ? 0 : memfd::kSealSeal,
                                       credentials->filesystem_uid, credentials->filesystem_gid));
    return TRY(context.files().install(std::move(file), (flags & kCloseOnExec) != 0,
                                       context.limit(kLimitFiles)));
}

}  // namespace gyre::linux
