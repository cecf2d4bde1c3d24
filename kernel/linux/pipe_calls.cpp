// SPDX-License-Identifier: MIT
//
// pipe(2).
#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/pipe.h"
#include "kernel/linux/context.h"

namespace gyre::linux {

CallResult sys_pipe2(CallContext& context, UserOut<int32_t> fds, int flags) {
    using namespace open_flags;
    if (static_cast<uint32_t>(flags) & ~(kCloseOnExec | kNonBlock | kDirect))
        return fail(Error::InvalidArgument);
    PipeEnds ends = TRY(make_pipe(static_cast<uint32_t>(flags) & (kNonBlock | kDirect)));
    FileTable& files = context.files();
    const bool close_on_exec = (static_cast<uint32_t>(flags) & kCloseOnExec) != 0;
    const uint64_t limit = context.limit(kLimitFiles);
    const int reader = TRY(files.install(std::move(ends.reader), close_on_exec, limit));
    const Result<int> writer = files.install(std::move(ends.writer), close_on_exec, limit);
    if (!writer) {
        (void)files.close(reader);
        return fail(writer.error());
    }
    const int32_t pair[2] = {reader, *writer};
    if (const Status copied = fds.write_all(pair); !copied) {
        (void)files.close(reader);
        (void)files.close(*writer);
        return fail(copied.error());
    }
    return 0;
}

CallResult sys_pipe(CallContext& context, UserOut<int32_t> fds) {
    return sys_pipe2(context, fds, 0);
}

}  // namespace gyre::linux
