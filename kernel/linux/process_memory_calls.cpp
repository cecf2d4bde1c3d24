// SPDX-License-Identifier: MIT
//
// Looking into other processes: process_vm_readv(2), process_vm_writev(2), kcmp(2). Both need the rights of ptrace(2).
#include <algorithm>
#include <memory>
#include <new>

#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/filesystem_context.h"
#include "kernel/fs/procfs/entry.h"
#include "kernel/linux/file_vectors.h"
#include "kernel/random/random.h"

namespace gyre::linux {
namespace {

constexpr size_t kBufferBytes = 16 * kPageSize;

// Errors: NoSuchProcess, NotPermitted.
Result<Ref<Task>> find_inspected(CallContext& context, int pid) {
    Ref<Task> task = context.process.pid_namespace().find_task(pid);
    if (!task) return fail(Error::NoSuchProcess);
    if (!procfs::check_inspect(*task)) return fail(Error::NotPermitted);
    return task;
}

struct Transfer {
    AddressSpace& space;
    IoCursor local;
    std::span<std::byte> buffer;
    bool is_write;

    // One remote piece; how much of it was moved. Errors: BadAddress, when nothing was.
    Result<size_t> move(abi::IoVec remote) {
        size_t done = 0;
        while (done < remote.length && !local.is_done()) {
            const size_t wanted = std::min({buffer.size(), static_cast<size_t>(remote.length) - done, local.remaining()});
            const Result<size_t> moved = step(VirtualAddress{remote.address + done}, buffer.first(wanted));
            if (!moved && done == 0) return fail(Error::BadAddress);
            if (!moved) break;
            done += *moved;
            if (*moved < wanted) break;
            Thread::preemption_point();
        }
        return done;
    }

private:
    Result<size_t> step(VirtualAddress at, std::span<std::byte> part) {
        if (is_write) {
            const size_t taken = TRY(local.take(part));
            return space.write_foreign(at, part.first(taken));
        }
        const size_t read = TRY(space.read_foreign(at, part));
        return local.put(part.first(read));
    }
};

CallResult transfer(CallContext& context, int pid, UserIn<abi::IoVec> local, uint64_t local_count,
                    UserIn<abi::IoVec> remote, uint64_t remote_count, uint64_t flags, bool is_write) {
    if (flags != 0) return fail(Error::InvalidArgument);
    IoVectors pieces;
    TRY_VOID(pieces.read(local, local_count));
    if (pieces.cursor().is_done()) return 0;
    if (remote_count > IoVectors::kMost) return fail(Error::InvalidArgument);
    const std::unique_ptr<abi::IoVec[]> places(new (std::nothrow) abi::IoVec[remote_count + 1]);
    const std::unique_ptr<std::byte[]> buffer(new (std::nothrow) std::byte[kBufferBytes]);
    if (!places || !buffer) return fail(Error::NoMemory);
    TRY_VOID(remote.read_all({places.get(), remote_count}));
    const Ref<Task> task = TRY(find_inspected(context, pid));
    const Ref<AddressSpace> space = task->process().address_space_reference();
    if (!space) return fail(Error::NoSuchProcess);
    // Once more with the memory in hand: an exec changes the rights first.
    if (!procfs::check_inspect(*task)) return fail(Error::NotPermitted);
    Transfer work{*space, pieces.cursor(), {buffer.get(), kBufferBytes}, is_write};
    long total = 0;
    for (uint64_t i = 0; i < remote_count && !work.local.is_done(); ++i) {
        const Result<size_t> moved = work.move(places[i]);
        if (!moved && total == 0) return fail(moved.error());
        if (!moved) break;
        total += static_cast<long>(*moved);
        if (*moved < places[i].length) break;
    }
    return total;
}

// 0: the same, 1 and 2: an order that tells nothing of where things are.
long compare(const void* a, const void* b) {
    static constinit std::atomic<uint64_t> secret{0};
    uint64_t mask = secret.load(std::memory_order_relaxed);
    if (mask == 0) {
        uint64_t expected = 0;
        mask = random_u64() | 1;
        if (!secret.compare_exchange_strong(expected, mask)) mask = expected;
    }
    const uint64_t x = reinterpret_cast<uintptr_t>(a) * mask, y = reinterpret_cast<uintptr_t>(b) * mask;
    return x == y ? 0 : x < y ? 1 : 2;
}

enum KcmpType : int { kFile = 0, kMemory = 1, kFiles = 2, kFilesystem = 3, kHandlers = 4, kIo = 5, kSemaphores = 6 };

}  // namespace

CallResult sys_process_vm_readv(CallContext& context, int pid, UserIn<abi::IoVec> local, uint64_t local_count,
                                UserIn<abi::IoVec> remote, uint64_t remote_count, uint64_t flags) {
    return transfer(context, pid, local, local_count, remote, remote_count, flags, false);
}

CallResult sys_process_vm_writev(CallContext& context, int pid, UserIn<abi::IoVec> local, uint64_t local_count,
                                 UserIn<abi::IoVec> remote, uint64_t remote_count, uint64_t flags) {
    return transfer(context, pid, local, local_count, remote, remote_count, flags, true);
}

CallResult sys_kcmp(CallContext& context, int pid1, int pid2, int type, uint64_t index1, uint64_t index2) {
    const PidNamespace& pids = context.process.pid_namespace();
    if (!pids.find_task(pid1) || !pids.find_task(pid2)) return fail(Error::NoSuchProcess);
    const Ref<Task> one = TRY(find_inspected(context, pid1)), two = TRY(find_inspected(context, pid2));
    switch (type) {
        case kFile: {
            const Ref<FileTable> files1 = one->files_reference(), files2 = two->files_reference();
            if (!files1 || !files2) return fail(Error::BadDescriptor);
            const Ref<File> file1 = TRY(files1->get_any(static_cast<int>(index1)));
            const Ref<File> file2 = TRY(files2->get_any(static_cast<int>(index2)));
            return compare(file1.get(), file2.get());
        }
        case kMemory:
            return compare(one->process().address_space_reference().get(), two->process().address_space_reference().get());
        case kFiles: return compare(one->files_reference().get(), two->files_reference().get());
        case kFilesystem: return compare(one->filesystem_reference().get(), two->filesystem_reference().get());
        case kHandlers: return compare(&one->process().handlers(), &two->process().handlers());
        // There are neither I/O contexts nor System V semaphores that tasks could share: each has none.
        case kIo:
        case kSemaphores: return 0;
        default: return fail(Error::InvalidArgument);
    }
}

}  // namespace gyre::linux
