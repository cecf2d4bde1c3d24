// SPDX-License-Identifier: MIT
//
// /proc/PID/status: what stat says and more, a line each.
#include "kernel/fs/file_table.h"
#include "kernel/fs/filesystem_context.h"
#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/task.h"
#include "kernel/schedule/cpu.h"

namespace gyre::procfs::process_files {
namespace {

const char* state_name(char letter) {
    switch (letter) {
        case 'R':
            return "running";
        case 'D':
            return "disk sleep";
        case 'T':
            return "stopped";
        case 'Z':
            return "zombie";
        default:
            return "sleeping";
    }
}

void identity_lines(TextBuilder& out, const linux::Task& task) {
    const linux::Process& process = task.process();
    const char letter = state_letter(task);
    const Ref<FilesystemContext> places = task.filesystem_reference();
    out.text("Name:\t");
    out.escaped(task.name(), "\n\\");
    if (places) {
        const uint32_t umask = places->umask();
        out.format("\nUmask:\t0{}{}{}", umask >> 6 & 7, umask >> 3 & 7, umask & 7);
    }
    out.format("\nState:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n",
               letter, state_name(letter), process.pid(), task.tid(), process.parent_pid());
}

void credential_lines(TextBuilder& out, const Credentials& credentials, const linux::Task& task) {
    const CredentialValues& values = credentials.values();
    const Ref<FileTable> files = task.files_reference();
    out.format("Uid:\t{}\t{}\t{}\t{}\n", values.uid, values.effective_uid, values.saved_uid,
               values.filesystem_uid);
    out.format("Gid:\t{}\t{}\t{}\t{}\n", values.gid, values.effective_gid, values.saved_gid,
               values.filesystem_gid);
    out.format("FDSize:\t{}\nGroups:\t", files ? files->slots().capacity() : 0);
    for (const uint32_t group : credentials.groups())
        out.format("{} ", group);
    const linux::Process::Relations relations = task.process().relations();
    out.format("\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", task.process().pid(),
               task.tid(), relations.group, relations.session);
}

void memory_lines(TextBuilder& out, AddressSpace& space) {
    const AddressSpace::Usage usage = space.usage();
    const struct {
        const char* name;
        uint64_t pages;
    } lines[] = {
        {"VmPeak", usage.peak_virtual_pages},
        {"VmSize", usage.virtual_pages},
        {"VmLck", usage.locked_pages},
        {"VmPin", 0},
        {"VmHWM", usage.peak_resident_pages},
        {"VmRSS", usage.resident_pages},
        {"RssAnon", usage.resident_pages - std::min(usage.resident_pages, usage.shared_pages)},
        {"RssFile", usage.shared_pages},
        {"RssShmem", 0},
        {"VmData", usage.data_pages},
        {"VmStk", usage.stack_pages},
        {"VmExe", usage.text_pages},
        {"VmLib", 0},
        {"VmPTE", usage.page_table_pages},
        {"VmSwap", 0},
    };
    for (const auto& line : lines)
        out.format("{}:\t{8} kB\n", line.name, line.pages * (kPageSize / 1024));
}

void signal_lines(TextBuilder& out, linux::Task& task) {
    linux::SignalHandlers& handlers = task.process().handlers();
    linux::SignalSet pending, shared, blocked, ignored = 0, caught = 0;
    {
        SpinGuard guard(handlers.lock);
        pending = task.pending.set;
        shared = task.process().shared_pending.set;
        blocked = task.blocked;
        for (int signal = 1; signal <= linux::kSigLast; ++signal) {
            const uint64_t handler = handlers.action(signal).handler;
            if (handler == linux::abi::kSigIgnore)
                ignored |= linux::signal_bit(signal);
            else if (handler != linux::abi::kSigDefault)
                caught |= linux::signal_bit(signal);
        }
    }
    out.format("Threads:\t{}\nSigQ:\t{}/{}\n", task.process().task_count(),
               task.account().pending_signals.load(),
               task.process().limit(linux::kLimitPendingSignals));
    out.format(
        "SigPnd:\t{016x}\nShdPnd:\t{016x}\nSigBlk:\t{016x}\nSigIgn:\t{016x}\nSigCgt:\t{016x}\n",
        pending, shared, blocked, ignored, caught);
}

void capability_lines(TextBuilder& out, const CredentialValues& values) {
    out.format(
        "CapInh:\t{016x}\nCapPrm:\t{016x}\nCapEff:\t{016x}\nCapBnd:\t{016x}\nCapAmb:\t{016x}\n",
        values.inheritable, values.permitted, values.effective, values.bounding, values.ambient);
    out.format("NoNewPrivs:\t{}\nSeccomp:\t0\n", values.no_new_privileges ? 1 : 0);
}

void cpu_lines(TextBuilder& out, const Thread& thread) {
    const uint64_t allowed = (thread.affinity() & online_cpus()).bits;
    out.format("Cpus_allowed:\t{x}\nCpus_allowed_list:\t", allowed);
    append_list(out, allowed);
    out.format(
        "\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_"
        "ctxt_switches:\t{}\n",
        thread.voluntary_switches(), thread.involuntary_switches());
}

}  // namespace

Status status(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    const Ref<Credentials> credentials = task->credentials_reference();
    identity_lines(out, *task);
    credential_lines(out, *credentials, *task);
    if (const Ref<AddressSpace> space = task->process().address_space_reference())
        memory_lines(out, *space);
    signal_lines(out, *task);
    capability_lines(out, credentials->values());
    cpu_lines(out, task->thread());
    return {};
}

}  // namespace gyre::procfs::process_files
