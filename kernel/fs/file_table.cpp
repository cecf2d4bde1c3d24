// SPDX-License-Identifier: MIT
//
// A process's descriptors.
#include "kernel/fs/file_table.h"

#include <algorithm>
#include <utility>

namespace gyre {

Result<Ref<File>> FileTable::get_any(int descriptor) const {
    // A negative number is a huge one here, which no table has.
    Ref<File> file = slots_.get(static_cast<uint32_t>(descriptor));
    if (!file) return fail(Error::BadDescriptor);
    return file;
}

Result<Ref<File>> FileTable::get(int descriptor) const {
    Ref<File> file = slots_.get(static_cast<uint32_t>(descriptor));
    if (!file || (file->status_flags() & open_flags::kPath)) return fail(Error::BadDescriptor);
    return file;
}

Result<Ref<File>> FileTable::get_for_read(int descriptor) const {
    Ref<File> file = slots_.get(static_cast<uint32_t>(descriptor));
    if (!file || !file->can_read()) return fail(Error::BadDescriptor);
    return file;
}

Result<Ref<File>> FileTable::get_for_write(int descriptor) const {
    Ref<File> file = slots_.get(static_cast<uint32_t>(descriptor));
    if (!file || !file->can_write()) return fail(Error::BadDescriptor);
    return file;
}

Result<int> FileTable::install(Ref<File> file, bool close_on_exec, uint64_t limit, int minimum) {
    const auto most = static_cast<uint32_t>(std::min<uint64_t>(limit, kMostDescriptors));
    const uint32_t bits = close_on_exec ? kCloseOnExec : 0;
    return static_cast<int>(
        TRY(slots_.insert(std::move(file), bits, static_cast<uint32_t>(minimum), most)));
}

Status FileTable::install_at(int descriptor, Ref<File> file, bool close_on_exec, uint64_t limit) {
    const auto number = static_cast<uint32_t>(descriptor);
    if (number >= std::min<uint64_t>(limit, kMostDescriptors)) return fail(Error::BadDescriptor);
    auto old = TRY(slots_.replace(number, std::move(file), close_on_exec ? kCloseOnExec : 0));
    if (old.object) old.object->descriptor_closed(*this);
    return {};
}

Status FileTable::close(int descriptor) {
    auto entry = TRY(slots_.remove(static_cast<uint32_t>(descriptor)));
    entry.object->descriptor_closed(*this);
    return {};
}

void FileTable::close_range(uint32_t first, uint32_t last) {
    for (uint32_t number = slots_.next_used(first); number <= last && number != UINT32_MAX;
         number = slots_.next_used(number + 1))
        (void)close(static_cast<int>(number));
}

void FileTable::mark_range_close_on_exec(uint32_t first, uint32_t last) {
    for (uint32_t number = slots_.next_used(first); number <= last && number != UINT32_MAX;
         number = slots_.next_used(number + 1))
        (void)slots_.set_bits(number, kCloseOnExec);
}

void FileTable::close_on_exec() {
    for (uint32_t number = slots_.next_used(0); number != UINT32_MAX;
         number = slots_.next_used(number + 1)) {
        const auto entry = slots_.get_entry(number);
        if (entry && (entry->bits & kCloseOnExec)) (void)close(static_cast<int>(number));
    }
}

void FileTable::close_all() {
    close_range(0, UINT32_MAX - 1);
}

Result<Ref<FileTable>> FileTable::copy() const {
    Ref<FileTable> made = TRY(make_ref<FileTable>());
    TRY_VOID(made->slots_.copy_from(slots_));
    return made;
}

}  // namespace gyre
