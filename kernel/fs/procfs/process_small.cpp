// SPDX-License-Identifier: MIT
//
// The small files of a process.
#include "kernel/fs/procfs/process_files.h"
#include "kernel/fs/text.h"
#include "kernel/linux/task.h"
#include "kernel/memory/page.h"

namespace gyre::procfs::process_files {

namespace {

constexpr int64_t kLeastAdjust = -1000, kMostAdjust = 1000;

// A trailing newline, as echo writes it, does not belong to the value.
std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\0'))
        text.remove_suffix(1);
    return text;
}

struct LimitLine {
    const char* name;
    const char* unit;
};
// In the order of the RLIMIT_* numbers.
constexpr LimitLine kLimitLines[linux::kLimitCount] = {
    {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
    {"Max data size", "bytes"},      {"Max stack size", "bytes"},
    {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
    {"Max processes", "processes"},  {"Max open files", "files"},
    {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
    {"Max file locks", "locks"},     {"Max pending signals", "signals"},
    {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
    {"Max realtime priority", ""},   {"Max realtime timeout", "us"},
};

void limit_value(TextBuilder& out, uint64_t value) {
    char text[24];
    const size_t length =
        value == linux::kUnlimited ? format_to(text, "unlimited") : format_to(text, "{}", value);
    out.format("{20} ", std::string_view(text, length));
}

}  // namespace

Status cgroup(TextBuilder& out, const Subject&) {
    out.text("0::/\n");
    return {};
}

Status comm(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    out.text(task->name());
    out.character('\n');
    return {};
}

// Only by another task of the same process (proc(5)).
Status set_comm(std::string_view text, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    if (&task->process() != &linux::Task::current().process()) return fail(Error::InvalidArgument);
    constexpr size_t kMostNameBytes = 15;
    task->thread().set_name(trimmed(text).substr(0, kMostNameBytes));
    return {};
}

Status limits(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Process> process = TRY(subject.process());
    out.format("{25} {20} {20} {10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int resource = 0; resource < linux::kLimitCount; ++resource) {
        const linux::abi::Rlimit limit = process->limit_pair(resource);
        out.format("{25} ", kLimitLines[resource].name);
        limit_value(out, limit.current);
        limit_value(out, limit.most);
        out.format("{10}\n", kLimitLines[resource].unit);
    }
    return {};
}

// Nobody has logged in by a login program that sets it.
Status login_uid(TextBuilder& out, const Subject&) {
    out.format("{}", UINT32_MAX);
    return {};
}

Status oom_score(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Process> process = TRY(subject.process());
    uint64_t resident = 0;
    if (const Ref<AddressSpace> space = process->address_space_reference())
        resident = space->usage().resident_pages;
    const uint64_t total = page_allocator::statistics().total_pages;
    const int64_t score = static_cast<int64_t>(resident * 1000 / (total ? total : 1)) +
                          static_cast<int64_t>(process->oom_score_adjust.load());
    out.format("{}\n", score < 0 ? 0 : score);
    return {};
}

Status oom_score_adjust(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Process> process = TRY(subject.process());
    out.format("{}\n", static_cast<int64_t>(process->oom_score_adjust.load()));
    return {};
}

Status set_oom_score_adjust(std::string_view text, const Subject& subject) {
    const Ref<linux::Process> process = TRY(subject.process());
    std::string_view digits = trimmed(text);
    const bool is_negative = !digits.empty() && digits[0] == '-';
    if (is_negative) digits.remove_prefix(1);
    const uint64_t magnitude = TRY(text::parse_number(digits));
    if (magnitude > uint64_t{kMostAdjust}) return fail(Error::InvalidArgument);
    const int64_t value =
        is_negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
    static_assert(kLeastAdjust == -kMostAdjust);
    const auto present = static_cast<int64_t>(process->oom_score_adjust.load());
    if (value < present && !linux::Task::current().credentials().has(Capability::SysResource))
        return fail(Error::AccessDenied);
    process->oom_score_adjust.store(static_cast<uint64_t>(value));
    return {};
}

// As Linux says it to those who may not know, and of what runs.
Status wait_channel(TextBuilder& out, const Subject&) {
    out.character('0');
    return {};
}

}  // namespace gyre::procfs::process_files
