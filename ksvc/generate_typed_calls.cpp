// SPDX-License-Identifier: MIT
//
// generate_typed_calls TABLE OUT: writes ksvc/calls.h from abi/calls.tbl: one typed function a
// call, a buffer and its length as one span, the result as std::expected<T, std::errc> when awaited.
// What cannot be an entry (fork and its kin) and what Linux no longer has is left out.
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "abi/generate/calls_table.h"

namespace {

using gyre::abi::Argument;
using gyre::abi::Call;
using gyre::abi::Direction;

const std::set<std::string> kLeftOut = {
    "fork", "vfork", "clone", "clone3", "rt_sigreturn", "restart_syscall", "exit", "exit_group",
    "_sysctl", "create_module", "get_kernel_syms", "query_module", "nfsservctl", "getpmsg", "putpmsg",
    "afs_syscall", "tuxcall", "security", "uselib", "epoll_ctl_old", "epoll_wait_old", "vserver",
    "set_thread_area", "get_thread_area", "lookup_dcookie"};

// Calls whose result is not a count or an address but a descriptor, an id, or nothing.
const std::set<std::string> kDescriptor = {
    "open", "openat", "openat2", "creat", "dup", "dup2", "dup3", "socket", "accept", "accept4", "eventfd",
    "eventfd2", "epoll_create", "epoll_create1", "signalfd", "signalfd4", "timerfd_create", "inotify_init",
    "inotify_init1", "memfd_create", "pidfd_open", "pidfd_getfd", "userfaultfd", "perf_event_open"};
const std::set<std::string> kNothing = {
    "close", "stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "fsync",
    "fdatasync", "truncate", "ftruncate", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
    "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "chown",
    "fchown", "lchown", "bind", "listen", "connect", "shutdown", "setsockopt", "getsockopt", "pipe", "pipe2",
    "nanosleep", "clock_nanosleep", "munmap", "mprotect", "madvise", "msync", "fallocate", "fadvise64",
    "sync", "syncfs", "sync_file_range", "utimensat", "epoll_ctl", "uname", "chdir", "fchdir", "kill"};

std::string element(const std::string& type) {
    static const std::map<std::string, std::string> kTypes = {
        {"bytes", "std::byte"}, {"int", "int"}, {"uint", "unsigned"}, {"long", "long"}, {"ulong", "unsigned long"},
        {"sigset", "uint64_t"}, {"Stat", "struct ::stat"}, {"Statx", "struct ::statx"}, {"PollFd", "struct ::pollfd"},
        {"IoVec", "const struct ::iovec"}, {"Timespec", "struct ::timespec"}, {"MsgHdr", "struct ::msghdr"},
        {"EpollEvent", "struct ::epoll_event"}, {"Rlimit", "struct ::rlimit"}, {"Utsname", "struct ::utsname"},
        {"Timeval", "struct ::timeval"}, {"Rusage", "struct ::rusage"}};
    const auto found = kTypes.find(type);
    return found == kTypes.end() ? "void" : found->second;
}

std::string scalar(const std::string& type) {
    if (type == "int" || type == "fd" || type == "pid") return "int";
    if (type == "uint" || type == "flags" || type == "mode" || type == "uid" || type == "gid") return "unsigned";
    if (type == "long" || type == "off") return "int64_t";
    if (type == "size") return "size_t";
    if (type == "addr") return "const void*";
    return "uint64_t";
}

bool is_number(const std::string& text) { return !text.empty() && text[0] >= '0' && text[0] <= '9'; }

// Sockets' addresses are structures of many types: a pointer and a length, as in the call.
bool is_address(const Argument& argument) { return argument.name == "address" && argument.type == "bytes"; }

bool is_span(const Call& call, const Argument& argument) {
    if (!argument.is_pointer() || argument.count.empty() || is_number(argument.count) || is_address(argument) ||
        element(argument.type) == "void")
        return false;
    int users = 0;
    bool exists = false;
    for (const Argument& other : call.arguments) {
        users += other.count == argument.count;
        exists |= other.name == argument.count && other.direction == Direction::Value;
    }
    return users == 1 && exists;
}

std::string parameter(const Call& call, const Argument& argument) {
    if (argument.type == "path" || argument.type == "string") return "const char* " + argument.name;
    if (!argument.is_pointer()) return scalar(argument.type) + " " + argument.name;
    std::string type = element(argument.type);
    if (is_address(argument)) type = argument.direction == Direction::In ? "const struct ::sockaddr" : "struct ::sockaddr";
    else if (argument.direction == Direction::In && !type.starts_with("const ")) type = "const " + type;
    if (is_span(call, argument)) return "std::span<" + type + "> " + argument.name;
    return type + "* " + argument.name;
}

std::string result_type(const Call& call) {
    if (kDescriptor.contains(call.name)) return "int";
    if (kNothing.contains(call.name)) return "void";
    return "int64_t";
}

void write_call(std::ostream& out, const Call& call) {
    std::string parameters;
    std::string values;
    for (const Argument& argument : call.arguments) {
        std::string value = argument.name;
        bool is_length = false;
        for (const Argument& owner : call.arguments) {
            if (owner.count != argument.name || !is_span(call, owner)) continue;
            is_length = true;
            value = owner.name + ".size()";
        }
        if (is_span(call, argument)) value = argument.name + ".data()";
        values += ", detail::word(" + value + ")";
        if (!is_length) parameters += (parameters.empty() ? "" : ", ") + parameter(call, argument);
    }
    out << "inline Call<" << result_type(call) << "> " << call.name << "(" << parameters << ") {\n    return Call<"
        << result_type(call) << ">(detail::entry(" << call.number << values << "));\n}\n";
}

constexpr const char* kHead = R"(// SPDX-License-Identifier: MIT
// Generated from abi/calls.tbl by ksvc/generate_typed_calls.cpp; do not edit.
#pragma once

#include <poll.h>
#include <span>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#include "ksvc/async.h"

namespace ksvc::calls {
namespace detail {

template <class T>
uint64_t word(T value) {
    if constexpr (std::is_pointer_v<T>) return reinterpret_cast<uint64_t>(value);
    else return static_cast<uint64_t>(static_cast<int64_t>(value));
}
template <class... W>
Entry entry(uint32_t number, W... words) {
    return {.corr_id = 0, .syscall_nr = number, .flags = 0, .args = {words...}};
}

}  // namespace detail

)";

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: generate_typed_calls TABLE OUT\n";
        return 2;
    }
    std::ifstream table(argv[1]);
    const std::string text{std::istreambuf_iterator<char>(table), {}};
    const auto calls = gyre::abi::parse_calls_table(text);
    if (!calls) {
        std::cerr << argv[1] << ":" << calls.error().line << ": " << calls.error().message << "\n";
        return 1;
    }
    std::ofstream out(argv[2]);
    out << kHead;
    for (const Call& call : *calls)
        if (!kLeftOut.contains(call.name)) write_call(out, call);
    out << "\n}  // namespace ksvc::calls\n";
    return out.good() ? 0 : 1;
}
