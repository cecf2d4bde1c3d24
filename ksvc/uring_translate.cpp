// SPDX-License-Identifier: MIT
//
// One row a call, one small function a shape. The rules that keep it exact:
//  - offset -1 means "at the file's position" to io_uring and is EINVAL for pread(2): negative
//    offsets are unfit, and so are descriptors that cannot seek (pread on a pipe is ESPIPE);
//  - io_uring waits on an O_NONBLOCK pipe or socket, where the calls say EAGAIN or EINPROGRESS: such
//    descriptors are unfit for read, write, accept and connect, and get MSG_DONTWAIT for send and
//    receive; sockets with SO_RCVTIMEO or SO_SNDTIMEO are unfit (a trusting ring does not look,
//    UringRing::set_trusting);
//  - lengths are 32 bit in an operation: above MAX_RW_COUNT (read, write) or 2^32 they are unfit;
//  - offsets behind pointers (splice) are values in an operation: unfit unless NULL;
//  - memory that the library itself must read or write (stat, recvfrom, timespec) must be real, as
//    for the C library's own wrappers; addresses in the first 64 KiB are unfit, so that NULL is EFAULT.
#include "ksvc/uring_translate.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/syscall.h>

#include <array>
#include <cstring>

#include "ksvc/uring_draft.h"

