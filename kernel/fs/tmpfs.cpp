// SPDX-License-Identifier: MIT
//
// tmpfs: the superblock, its options and its limits. Inodes are in tmpfs_inode.cpp.
#include "kernel/fs/tmpfs.h"

#include <algorithm>
#include <cstring>

#include "kernel/fs/text.h"
#include "kernel/memory/page.h"

namespace gyre {

namespace {

constexpr uint64_t kMagic = 0x0102'1994,
                   kRamfsMagic = 0x8584'58f6;  // TMPFS_MAGIC, RAMFS_MAGIC: statfs(2)

// "10%", "64k", "2m", "1G", "4096": in bytes; percent is of RAM.
Result<uint64_t> parse_size(std::string_view text) {
    const size_t digits = text::digit_count(text);
    const uint64_t value = TRY(text::parse_number(text.substr(0, digits)));
    const std::string_view unit = text.substr(digits);
    if (unit.empty()) return value;
    if (unit.size() != 1) return fail(Error::InvalidArgument);
    uint32_t shift;
    switch (unit[0]) {
        case '%':
            return page_allocator::statistics().total_pages * kPageSize / 100 *
                   std::min<uint64_t>(value, 100);
        case 'k':
        case 'K':
            shift = 10;
            break;
        case 'm':
        case 'M':
            shift = 20;
            break;
        case 'g':
        case 'G':
            shift = 30;
            break;
        case 't':
        case 'T':
            shift = 40;
            break;
        default:
            return fail(Error::InvalidArgument);
    }
    if (value > UINT64_MAX >> shift) return fail(Error::InvalidArgument);
    return value << shift;
}

Status parse_option(std::string_view name, std::string_view value, TmpfsOptions& options) {
    if (name == "size") {
        options.page_limit = page_ceiling(TRY(parse_size(value))) / kPageSize;
    } else if (name == "nr_blocks") {
        options.page_limit = TRY(parse_size(value));
    } else if (name == "nr_inodes") {
        options.inode_limit = TRY(parse_size(value));
    } else if (name == "mode") {
        options.mode = static_cast<uint32_t>(TRY(text::parse_octal(value))) & file_mode::kAllBits;
    } else if (name == "uid") {
        options.uid = static_cast<uint32_t>(TRY(text::parse_number(value)));
    } else if (name == "gid") {
        options.gid = static_cast<uint32_t>(TRY(text::parse_number(value)));
    } else {
        return fail(Error::InvalidArgument);
    }
    return {};
}

Result<Ref<Superblock>> make_tmpfs(std::string_view, std::string_view text) {
    // Half of RAM, as Linux has it.
    TmpfsOptions options;
    options.page_limit = options.inode_limit = page_allocator::statistics().total_pages / 2;
    TRY_VOID(parse_tmpfs_options(text, options));
    return Ref<Superblock>(TRY(TmpfsSuperblock::create("tmpfs", options)));
}

}  // namespace

constinit FilesystemType tmpfs_type{"tmpfs", false, &make_tmpfs};

Status parse_tmpfs_options(std::string_view text, TmpfsOptions& options) {
    while (!text.empty()) {
        const std::string_view option = text::take_until(text, ',');
        if (option.empty()) continue;
        std::string_view value = option;
        const std::string_view name = text::take_until(value, '=');
        TRY_VOID(parse_option(name, value, options));
    }
    return {};
}

TmpfsSuperblock::TmpfsSuperblock(const char* type_name, const TmpfsOptions& options)
    : Superblock(type_name, Entries::Cached),
      page_limit_(options.page_limit),
      inode_limit_(options.inode_limit),
      root_mode_(options.mode),
      root_uid_(options.uid),
      root_gid_(options.gid) {}

Result<Ref<TmpfsSuperblock>> TmpfsSuperblock::create(const char* type_name,
                                                     const TmpfsOptions& options) {
    auto superblock =
        Ref<TmpfsSuperblock>::adopt(new (std::nothrow) TmpfsSuperblock(type_name, options));
    if (!superblock) return fail(Error::NoMemory);
    const NewNode node{file_mode::kDirectory | options.mode, options.uid, options.gid};
    Ref<Inode> inode = TRY(TmpfsInode::make(*superblock, node));
    inode->add_links(2);
    superblock->set_root(TRY(Dentry::create(nullptr, "/", std::move(inode))));
    return superblock;
}

Status TmpfsSuperblock::take_inode() {
    const uint64_t limit = inode_limit_.load(std::memory_order_relaxed);
    const uint64_t used = inodes_used_.fetch_add(1, std::memory_order_relaxed);
    if (limit != 0 && used >= limit) {
        return_inode();
        return fail(Error::NoSpace);
    }
    return {};
}

void TmpfsSuperblock::statistics(FilesystemStatistics& statistics) {
    const uint64_t pages = page_limit_.load(std::memory_order_relaxed);
    const uint64_t inodes = inode_limit_.load(std::memory_order_relaxed);
    statistics.magic = std::string_view(type_name()) == "ramfs" ? kRamfsMagic : kMagic;
    statistics.identifier = device();
    // Without a limit Linux says zero.
    if (pages) {
        statistics.blocks = pages;
        statistics.blocks_free =
            pages - std::min(pages, pages_used_.load(std::memory_order_relaxed));
        statistics.blocks_available = statistics.blocks_free;
    }
    if (inodes) {
        statistics.files = inodes;
        statistics.files_free =
            inodes - std::min(inodes, inodes_used_.load(std::memory_order_relaxed));
    }
}

size_t TmpfsSuperblock::options(std::span<char> buffer) const {
    text::Writer writer(buffer);
    if (const uint64_t pages = page_limit_.load(std::memory_order_relaxed)) {
        writer.text(",size=");
        writer.number(pages * (kPageSize / 1024));
        writer.text("k");
    }
    if (const uint64_t inodes = inode_limit_.load(std::memory_order_relaxed)) {
        writer.text(",nr_inodes=");
        writer.number(inodes);
    }
    if (root_mode_ != 01777) {
        writer.text(",mode=");
        writer.octal(root_mode_);
    }
    if (root_uid_) {
        writer.text(",uid=");
        writer.number(root_uid_);
    }
    if (root_gid_) {
        writer.text(",gid=");
        writer.number(root_gid_);
    }
    return writer.length();
}

Status TmpfsSuperblock::remount(std::string_view text) {
    TmpfsOptions options{page_limit_.load(std::memory_order_relaxed),
                         inode_limit_.load(std::memory_order_relaxed), root_mode_, root_uid_,
                         root_gid_};
    TRY_VOID(parse_tmpfs_options(text, options));
    // What is in use already cannot be taken back.
    if (options.page_limit && options.page_limit < pages_used_.load(std::memory_order_relaxed))
        return fail(Error::InvalidArgument);
    if (options.inode_limit && options.inode_limit < inodes_used_.load(std::memory_order_relaxed))
        return fail(Error::InvalidArgument);
    page_limit_.store(options.page_limit, std::memory_order_relaxed);
    inode_limit_.store(options.inode_limit, std::memory_order_relaxed);
    return {};
}

}  // namespace gyre
