// SPDX-License-Identifier: MIT
//
// Files as programs lay them out (x86-64).
#pragma once

#include <cstdint>

#include "kernel/linux/abi_time.h"

namespace gyre::linux::abi {

struct IoVec {
    uint64_t address;
    uint64_t length;
};
static_assert(sizeof(IoVec) == 16);

struct PollFd {
    int32_t fd;
    int16_t events;
    int16_t returned;
};
static_assert(sizeof(PollFd) == 8);

struct [[gnu::packed]] EpollEvent {
    uint32_t events;
    uint64_t data;
};
static_assert(sizeof(EpollEvent) == 12);

struct Utimbuf {
    int64_t access_time, modification_time;
};
static_assert(sizeof(Utimbuf) == 16);

struct Stat {
    uint64_t device, inode, links;
    uint32_t mode, uid, gid, padding;
    uint64_t special_device;
    int64_t size, block_size, blocks;
    Timespec access_time, modification_time, change_time;
    int64_t reserved[3];
};
static_assert(sizeof(Stat) == 144);

struct Statfs {
    int64_t type, block_size;
    uint64_t blocks, blocks_free, blocks_available, files, files_free;
    int32_t id[2];
    int64_t name_length, fragment_size, flags, spare[4];
};
static_assert(sizeof(Statfs) == 120);

struct StatxTime {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};

struct Statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, padding;
    uint64_t inode, size, blocks, attributes_mask;
    StatxTime access_time, birth_time, change_time, modification_time;
    uint32_t special_major, special_minor, device_major, device_minor;
    uint64_t mount_id;
    uint32_t direct_memory_alignment, direct_offset_alignment;
    uint64_t spare[12];
};
static_assert(sizeof(Statx) == 256);

// fcntl(2)'s struct flock.
struct Flock {
    int16_t type, whence;
    int32_t padding;
    int64_t start, length;
    int32_t pid, padding_end;
};
static_assert(sizeof(Flock) == 32);

// fcntl(2)'s struct f_owner_ex.
struct FileOwner {
    int32_t kind, number;
};
static_assert(sizeof(FileOwner) == 8);

// openat2(2)'s struct open_how.
struct OpenHow {
    uint64_t flags, mode, resolve;
};
static_assert(sizeof(OpenHow) == 24);

// What comes before the name in a record of getdents64(2); for getdents(2) the type is the record's last byte.
struct [[gnu::packed]] DirectoryRecord64 {
    uint64_t inode;
    int64_t next_offset;
    uint16_t length;
    uint8_t type;
};
static_assert(sizeof(DirectoryRecord64) == 19);
struct [[gnu::packed]] DirectoryRecord {
    uint64_t inode;
    int64_t next_offset;
    uint16_t length;
};
static_assert(sizeof(DirectoryRecord) == 18);

// AT_* of the calls that take a directory descriptor.
constexpr int kAtWorkingDirectory = -100;
constexpr int kAtSymlinkNoFollow = 0x100, kAtRemoveDirectory = 0x200, kAtEffectiveAccess = 0x200, kAtSymlinkFollow = 0x400,
              kAtNoAutomount = 0x800, kAtEmptyPath = 0x1000, kAtStatxForceSync = 0x2000, kAtStatxDontSync = 0x4000;

}  // namespace gyre::linux::abi
