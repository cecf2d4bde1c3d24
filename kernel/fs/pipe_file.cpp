// SPDX-License-Identifier: MIT
//
// The open ends of pipes, and the making of a nameless one.
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe.h"
#include "kernel/linux/context.h"
#include "kernel/linux/signal.h"
#include "lib/base/format.h"

namespace gyre {
namespace {

constexpr uint32_t kIoctlBytesReadable = 0x541b;              // FIONREAD
constexpr uint32_t kSetCapacity = 1031, kGetCapacity = 1032;  // F_SETPIPE_SZ, F_GETPIPE_SZ
constexpr uint64_t kPipeDevice = make_device(0, 13);

bool opens_for_reading(uint32_t flags) {
    return (flags & open_flags::kAccessMode) != open_flags::kWriteOnly;
}
bool opens_for_writing(uint32_t flags) {
    return (flags & open_flags::kAccessMode) != open_flags::kReadOnly;
}

linux::Task* current_task() {
    return static_cast<linux::Task*>(Thread::current().owner());
}
uint32_t creator_uid() {
    return current_task() ? current_task()->credentials()->filesystem_uid : 0;
}
uint32_t creator_gid() {
    return current_task() ? current_task()->credentials()->filesystem_gid : 0;
}

}  // namespace

void release_fifo(Inode& inode, Ref<Pipe> pipe);  // fifo.cpp

PipeFile::PipeFile(Path path, uint32_t flags, Ref<Pipe> pipe, Inode* inode)
    : File(std::move(path), flags, Signals::None),
      pipe_(std::move(pipe)),
      inode_(inode),
      reads_(opens_for_reading(flags)),
      writes_(opens_for_writing(flags)),
      uid_(creator_uid()),
      gid_(creator_gid()),
      created_ns_(wall_clock_ns()) {
    pipe_->add_end(*this);
}

PipeFile::~PipeFile() {
    pipe_->remove_end(*this);
    if (inode_) release_fifo(*inode_, std::move(pipe_));
}

Result<size_t> PipeFile::read(IoCursor& to, Patience patience) {
    return pipe_->read(to, patience);
}

Result<size_t> PipeFile::write(IoCursor& from, Patience patience) {
    bool is_broken = false;
    const Result<size_t> written =
        pipe_->write(from, patience, (status_flags() & open_flags::kDirect) != 0, is_broken);
    if (is_broken) [[unlikely]]
        if (linux::Task* task = current_task())
            (void)linux::send_signal(*task, linux::user_signal_info(linux::kSigPipe, *task));
    return written;
}

Result<long> PipeFile::ioctl(linux::CallContext&, uint32_t command, uintptr_t argument) {
    if (command != kIoctlBytesReadable) return fail(Error::NotTerminal);
    TRY_VOID(UserOut<int32_t>(argument).write(static_cast<int32_t>(pipe_->byte_count())));
    return 0;
}

Result<long> PipeFile::control(linux::CallContext& context, uint32_t command, uintptr_t argument) {
    switch (command) {
        case kGetCapacity:
            return static_cast<long>(pipe_->capacity_bytes());
        case kSetCapacity:
            return set_capacity(static_cast<uint32_t>(argument),
                                context.credentials().has(Capability::SysResource));
        default:
            return fail(Error::InvalidArgument);
    }
}

Result<long> PipeFile::set_capacity(uint64_t bytes, bool is_privileged) {
    if (bytes > Pipe::kMostBytes) return fail(Error::InvalidArgument);
    uint64_t rounded = kPageSize;
    while (rounded < bytes)
        rounded *= 2;
    if (rounded > Pipe::kMostBytesUnprivileged && rounded > pipe_->capacity_bytes() &&
        !is_privileged)
        return fail(Error::NotPermitted);
    TRY_VOID(pipe_->set_slots(static_cast<uint32_t>(rounded / kPageSize), is_privileged));
    return static_cast<long>(rounded);
}

Signals PipeFile::signals() const {
    Signals now = Signals::None;
    if (reads_) {
        if (!pipe_->is_empty()) now = now | Signals::Readable;
        if (pipe_->writer_count() == 0 && pipe_->writer_opens() != writers_seen_)
            now = now | Signals::PeerClosed;
    }
    if (writes_) {
        if (!pipe_->is_full()) now = now | Signals::Writable;
        if (pipe_->reader_count() == 0) now = now | Signals::Failed;
    }
    return now;
}

Status PipeFile::status(FileStatus& status) {
    if (inode_) return File::status(status);
    status.device = kPipeDevice;
    status.inode = pipe_->number();
    status.mode = file_mode::kFifo | 0600;
    status.link_count = 1;
    status.uid = uid_;
    status.gid = gid_;
    status.access_ns = status.modify_ns = status.change_ns = status.birth_ns = created_ns_;
    return {};
}

size_t PipeFile::describe(std::span<char> buffer) const {
    return inode_ ? 0 : format_to(buffer, "pipe:[{}]", pipe_->number());
}

Result<PipeEnds> make_pipe(uint32_t flags) {
    Ref<Pipe> pipe = TRY(Pipe::create());
    PipeEnds ends;
    ends.reader = TRY(make_ref<PipeFile>(
        Path(), open_flags::kReadOnly | (flags & open_flags::kNonBlock), pipe, nullptr));
    ends.writer =
        TRY(make_ref<PipeFile>(Path(), open_flags::kWriteOnly | flags, std::move(pipe), nullptr));
    return ends;
}

}  // namespace gyre
