// SPDX-License-Identifier: MIT
//
// xattr(7): setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their l and f forms.
#include <cstring>
#include <new>

#include "call_handlers.h"
#include "kernel/fs/extended_attributes.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_capabilities.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

constexpr int kCreate = 1, kReplace = 2;  // XATTR_*
constexpr size_t kMostListBytes = 65536;  // XATTR_LIST_MAX
constexpr std::string_view kFileCapabilities = FileCapabilities::kAttribute;

class Buffer {
public:
    ~Buffer() { delete[] bytes_; }
    Status allocate(size_t size) {
        bytes_ = new (std::nothrow) std::byte[size ? size : 1];
        if (!bytes_) return fail(Error::NoMemory);
        size_ = size;
        return {};
    }
    std::span<std::byte> span() { return {bytes_, size_}; }

private:
    std::byte* bytes_ = nullptr;
    size_t size_ = 0;
};

class Name {
public:
    // Errors: OutOfRange for what is empty or too long (as Linux says), BadAddress.
    Status read(UserString name) {
        const Result<size_t> length =
            user_memory::copy_string_in(bytes_, name.address(), sizeof(bytes_));
        if (!length)
            return fail(length.error() == Error::NameTooLong ? Error::OutOfRange : length.error());
        if (*length == 0) return fail(Error::OutOfRange);
        length_ = *length;
        return {};
    }
    std::string_view view() const { return {bytes_, length_}; }

private:
    char bytes_[AttributeList::kMostNameBytes + 1];
    size_t length_ = 0;
};

// Who may do what with a name space (xattr(7)). Errors: NotSupported, NotPermitted, AccessDenied,
// NoData.
Status check_name(const Inode& inode, std::string_view name, bool writes,
                  const Credentials& credentials) {
    if (name.starts_with("trusted.")) {
        if (credentials.has(Capability::SysAdmin)) return {};
        return fail(writes ? Error::NotPermitted : Error::NoData);
    }
    if (name.starts_with("security.")) {
        const Capability needed = name == kFileCapabilities ? Capability::Setfcap : Capability::SysAdmin;
        if (!writes || credentials.has(needed)) return {};
        return fail(Error::NotPermitted);
    }
    if (!name.starts_with("user.")) return fail(Error::NotSupported);
    if (name.size() == 5) return fail(Error::InvalidArgument);
    if (!inode.is_regular() && !inode.is_directory())
        return fail(writes ? Error::NotPermitted : Error::NoData);
    if (writes && inode.is_directory() && (inode.mode() & file_mode::kSticky) &&
        !permission::is_owner_or_capable(inode, credentials))
        return fail(Error::NotPermitted);
    return permission::check(inode, credentials, writes ? permission::kWrite : permission::kRead);
}

// What a program gets at its execution must be of a form that execution knows. Errors: InvalidArgument, NotPermitted.
Status check_file_capabilities(std::span<const std::byte> value, const Credentials& credentials) {
    if (!FileCapabilities::parse(value)) return fail(Error::InvalidArgument);
    if (!credentials.has(Capability::Setfcap)) return fail(Error::NotPermitted);
    return {};
}

// What is read back of file capabilities that hold for user 0 is version 2, which does not name the user (capabilities(7)).
size_t as_read(std::span<std::byte> value, std::string_view name) {
    if (name != kFileCapabilities || value.size() != FileCapabilities::kBytes3) return value.size();
    const std::optional<FileCapabilities> capabilities = FileCapabilities::parse(value);
    if (!capabilities || capabilities->root_uid != 0) return value.size();
    const uint32_t magic = FileCapabilities::kVersion2 | (capabilities->is_effective ? FileCapabilities::kEffective : 0);
    std::memcpy(value.data(), &magic, sizeof(magic));
    return FileCapabilities::kBytes2;
}

CallResult set(CallContext& context, const Path& place, UserString name, UserIn<std::byte> value,
               size_t size, int flags) {
    if (flags & ~(kCreate | kReplace)) return fail(Error::InvalidArgument);
    Name key;
    TRY_VOID(key.read(name));
    if (size > AttributeList::kMostValueBytes) return fail(Error::ArgumentListTooLong);
    Buffer buffer;
    TRY_VOID(buffer.allocate(size));
    if (size) TRY_VOID(value.read_all(buffer.span()));
    TRY_VOID(check_writable(place));
    Inode& inode = place.dentry->inode();
    if (size != 0 && key.view() == kFileCapabilities)
        TRY_VOID(check_file_capabilities(buffer.span(), context.credentials()));
    TRY_VOID(check_name(inode, key.view(), true, context.credentials()));
    AttributeList* attributes = inode.attributes();
    if (!attributes) return fail(Error::NotSupported);
    MutexGuard guard(inode.lock());
    TRY_VOID(attributes->set(key.view(), buffer.span(), (flags & kCreate) != 0,
                             (flags & kReplace) != 0));
    inode.touch_changed();
    return 0;
}