namespace ksvc {
namespace {

// Operations newer than the liburing of Debian 12; the numbers are Linux's ABI.
constexpr int kOpWaitid = 50;      // 6.7
constexpr int kOpFtruncate = 55;   // 6.9
constexpr int kOpPipe = 62;        // 6.16

// io_uring reads from pipes and sockets whatever the offset; pread(2) says ESPIPE.
bool can_seek(int fd) { return trap(SYS_lseek, static_cast<uint64_t>(fd), 0, SEEK_CUR) >= 0; }

// ---- reading and writing ------------------------------------------------------------------------

int limit_of(int operation) {
    return operation == IORING_OP_READ || operation == IORING_OP_READV ? SO_RCVTIMEO : SO_SNDTIMEO;
}

bool read_write(Draft& d, int operation) {
    if (d.arg(2) > kMaxTransfer || !may_wait_long(d, d.integer(0), limit_of(operation))) return false;
    d.put(operation, d.integer(0), d.arg(1), d.arg(2), ~0ull);
    return true;
}
bool read(Draft& d) { return read_write(d, IORING_OP_READ); }
bool write(Draft& d) { return read_write(d, IORING_OP_WRITE); }

bool positional(Draft& d, int operation) {
    if (d.arg(2) > kMaxTransfer || static_cast<int64_t>(d.arg(3)) < 0 || !can_seek(d.integer(0))) return false;
    d.put(operation, d.integer(0), d.arg(1), d.arg(2), d.arg(3));
    return true;
}
bool pread(Draft& d) { return positional(d, IORING_OP_READ); }
bool pwrite(Draft& d) { return positional(d, IORING_OP_WRITE); }

bool vector(Draft& d, int operation) {
    if (!is_word(d.arg(2)) || !may_wait_long(d, d.integer(0), limit_of(operation))) return false;
    d.put(operation, d.integer(0), d.arg(1), d.arg(2), ~0ull);
    return true;
}
bool readv(Draft& d) { return vector(d, IORING_OP_READV); }
bool writev(Draft& d) { return vector(d, IORING_OP_WRITEV); }

// On a 64-bit machine the low half holds the whole offset (pos_from_hilo in fs/read_write.c).
bool vector_positional(Draft& d, int operation, bool has_flags) {
    if (!is_word(d.arg(2))) return false;
    const bool is_at_position = has_flags && d.arg(3) == ~0ull;
    if (is_at_position && !may_wait_long(d, d.integer(0), limit_of(operation))) return false;
    if (!is_at_position && (static_cast<int64_t>(d.arg(3)) < 0 || !can_seek(d.integer(0)))) return false;
    d.put(operation, d.integer(0), d.arg(1), d.arg(2), d.arg(3));
    if (has_flags) d.sqe.rw_flags = d.integer(5);
    return true;
}
bool preadv(Draft& d) { return vector_positional(d, IORING_OP_READV, false); }
bool pwritev(Draft& d) { return vector_positional(d, IORING_OP_WRITEV, false); }
bool preadv2(Draft& d) { return vector_positional(d, IORING_OP_READV, true); }
bool pwritev2(Draft& d) { return vector_positional(d, IORING_OP_WRITEV, true); }

// ---- descriptors --------------------------------------------------------------------------------

bool fsync(Draft& d) {
    d.put(IORING_OP_FSYNC, d.integer(0), 0, 0, 0);
    return true;
}
bool fdatasync(Draft& d) {
    fsync(d);
    d.sqe.fsync_flags = IORING_FSYNC_DATASYNC;
    return true;
}
bool sync_file_range(Draft& d) {
    if (!is_word(d.arg(2))) return false;
    d.put(IORING_OP_SYNC_FILE_RANGE, d.integer(0), 0, d.arg(2), d.arg(1));
    d.sqe.sync_range_flags = d.word(3);
    return true;
}
bool fallocate(Draft& d) {
    d.put(IORING_OP_FALLOCATE, d.integer(0), d.arg(3), d.word(1), d.arg(2));
    return true;
}
bool ftruncate(Draft& d) {
    d.put(kOpFtruncate, d.integer(0), 0, 0, d.arg(1));
    return true;
}
bool fadvise(Draft& d) {
    if (!is_word(d.arg(2))) return false;
    d.put(IORING_OP_FADVISE, d.integer(0), 0, d.arg(2), d.arg(1));
    d.sqe.fadvise_advice = d.word(3);
    return true;
}
bool madvise(Draft& d) {
    if (!is_word(d.arg(1))) return false;
    d.put(IORING_OP_MADVISE, -1, d.arg(0), d.arg(1), 0);
    d.sqe.fadvise_advice = d.word(2);
    return true;
}
bool splice(Draft& d) {
    if (d.arg(1) != 0 || d.arg(3) != 0 || !is_word(d.arg(4)) || (d.word(5) & SPLICE_F_FD_IN_FIXED)) return false;
    d.put(IORING_OP_SPLICE, d.integer(2), ~0ull, d.arg(4), ~0ull);
    d.sqe.splice_fd_in = d.integer(0);
    d.sqe.splice_flags = d.word(5);
    return true;
}
bool tee(Draft& d) {
    if (!is_word(d.arg(2)) || (d.word(3) & SPLICE_F_FD_IN_FIXED)) return false;
    d.put(IORING_OP_TEE, d.integer(1), 0, d.arg(2), 0);
    d.sqe.splice_fd_in = d.integer(0);
    d.sqe.splice_flags = d.word(3);
    return true;
}
bool close(Draft& d) {
    d.put(IORING_OP_CLOSE, d.integer(0), 0, 0, 0);
    return true;
}
bool pipe2(Draft& d) {
    d.put(kOpPipe, 0, d.arg(0), 0, 0);
    d.sqe.rw_flags = d.integer(1);
    return true;
}
bool epoll_ctl(Draft& d) {
    d.put(IORING_OP_EPOLL_CTL, d.integer(0), d.arg(3), d.word(1), static_cast<uint64_t>(d.integer(2)));
    return true;
}

// ---- paths --------------------------------------------------------------------------------------

bool open_at(Draft& d, int directory, uint64_t path, uint32_t flags, uint32_t mode) {
    d.put(IORING_OP_OPENAT, directory, path, mode, 0);
    d.sqe.open_flags = flags;
    return true;
}
bool open(Draft& d) { return open_at(d, AT_FDCWD, d.arg(0), d.word(1), d.word(2)); }
bool creat(Draft& d) { return open_at(d, AT_FDCWD, d.arg(0), O_CREAT | O_WRONLY | O_TRUNC, d.word(1)); }
bool openat(Draft& d) { return open_at(d, d.integer(0), d.arg(1), d.word(2), d.word(3)); }
bool openat2(Draft& d) {
    if (!is_word(d.arg(3))) return false;
    d.put(IORING_OP_OPENAT2, d.integer(0), d.arg(1), d.arg(3), d.arg(2));
    return true;
}

bool status(Draft& d, int directory, uint64_t path, int flags, uint64_t user) {
    if (!is_memory(user)) return false;
    d.slot = d.ring.new_slot(UringSlot::Kind::Stat, d.token, reinterpret_cast<void*>(user));
    d.put(IORING_OP_STATX, directory, path, STATX_BASIC_STATS, reinterpret_cast<uint64_t>(&d.slot->status));
    // stat(2) never triggers an automount.
    d.sqe.statx_flags = static_cast<uint32_t>(flags | AT_NO_AUTOMOUNT);
    return true;
}
bool stat(Draft& d) { return status(d, AT_FDCWD, d.arg(0), 0, d.arg(1)); }
bool lstat(Draft& d) { return status(d, AT_FDCWD, d.arg(0), AT_SYMLINK_NOFOLLOW, d.arg(1)); }
bool fstat(Draft& d) {
    if (d.integer(0) < 0) return false;  // AT_FDCWD would name the working directory
    return status(d, d.integer(0), reinterpret_cast<uint64_t>(""), AT_EMPTY_PATH, d.arg(1));
}
bool newfstatat(Draft& d) {
    // The sync bits mean something to statx only.
    if (d.word(3) & AT_STATX_SYNC_TYPE) return false;
    return status(d, d.integer(0), d.arg(1), d.integer(3), d.arg(2));
}
bool statx(Draft& d) {
    d.put(IORING_OP_STATX, d.integer(0), d.arg(1), d.word(3), d.arg(4));
    d.sqe.statx_flags = d.word(2);
    return true;
}

bool rename_at(Draft& d, int from, uint64_t old_path, int to, uint64_t new_path, uint32_t flags) {
    d.put(IORING_OP_RENAMEAT, from, old_path, static_cast<uint32_t>(to), new_path);
    d.sqe.rename_flags = flags;
    return true;
}
bool rename(Draft& d) { return rename_at(d, AT_FDCWD, d.arg(0), AT_FDCWD, d.arg(1), 0); }
bool renameat(Draft& d) { return rename_at(d, d.integer(0), d.arg(1), d.integer(2), d.arg(3), 0); }
bool renameat2(Draft& d) { return rename_at(d, d.integer(0), d.arg(1), d.integer(2), d.arg(3), d.word(4)); }

bool unlink_at(Draft& d, int directory, uint64_t path, uint32_t flags) {
    d.put(IORING_OP_UNLINKAT, directory, path, 0, 0);
    d.sqe.unlink_flags = flags;
    return true;
}
bool unlink(Draft& d) { return unlink_at(d, AT_FDCWD, d.arg(0), 0); }
bool rmdir(Draft& d) { return unlink_at(d, AT_FDCWD, d.arg(0), AT_REMOVEDIR); }
bool unlinkat(Draft& d) { return unlink_at(d, d.integer(0), d.arg(1), d.word(2)); }

bool make_directory(Draft& d, int directory, uint64_t path, uint32_t mode) {
    d.put(IORING_OP_MKDIRAT, directory, path, mode, 0);
    return true;
}
bool mkdir(Draft& d) { return make_directory(d, AT_FDCWD, d.arg(0), d.word(1)); }
bool mkdirat(Draft& d) { return make_directory(d, d.integer(0), d.arg(1), d.word(2)); }

bool symlink_at(Draft& d, uint64_t target, int directory, uint64_t path) {
    d.put(IORING_OP_SYMLINKAT, directory, target, 0, path);
    return true;
}
bool symlink(Draft& d) { return symlink_at(d, d.arg(0), AT_FDCWD, d.arg(1)); }
bool symlinkat(Draft& d) { return symlink_at(d, d.arg(0), d.integer(1), d.arg(2)); }

bool link_at(Draft& d, int from, uint64_t old_path, int to, uint64_t new_path, uint32_t flags) {
    d.put(IORING_OP_LINKAT, from, old_path, static_cast<uint32_t>(to), new_path);
    d.sqe.hardlink_flags = flags;
    return true;
}
bool link(Draft& d) { return link_at(d, AT_FDCWD, d.arg(0), AT_FDCWD, d.arg(1), 0); }
bool linkat(Draft& d) { return link_at(d, d.integer(0), d.arg(1), d.integer(2), d.arg(3), d.word(4)); }

// ---- attributes, time, waiting ------------------------------------------------------------------

bool set_attribute(Draft& d, int operation, int fd, uint64_t path) {
    if (!is_word(d.arg(3))) return false;
    d.put(operation, fd, d.arg(1), d.arg(3), d.arg(2));
    d.sqe.addr3 = path;
    d.sqe.xattr_flags = d.word(4);
    return true;
}
bool setxattr(Draft& d) { return set_attribute(d, IORING_OP_SETXATTR, 0, d.arg(0)); }
bool fsetxattr(Draft& d) { return set_attribute(d, IORING_OP_FSETXATTR, d.integer(0), 0); }
bool get_attribute(Draft& d, int operation, int fd, uint64_t path) {
    if (!is_word(d.arg(3))) return false;
    d.put(operation, fd, d.arg(1), d.arg(3), d.arg(2));
    d.sqe.addr3 = path;
    return true;
}
bool getxattr(Draft& d) { return get_attribute(d, IORING_OP_GETXATTR, 0, d.arg(0)); }
bool fgetxattr(Draft& d) { return get_attribute(d, IORING_OP_FGETXATTR, d.integer(0), 0); }

bool sleep_until(Draft& d, uint64_t user, uint32_t flags) {
    if (!is_memory(user)) return false;
    const auto time = *reinterpret_cast<const timespec*>(user);
    if (time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= 1'000'000'000) return false;
    d.slot = d.ring.new_slot(UringSlot::Kind::Sleep, d.token, nullptr);
    d.slot->time = {.tv_sec = time.tv_sec, .tv_nsec = time.tv_nsec};
    d.put(IORING_OP_TIMEOUT, -1, reinterpret_cast<uint64_t>(&d.slot->time), 1, 0);
    d.sqe.timeout_flags = flags;
    return true;
}
bool nanosleep(Draft& d) { return sleep_until(d, d.arg(0), 0); }
bool clock_nanosleep(Draft& d) {
    uint32_t flags = 0;
    if (d.integer(1) & ~TIMER_ABSTIME) return false;
    if (d.integer(1) & TIMER_ABSTIME) flags |= IORING_TIMEOUT_ABS;
    switch (d.integer(0)) {
        case CLOCK_MONOTONIC: break;
        case CLOCK_REALTIME: flags |= IORING_TIMEOUT_REALTIME; break;
        case CLOCK_BOOTTIME: flags |= IORING_TIMEOUT_BOOTTIME; break;
        default: return false;
    }
    return sleep_until(d, d.arg(2), flags);
}
bool poll(Draft& d) {
    // One descriptor, for ever: what a ring does best. The rest is a worker's.
    if (d.word(1) != 1 || d.integer(2) >= 0 || !is_memory(d.arg(0))) return false;
    auto* descriptor = reinterpret_cast<pollfd*>(d.arg(0));
    if (descriptor->fd < 0) return false;
    d.slot = d.ring.new_slot(UringSlot::Kind::Poll, d.token, descriptor);
    d.put(IORING_OP_POLL_ADD, descriptor->fd, 0, d.is_multi() ? IORING_POLL_ADD_MULTI : 0, 0);
    d.sqe.poll32_events = static_cast<uint16_t>(descriptor->events);
    return true;
}
bool waitid(Draft& d) {
    if (d.arg(4) != 0) return false;  // the operation has no resource usage
    d.put(kOpWaitid, d.integer(1), 0, d.word(0), d.arg(2));
    d.sqe.file_index = d.word(3);
    return true;
}

struct Row {
    bool (*prepare)(Draft&) = nullptr;
    int16_t operation = -1;
};

constexpr auto kRows = [] {
    std::array<Row, kCallLimit> rows{};
    rows[SYS_read] = {read, IORING_OP_READ};
    rows[SYS_write] = {write, IORING_OP_WRITE};
    rows[SYS_pread64] = {pread, IORING_OP_READ};
    rows[SYS_pwrite64] = {pwrite, IORING_OP_WRITE};
    rows[SYS_readv] = {readv, IORING_OP_READV};
    rows[SYS_writev] = {writev, IORING_OP_WRITEV};
    rows[SYS_preadv] = {preadv, IORING_OP_READV};
    rows[SYS_pwritev] = {pwritev, IORING_OP_WRITEV};
    rows[SYS_preadv2] = {preadv2, IORING_OP_READV};
    rows[SYS_pwritev2] = {pwritev2, IORING_OP_WRITEV};
    rows[SYS_fsync] = {fsync, IORING_OP_FSYNC};
    rows[SYS_fdatasync] = {fdatasync, IORING_OP_FSYNC};
    rows[SYS_sync_file_range] = {sync_file_range, IORING_OP_SYNC_FILE_RANGE};
    rows[SYS_fallocate] = {fallocate, IORING_OP_FALLOCATE};
    rows[SYS_ftruncate] = {ftruncate, kOpFtruncate};
    rows[SYS_fadvise64] = {fadvise, IORING_OP_FADVISE};
    rows[SYS_madvise] = {madvise, IORING_OP_MADVISE};
    rows[SYS_splice] = {splice, IORING_OP_SPLICE};
    rows[SYS_tee] = {tee, IORING_OP_TEE};
    rows[SYS_close] = {close, IORING_OP_CLOSE};
    rows[SYS_pipe2] = {pipe2, kOpPipe};
    rows[SYS_epoll_ctl] = {epoll_ctl, IORING_OP_EPOLL_CTL};
    rows[SYS_open] = {open, IORING_OP_OPENAT};
    rows[SYS_creat] = {creat, IORING_OP_OPENAT};
    rows[SYS_openat] = {openat, IORING_OP_OPENAT};
    rows[SYS_openat2] = {openat2, IORING_OP_OPENAT2};
    rows[SYS_stat] = {stat, IORING_OP_STATX};
    rows[SYS_lstat] = {lstat, IORING_OP_STATX};
    rows[SYS_fstat] = {fstat, IORING_OP_STATX};
    rows[SYS_newfstatat] = {newfstatat, IORING_OP_STATX};
    rows[SYS_statx] = {statx, IORING_OP_STATX};
    rows[SYS_rename] = {rename, IORING_OP_RENAMEAT};
    rows[SYS_renameat] = {renameat, IORING_OP_RENAMEAT};
    rows[SYS_renameat2] = {renameat2, IORING_OP_RENAMEAT};
    rows[SYS_unlink] = {unlink, IORING_OP_UNLINKAT};
    rows[SYS_rmdir] = {rmdir, IORING_OP_UNLINKAT};
    rows[SYS_unlinkat] = {unlinkat, IORING_OP_UNLINKAT};
    rows[SYS_mkdir] = {mkdir, IORING_OP_MKDIRAT};
    rows[SYS_mkdirat] = {mkdirat, IORING_OP_MKDIRAT};
    rows[SYS_symlink] = {symlink, IORING_OP_SYMLINKAT};
    rows[SYS_symlinkat] = {symlinkat, IORING_OP_SYMLINKAT};
    rows[SYS_link] = {link, IORING_OP_LINKAT};
    rows[SYS_linkat] = {linkat, IORING_OP_LINKAT};
    rows[SYS_socket] = {on_socket::socket, IORING_OP_SOCKET};
    rows[SYS_bind] = {on_socket::bind, on_socket::kOpBind};
    rows[SYS_listen] = {on_socket::listen, on_socket::kOpListen};
    rows[SYS_connect] = {on_socket::connect, IORING_OP_CONNECT};
    rows[SYS_accept] = {on_socket::accept, IORING_OP_ACCEPT};
    rows[SYS_accept4] = {on_socket::accept4, IORING_OP_ACCEPT};
    rows[SYS_shutdown] = {on_socket::shutdown, IORING_OP_SHUTDOWN};
    rows[SYS_sendto] = {on_socket::sendto, IORING_OP_SEND};
    rows[SYS_recvfrom] = {on_socket::recvfrom, IORING_OP_RECV};
    rows[SYS_sendmsg] = {on_socket::sendmsg, IORING_OP_SENDMSG};
    rows[SYS_recvmsg] = {on_socket::recvmsg, IORING_OP_RECVMSG};
    rows[SYS_setxattr] = {setxattr, IORING_OP_SETXATTR};
    rows[SYS_fsetxattr] = {fsetxattr, IORING_OP_FSETXATTR};
    rows[SYS_getxattr] = {getxattr, IORING_OP_GETXATTR};
    rows[SYS_fgetxattr] = {fgetxattr, IORING_OP_FGETXATTR};
    rows[SYS_nanosleep] = {nanosleep, IORING_OP_TIMEOUT};
    rows[SYS_clock_nanosleep] = {clock_nanosleep, IORING_OP_TIMEOUT};
    rows[SYS_poll] = {poll, IORING_OP_POLL_ADD};
    rows[SYS_waitid] = {waitid, kOpWaitid};
    return rows;
}();

}  // namespace

int uring_operation(uint32_t nr) { return nr < kCallLimit ? kRows[nr].operation : -1; }

Start uring_translate(UringRing& ring, const Entry& entry, uint64_t token, io_uring_sqe& sqe) {
    std::memset(&sqe, 0, sizeof sqe);
    Draft draft{.ring = ring, .entry = entry, .token = token, .sqe = sqe};
    if (entry.syscall_nr == kReceiveChosen) {
        on_socket::receive_chosen(draft);
        sqe.user_data = token;
        return Start::Started;
    }
    if (entry.syscall_nr >= kCallLimit || kRows[entry.syscall_nr].prepare == nullptr) return Start::Unfit;
    if (!kRows[entry.syscall_nr].prepare(draft)) return Start::Unfit;
    sqe.user_data = draft.slot != nullptr ? ring.slot_data(*draft.slot) : token;
    return Start::Started;
}

}  // namespace ksvc
