// SPDX-License-Identifier: MIT
//
// execve(2), execveat(2): the calls, and the order of the steps (exec.h).
#include "kernel/linux/exec.h"

#include <algorithm>
#include <memory>

#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/open.h"
#include "kernel/linux/exit.h"
#include "kernel/linux/file_paths.h"
#include "kernel/linux/process_parts.h"

namespace gyre::linux {
namespace {

constexpr int kAtCurrentDirectory = -100, kAtNoFollow = 0x100, kAtEmptyPath = 0x1000;

// All strings with their pointers: a quarter of the stack's limit, at least 128 KiB, at most 6 MiB (execve(2)).
uint64_t string_budget(const CallContext& context) {
    return std::clamp<uint64_t>(context.limit(kLimitStack) / 4, 128 * 1024, 6 * 1024 * 1024);
}

// A program that is opened by a descriptor is called by the descriptor's number.
Status name_by_descriptor(Exec& exec, int dirfd, bool has_path) {
    PathText& path = exec.path;
    const auto entry = exec.context.files().slots().get_entry(static_cast<uint32_t>(dirfd));
    exec.is_path_lost = entry && (entry->bits & FileTable::kCloseOnExec) != 0;
    char text[PathText::kMostBytes];
    size_t length = 0;
    for (const char c : std::string_view("/dev/fd/")) text[length++] = c;
    char digits[10];
    size_t digit_count = 0;
    for (unsigned value = static_cast<unsigned>(dirfd); value != 0 || digit_count == 0; value /= 10)
        digits[digit_count++] = static_cast<char>('0' + value % 10);
    while (digit_count > 0) text[length++] = digits[--digit_count];
    if (has_path) {
        text[length++] = '/';
        if (length + path.length() >= sizeof(text)) return fail(Error::NameTooLong);
        length = static_cast<size_t>(std::ranges::copy(path.view(), text + length).out - text);
    }
    return path.set(std::string_view(text, length));
}

Result<Ref<File>> open_at(Exec& exec, int dirfd, int flags) {
    CallContext& context = exec.context;
    if (exec.path.is_empty()) {
        if (!(flags & kAtEmptyPath)) return fail(Error::NotFound);
        if (dirfd == kAtCurrentDirectory)
            return open_for_execution(context.filesystem().working_directory(), context.credentials());
        const Ref<File> named = TRY(context.files().get_any(dirfd));
        if (named->path().is_empty()) return fail(Error::AccessDenied);
        Ref<File> file = TRY(open_for_execution(named->path(), context.credentials()));
        TRY_VOID(name_by_descriptor(exec, dirfd, false));
        return file;
    }
    const LookupContext view = TRY(lookup_context(context, dirfd, exec.path));
    Ref<File> file = TRY(open_for_execution(view, exec.path, follow_unless((flags & kAtNoFollow) != 0)));
    if (dirfd != kAtCurrentDirectory && !exec.path.is_absolute())
        TRY_VOID(name_by_descriptor(exec, dirfd, true));
    return file;
}

CallResult execute(CallContext& context, int dirfd, UserString pathname, UserIn<uint64_t> argv, UserIn<uint64_t> envp,
                   int flags) {
    if (flags & ~(kAtNoFollow | kAtEmptyPath)) return fail(Error::InvalidArgument);
    const std::unique_ptr<Exec> exec(new (std::nothrow) Exec(context));
    if (!exec) return fail(Error::NoMemory);
    TRY_VOID(exec->path.read(pathname));
    Ref<File> file = TRY(open_at(*exec, dirfd, flags));
    uint64_t budget = string_budget(context);
    TRY_VOID(exec->arguments.read(argv.address(), budget));
    TRY_VOID(exec->environment.read(envp.address(), budget));
    // A program without argv[0] has been a hole too often; it gets an empty one (since Linux 5.18).
    if (exec->arguments.count() == 0) TRY_VOID(exec->arguments.append(""));
    TRY_VOID(open_program(*exec, std::move(file)));
    TRY_VOID(run_exec(*exec));
    return 0;
}

}  // namespace

Status run_exec(Exec& exec) {
    Task& task = exec.context.task;
    TRY_VOID(prepare_credentials(exec));
    TRY_VOID(build_address_space(exec));
    TRY_VOID(prepare_handlers(exec));
    TRY_VOID(unshare_files(task));
    TRY_VOID(become_only_task(task));
    // The point of no return: the old program's threads are gone, so its memory may go.
    commit(exec);
    // Not ended here: what `exec` holds must go first.
    if (!zero_tails(exec) || !write_stack(exec)) force_signal(kSigKill);
    reset_registers(exec);
    return {};
}

CallResult sys_execve(CallContext& context, UserString pathname, UserIn<uint64_t> argv, UserIn<uint64_t> envp) {
    return execute(context, kAtCurrentDirectory, pathname, argv, envp, 0);
}

CallResult sys_execveat(CallContext& context, int dirfd, UserString pathname, UserIn<uint64_t> argv,
                        UserIn<uint64_t> envp, int flags) {
    return execute(context, dirfd, pathname, argv, envp, flags);
}

}  // namespace gyre::linux
