// SPDX-License-Identifier: MIT
//
// open(2), openat(2), openat2(2), creat(2), close(2), close_range(2).
#include "call_handlers.h"
#include "kernel/fs/open.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

using namespace open_flags;

constexpr uint32_t kKnownFlags = kAccessMode | kCreate | kExclusive | kNoControllingTty |
                                 kTruncate | kAppend | kNonBlock | kSync | kAsync | kDirect |
                                 kLargeFile | kDirectory | kNoFollow | kNoAccessTime |
                                 kCloseOnExec | kPath | kTmpFile;
constexpr uint32_t kPathFlags = kDirectory | kNoFollow | kPath | kCloseOnExec;
constexpr uint32_t kTmpFileBit = kTmpFile & ~kDirectory;

// What open(2) and openat2(2) both check. Errors: InvalidArgument.
Status check_flags(uint32_t flags) {
    if (flags & kPath) return {};
    if (flags & kTmpFileBit) {
        if ((flags & kTmpFile) != kTmpFile || (flags & kCreate))
            return fail(Error::InvalidArgument);
        if ((flags & kAccessMode) == kReadOnly) return fail(Error::InvalidArgument);
    } else if ((flags & (kDirectory | kCreate)) == (kDirectory | kCreate)) {
        return fail(Error::InvalidArgument);
    }
    return {};
}

CallResult open_at(CallContext& context, int dirfd, UserString pathname, uint32_t flags,
                   uint32_t mode, LookupFlag resolve) {
    if (flags & kPath) flags &= kPathFlags;
    TRY_VOID(check_flags(flags));
    PathText text;
    TRY_VOID(read_path(text, pathname));
    const LookupContext view = TRY(lookup_context(context, dirfd, text, resolve));
    const OpenRequest request{flags, mode & ~context.filesystem().umask(), resolve};
    Result<Ref<File>> file = open_path(view, text, request);
    if (!file) return fail(restartable(file.error()));
    return TRY(context.files().install(std::move(*file), (flags & kCloseOnExec) != 0,
                                       context.limit(kLimitFiles)));
}

// RESOLVE_* of openat2(2).
enum Resolve : uint64_t {
    kNoCrossDevice = 1,
    kNoMagicLinks = 2,
    kNoSymlinks = 4,
    kBeneath = 8,
    kInRoot = 16,
    kCached = 32,
};

Result<LookupFlag> lookup_flags(uint64_t resolve) {
    if (resolve & ~uint64_t{63}) return fail(Error::InvalidArgument);
    if ((resolve & (kBeneath | kInRoot)) == (kBeneath | kInRoot))
        return fail(Error::InvalidArgument);
    LookupFlag flags = LookupFlag::None;
    if (resolve & kNoCrossDevice) flags = flags | LookupFlag::NoCrossMounts;
    if (resolve & kNoMagicLinks) flags = flags | LookupFlag::NoMagicLinks;
    if (resolve & kNoSymlinks) flags = flags | LookupFlag::NoLinks;
    if (resolve & kBeneath) flags = flags | LookupFlag::Beneath;
    if (resolve & kInRoot) flags = flags | LookupFlag::InRoot;
    return flags;
}

// A structure that may grow: what we do not know must be zero (E2BIG).
Result<abi::OpenHow> read_how(UserIn<std::byte> how, size_t size) {
    constexpr size_t kPageBytes = 4096;
    if (size < sizeof(abi::OpenHow)) return fail(Error::InvalidArgument);
    if (size > kPageBytes) return fail(Error::ArgumentListTooLong);
    const abi::OpenHow known = TRY(UserIn<abi::OpenHow>(how.address()).read());
    for (size_t at = sizeof(known); at < size; ++at)
        if (TRY(how.read(at)) != std::byte{0}) return fail(Error::ArgumentListTooLong);
    return known;
}

}  // namespace

CallResult sys_open(CallContext& context, UserString pathname, uint32_t flags, uint32_t mode) {
    return open_at(context, abi::kAtWorkingDirectory, pathname, flags & kKnownFlags, mode,
                   LookupFlag::None);
}

CallResult sys_openat(CallContext& context, int dirfd, UserString pathname, uint32_t flags,
                      uint32_t mode) {
    return open_at(context, dirfd, pathname, flags & kKnownFlags, mode, LookupFlag::None);
}

CallResult sys_creat(CallContext& context, UserString pathname, uint32_t mode) {
    return open_at(context, abi::kAtWorkingDirectory, pathname, kCreate | kWriteOnly | kTruncate,
                   mode, LookupFlag::None);
}

CallResult sys_openat2(CallContext& context, int dirfd, UserString pathname, UserIn<std::byte> how,
                       size_t size) {
    const abi::OpenHow request = TRY(read_how(how, size));
    if (request.flags & ~uint64_t{kKnownFlags}) return fail(Error::InvalidArgument);
    const auto flags = static_cast<uint32_t>(request.flags);
    if (flags & (kCreate | kTmpFileBit)) {
        if (request.mode & ~uint64_t{file_mode::kAllBits}) return fail(Error::InvalidArgument);
    } else if (request.mode != 0) {
        return fail(Error::InvalidArgument);
    }
    if ((flags & kPath) && (flags & ~kPathFlags)) return fail(Error::InvalidArgument);
    const LookupFlag resolve = TRY(lookup_flags(request.resolve));
    // All names are in memory, so RESOLVE_CACHED is always met; as on Linux it does not go with
    // making or truncating.
    if ((request.resolve & kCached) && (flags & (kTruncate | kCreate | kTmpFileBit)))
        return fail(Error::WouldBlock);
    return open_at(context, dirfd, pathname, flags, static_cast<uint32_t>(request.mode), resolve);
}

CallResult sys_close(CallContext& context, int fd) {
    TRY_VOID(context.files().close(fd));
    return 0;
}

CallResult sys_close_range(CallContext& context, uint32_t first, uint32_t last, uint32_t flags) {
    constexpr uint32_t kUnshare = 2, kSetCloseOnExec = 4;
    if (flags & ~(kUnshare | kSetCloseOnExec)) return fail(Error::InvalidArgument);
    if (first > last) return fail(Error::InvalidArgument);
    if ((flags & kUnshare) && context.files().reference_count() > 1)
        context.task.set_files(TRY(context.files().copy()));
    if (flags & kSetCloseOnExec)
        context.files().mark_range_close_on_exec(first, last);
    else
        context.files().close_range(first, last);
    return 0;
}

}  // namespace gyre::linux
