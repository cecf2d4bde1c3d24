// SPDX-License-Identifier: MIT
//
// mmap(2), munmap(2), mremap(2), brk(2). Leaves out huge pages (MAP_HUGETLB is EINVAL, as on a Linux without them) and
// MAP_SYNC, which needs persistent memory.
#include "call_handlers.h"
#include "kernel/fs/file.h"
#include "kernel/fs/file_table.h"
#include "kernel/linux/context.h"
#include "kernel/linux/memory_flags.h"
#include "kernel/linux/process.h"

namespace gyre::linux {

namespace {

// What MAP_SHARED_VALIDATE accepts (LEGACY_MAP_MASK); the other types ignore the rest.
constexpr int kKnownMapFlags = kMapShared | kMapPrivate | kMapFixed | kMapAnonymous | kMapDenyWrite | kMapExecutable |
                               kMapGrowsDown | kMapLocked | kMapNoReserve | kMapPopulate | kMapNonBlock | kMapStack |
                               kMapHugeTlb | kMap32Bit | kMapFixedNoReplace;

Status check_sharing(int flags, bool is_file) {
    switch (flags & kMapType) {
        case kMapShared:
        case kMapPrivate: return {};
        case kMapSharedValidate:
            if (!is_file) return fail(Error::InvalidArgument);
            return flags & ~kKnownMapFlags ? Status(fail(Error::NotSupported)) : Status();
        default: return fail(Error::InvalidArgument);
    }
}

// RLIMIT_MEMLOCK holds for who may not lock as he likes.
Status check_lock_limit(CallContext& context, uint64_t length) {
    if (context.credentials().has(Capability::IpcLock)) return {};
    const uint64_t locked = context.address_space().usage().locked_pages << kPageShift;
    const uint64_t limit = context.limit(kLimitLocked);
    if (limit != kUnlimited && locked + page_ceiling(length) > limit) return fail(Error::WouldBlock);
    return {};
}

}  // namespace

CallResult sys_mmap(CallContext& context, uint64_t address, size_t length, int protection, int flags, int fd,
                    int64_t offset) {
    if ((static_cast<uint64_t>(offset) & (kPageSize - 1)) != 0) return fail(Error::InvalidArgument);
    const bool is_file = (flags & kMapAnonymous) == 0;
    Ref<File> file;
    if (is_file) file = TRY(context.files().get(fd));
    if ((flags & kMapHugeTlb) != 0) return fail(Error::InvalidArgument);
    if (length == 0) return fail(Error::InvalidArgument);
    if (page_ceiling(length) < length || length > kUserEnd) return fail(Error::NoMemory);
    // What is mapped of a file has offsets that a file can have.
    if (is_file && static_cast<uint64_t>(offset) > uint64_t{INT64_MAX} - page_ceiling(length))
        return fail(Error::Overflow);

    MapRequest request;
    request.hint = {address};
    request.length = length;
    request.protection = protection_of(protection);
    request.is_shared = (flags & kMapType) != kMapPrivate;
    request.offset = is_file ? static_cast<uint64_t>(offset) : 0;
    request.grows_down = !is_file && (flags & kMapGrowsDown) != 0;
    request.populate = (flags & kMapPopulate) != 0 && (flags & kMapNonBlock) == 0;
    request.locked = (flags & kMapLocked) != 0;
    request.below_4g = (flags & kMap32Bit) != 0;
    if ((flags & kMapFixedNoReplace) != 0)
        request.placement = Placement::FixedNoReplace;
    else if ((flags & kMapFixed) != 0)
        request.placement = Placement::Fixed;
    if (request.placement != Placement::Anywhere && (address & (kPageSize - 1)) != 0)
        return fail(Error::InvalidArgument);
    if (request.locked) TRY_VOID(check_lock_limit(context, length));
    TRY_VOID(check_sharing(flags, is_file));
    if (request.grows_down && request.is_shared) return fail(Error::InvalidArgument);
    if (is_file) {
        if ((flags & kMapGrowsDown) != 0) return fail(Error::InvalidArgument);
        request.vmo = TRY(file->mappable(request));
        if (request.vmo) request.source = TRY(file->mapping_source());
    }
    return static_cast<long>(TRY(context.address_space().map(request)).value);
}

CallResult sys_munmap(CallContext& context, uint64_t address, size_t length) {
    if (!is_sound_range(address, length)) return fail(Error::InvalidArgument);
    TRY_VOID(context.address_space().unmap({address}, length));
    return 0;
}

CallResult sys_mremap(CallContext& context, uint64_t old_address, size_t old_length, size_t new_length, int flags,
                      uint64_t new_address) {
    if ((flags & ~(kRemapMayMove | kRemapFixed | kRemapDontUnmap)) != 0) return fail(Error::InvalidArgument);
    if (page_ceiling(old_length) < old_length || page_ceiling(new_length) < new_length)
        return fail(Error::InvalidArgument);
    AddressSpace::RemapRequest request;
    request.old_start = {old_address};
    request.old_length = old_length;
    request.new_length = new_length;
    request.may_move = (flags & kRemapMayMove) != 0;
    request.is_fixed = (flags & kRemapFixed) != 0;
    request.keep_old = (flags & kRemapDontUnmap) != 0;
    request.new_start = {new_address};
    return static_cast<long>(TRY(context.address_space().remap(request)).value);
}

CallResult sys_brk(CallContext& context, uint64_t address) {
    return static_cast<long>(context.address_space().set_break({address}, context.limit(kLimitData)).value);
}

}  // namespace gyre::linux