CallResult get(CallContext& context, const Path& place, UserString name, UserOut<std::byte> value,
               size_t size) {
    Name key;
    TRY_VOID(key.read(name));
    Inode& inode = place.dentry->inode();
    TRY_VOID(check_name(inode, key.view(), false, context.credentials()));
    AttributeList* attributes = inode.attributes();
    if (!attributes) return fail(Error::NotSupported);
    Buffer buffer;
    size_t length;
    {
        MutexGuard guard(inode.lock());
        const std::span<const std::byte> found = TRY(attributes->get(key.view()));
        TRY_VOID(buffer.allocate(found.size()));
        std::memcpy(buffer.span().data(), found.data(), found.size());
    }
    length = as_read(buffer.span(), key.view());
    if (size == 0) return static_cast<long>(length);
    if (length > size) return fail(Error::OutOfRange);
    TRY_VOID(value.write_all(buffer.span().first(length)));
    return static_cast<long>(length);
}

CallResult list(CallContext& context, const Path& place, UserOut<std::byte> list, size_t size) {
    Inode& inode = place.dentry->inode();
    AttributeList* attributes = inode.attributes();
    if (!attributes) return 0;
    const bool sees_trusted = context.credentials().has(Capability::SysAdmin);
    const auto is_shown = [&](std::string_view name) {
        return sees_trusted || !name.starts_with("trusted.");
    };
    Buffer buffer;
    size_t length = 0;
    {
        MutexGuard guard(inode.lock());
        attributes->for_each(
            [&](std::string_view name) { length += is_shown(name) ? name.size() + 1 : 0; });
        if (length > kMostListBytes) return fail(Error::ArgumentListTooLong);
        if (size == 0) return static_cast<long>(length);
        if (length > size) return fail(Error::OutOfRange);
        TRY_VOID(buffer.allocate(length));
        std::byte* to = buffer.span().data();
        attributes->for_each([&](std::string_view name) {
            if (!is_shown(name)) return;
            std::memcpy(to, name.data(), name.size());
            to[name.size()] = std::byte{0};
            to += name.size() + 1;
        });
    }
    TRY_VOID(list.write_all(buffer.span()));
    return static_cast<long>(length);
}

CallResult remove(CallContext& context, const Path& place, UserString name) {
    Name key;
    TRY_VOID(key.read(name));
    TRY_VOID(check_writable(place));
    Inode& inode = place.dentry->inode();
    TRY_VOID(check_name(inode, key.view(), true, context.credentials()));
    AttributeList* attributes = inode.attributes();
    if (!attributes) return fail(Error::NotSupported);
    MutexGuard guard(inode.lock());
    TRY_VOID(attributes->remove(key.view()));
    inode.touch_changed();
    return 0;
}

Result<Path> by_path(CallContext& context, UserString pathname, LookupFlag follow) {
    return find_place(context, abi::kAtWorkingDirectory, pathname, follow);
}

Result<Path> by_descriptor(CallContext& context, int fd) {
    const Ref<File> file = TRY(context.files().get(fd));
    if (file->path().is_empty()) return fail(Error::NotSupported);
    return file->path();
}

}  // namespace

CallResult sys_setxattr(CallContext& context, UserString pathname, UserString name,
                        UserIn<std::byte> value, size_t size, int flags) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::Follow));
    return set(context, place, name, value, size, flags);
}
CallResult sys_lsetxattr(CallContext& context, UserString pathname, UserString name,
                         UserIn<std::byte> value, size_t size, int flags) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::None));
    return set(context, place, name, value, size, flags);
}
CallResult sys_fsetxattr(CallContext& context, int fd, UserString name, UserIn<std::byte> value,
                         size_t size, int flags) {
    const Path place = TRY(by_descriptor(context, fd));
    return set(context, place, name, value, size, flags);
}

CallResult sys_getxattr(CallContext& context, UserString pathname, UserString name,
                        UserOut<std::byte> value, size_t size) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::Follow));
    return get(context, place, name, value, size);
}
CallResult sys_lgetxattr(CallContext& context, UserString pathname, UserString name,
                         UserOut<std::byte> value, size_t size) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::None));
    return get(context, place, name, value, size);
}
CallResult sys_fgetxattr(CallContext& context, int fd, UserString name, UserOut<std::byte> value,
                         size_t size) {
    const Path place = TRY(by_descriptor(context, fd));
    return get(context, place, name, value, size);
}

CallResult sys_listxattr(CallContext& context, UserString pathname, UserOut<std::byte> names,
                         size_t size) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::Follow));
    return list(context, place, names, size);
}
CallResult sys_llistxattr(CallContext& context, UserString pathname, UserOut<std::byte> names,
                          size_t size) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::None));
    return list(context, place, names, size);
}
CallResult sys_flistxattr(CallContext& context, int fd, UserOut<std::byte> names, size_t size) {
    const Path place = TRY(by_descriptor(context, fd));
    return list(context, place, names, size);
}

CallResult sys_removexattr(CallContext& context, UserString pathname, UserString name) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::Follow));
    return remove(context, place, name);
}
CallResult sys_lremovexattr(CallContext& context, UserString pathname, UserString name) {
    const Path place = TRY(by_path(context, pathname, LookupFlag::None));
    return remove(context, place, name);
}
CallResult sys_fremovexattr(CallContext& context, int fd, UserString name) {
    const Path place = TRY(by_descriptor(context, fd));
    return remove(context, place, name);
}

}  // namespace gyre::linux
