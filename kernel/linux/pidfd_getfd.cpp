// SPDX-License-Identifier: MIT
//
// pidfd_getfd(2): a copy of another process's descriptor.
#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/procfs/entry.h"
#include "kernel/linux/context.h"
#include "kernel/linux/pidfd.h"

namespace gyre::linux {

CallResult sys_pidfd_getfd(CallContext& context, int pidfd, int target, uint32_t flags) {
    if (flags != 0) return fail(Error::InvalidArgument);
    const Ref<Process> process = TRY(process_of_pidfd(context, pidfd));
    const Ref<Task> leader = process->leader();
    if (!leader) return fail(Error::NoSuchProcess);
    if (!procfs::check_inspect(*leader)) return fail(Error::NotPermitted);
    const Ref<FileTable> files = leader->files_reference();
    if (!files) return fail(Error::NoSuchProcess);
    return TRY(
        context.files().install(TRY(files->get_any(target)), true, context.limit(kLimitFiles)));
}

}  // namespace gyre::linux
