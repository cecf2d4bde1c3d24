// SPDX-License-Identifier: MIT
//
// See struct_ops.h. As of Linux 6.12 to 6.18: TCP congestion control, the dummy of the selftests,
// sched_ext, HID, queueing disciplines and the module of the selftests. What other modules ask is not in
// their types, and a program for one of them is refused with that reason.
#include "lib/bpf/linux/struct_ops.h"

#include "lib/bpf/linux/linux.h"

namespace gyre::bpf::linux_tables {
namespace {

constexpr const char* kTcpUnsupported[] = {"get_info"};
constexpr WritableMember kTcpWritable[] = {
    {"sock", "sk_pacing_rate"}, {"sock", "sk_pacing_status"},
    {"inet_connection_sock", "icsk_ca_priv"}, {"inet_connection_sock", "icsk_ack.pending"},
    {"tcp_sock", "snd_cwnd"}, {"tcp_sock", "snd_cwnd_cnt"}, {"tcp_sock", "snd_cwnd_stamp"},
    {"tcp_sock", "snd_ssthresh"}, {"tcp_sock", "ecn_flags"}, {"tcp_sock", "app_limited"},
};

constexpr const char* kDummySleep[] = {"test_sleepable"};
constexpr WritableMember kDummyWritable[] = {{"bpf_dummy_ops_state", ""}};

constexpr const char* kSchedExtSleep[] = {"init_task", "cgroup_init", "cgroup_exit",
                                          "cgroup_prep_move", "cpu_online", "cpu_offline", "init",
                                          "exit"};
constexpr WritableMember kSchedExtWritable[] = {
    {"task_struct", "scx.slice"}, {"task_struct", "scx.dsq_vtime"},
    {"task_struct", "scx.disallow"},
};

constexpr const char* kHidSleep[] = {"hid_rdesc_fixup", "hid_hw_request", "hid_hw_output_report"};
constexpr WritableMember kHidWritable[] = {
    {"hid_bpf_ctx", "retval"}, {"hid_device", "name"}, {"hid_device", "uniq"},
    {"hid_device", "phys"},
};

constexpr WritableMember kQdiscWritable[] = {
    {"sk_buff", "tstamp"}, {"sk_buff", "cb", "qdisc_skb_cb", "data"}, {"Qdisc", "limit"}, {"Qdisc", "q.qlen"}, {"Qdisc", "qstats"},
};

const HelperSet kNoHelpers = {};

const StructOpsRules kRules[] = {
    {.name = "tcp_congestion_ops", .all_may_sleep = true, .may_sleep = {},
     .unsupported = kTcpUnsupported, .writable = kTcpWritable, .helpers = &kTcpCaHelpers,
     .sockets_are_tcp = true},
    {.name = "bpf_dummy_ops", .may_sleep = kDummySleep, .unsupported = {},
     .writable = kDummyWritable, .helpers = &kNoHelpers},
    {.name = "sched_ext_ops", .may_sleep = kSchedExtSleep, .unsupported = {},
     .writable = kSchedExtWritable, .helpers = &kSchedExtHelpers},
    {.name = "hid_bpf_ops", .may_sleep = kHidSleep, .unsupported = {}, .writable = kHidWritable,
     .helpers = &kBaseHelpers},
    {.name = "Qdisc_ops", .all_may_sleep = true, .may_sleep = {}, .unsupported = {},
     .writable = kQdiscWritable, .helpers = &kBaseHelpers},
    {.name = "bpf_testmod_ops", .all_may_sleep = true, .may_sleep = {}, .unsupported = {},
     .writable = {}, .helpers = &kBaseHelpers},
    {.name = "bpf_testmod_ops2", .all_may_sleep = true, .may_sleep = {}, .unsupported = {},
     .writable = {}, .helpers = &kBaseHelpers},
    {.name = "bpf_testmod_ops3", .all_may_sleep = true, .may_sleep = {}, .unsupported = {},
     .writable = {}, .helpers = &kBaseHelpers},
    {.name = "bpf_testmod_st_ops", .all_may_sleep = true, .may_sleep = {}, .unsupported = {},
     .writable = {}, .helpers = &kBaseHelpers},
};

constexpr std::string_view kDisabledHooks[] = {
    "audit_rule_match", "getprocattr", "getselfattr", "inode_copy_up_xattr", "inode_getsecurity",
    "inode_listsecurity", "inode_need_killpriv", "ismaclabel", "key_getsecurity", "setprocattr",
    "vm_enough_memory", "xfrm_decode_session",
};

constexpr std::string_view kSleepableHooks[] = {
    "bpf", "bpf_map", "bpf_map_create", "bpf_map_free", "bpf_prog", "bpf_prog_load",
    "bpf_token_capable", "bpf_token_cmd", "bpf_token_create", "bpf_token_free",
    "bprm_check_security", "bprm_committed_creds", "bprm_committing_creds", "bprm_creds_for_exec",
    "bprm_creds_from_file", "capget", "capset", "cred_prepare", "current_getsecid_subj",
    "file_ioctl", "file_lock", "file_open", "file_post_open", "file_receive", "inode_create",
    "inode_free_security", "inode_getattr", "inode_getxattr", "inode_mknod",
    "inode_need_killpriv", "inode_post_setxattr", "inode_readlink", "inode_rename", "inode_rmdir",
    "inode_setattr", "inode_setxattr", "inode_symlink", "inode_unlink", "kernel_module_request",
    "kernel_read_file", "kernfs_init_security", "mmap_file", "netlink_send", "path_chmod",
    "path_chown", "path_link", "path_mkdir", "path_notify", "path_rename", "path_rmdir",
    "path_symlink", "path_truncate", "path_unlink", "release_secctx", "sb_alloc_security",
    "sb_eat_lsm_opts", "sb_kern_mount", "sb_mount", "sb_remount", "sb_set_mnt_opts",
    "sb_show_options", "sb_statfs", "sb_umount", "settime", "socket_accept", "socket_bind",
    "socket_connect", "socket_create", "socket_getpeername", "socket_getpeersec_dgram",
    "socket_getsockname", "socket_getsockopt", "socket_listen", "socket_post_create",
    "socket_recvmsg", "socket_sendmsg", "socket_shutdown", "socket_socketpair", "syslog",
    "task_alloc", "task_getsecid_obj", "task_prctl", "task_setscheduler", "userns_create",
};

constexpr std::string_view kUntrustedHooks[] = {
    "bpf_map_free", "bpf_prog_free", "file_alloc_security", "file_free_security",
    "sk_alloc_security", "sk_free_security", "task_free",
};

// Where "a.b" of a structure lies.
bool find_member(const Btf& btf, u32 type, std::string_view path, u32& offset, u32& size) {
    size_t dot = path.find('.');
    std::string_view head = path.substr(0, dot);
    for (u32 i = 0; i < btf.type(type).count(); i++) {
        BtfMember m = btf.member(type, i);
        if (m.name.empty() && btf.type(btf.skip_modifiers(m.type)).is_composite()) {
            u32 inside = offset + m.bit_offset / 8;
            if (find_member(btf, btf.skip_modifiers(m.type), path, inside, size)) {
                offset = inside;
                return true;
            }
        }
        if (m.name != head) {
            continue;
        }
        offset += m.bit_offset / 8;
        if (dot != std::string_view::npos) {
            return find_member(btf, btf.skip_modifiers(m.type), path.substr(dot + 1), offset, size);
        }
        if (m.bitfield_size != 0) {
            size = (m.bit_offset % 8 + m.bitfield_size + 7) / 8;
            return true;
        }
        return btf.size_of(m.type, size);
    }
    return false;
}

// A socket lies at the start of an inet_connection_sock, which lies at the start of a tcp_sock.
bool is_socket(std::string_view name) {
    return name == "tcp_sock" || name == "inet_connection_sock" || name == "sock";
}

bool is_hook(std::span<const std::string_view> hooks, std::string_view function) {
    constexpr std::string_view kPrefix = "bpf_lsm_";
    if (function.substr(0, kPrefix.size()) != kPrefix) {
        return false;
    }
    for (std::string_view hook : hooks) {
        if (function.substr(kPrefix.size()) == hook) {
            return true;
        }
    }
    return false;
}

}  // namespace

const StructOpsRules* find_struct_ops(std::string_view structure) {
    for (const StructOpsRules& rules : kRules) {
        if (structure == rules.name) {
            return &rules;
        }
    }
    return nullptr;
}

bool may_write(const StructOpsRules& rules, const Btf& kernel, u32 type, u32 offset, u32 size) {
    std::string_view name = kernel.name(type);
    for (const WritableMember& row : rules.writable) {
        bool fits = name == row.structure ||
                    (rules.sockets_are_tcp && is_socket(name) && is_socket(row.structure));
        if (!fits) {
            continue;
        }
        u32 owner = kernel.find(row.structure, BtfKind::Struct);
        u32 begin = 0;
        u32 bytes = kernel.type(owner).size_or_type;
        if (row.member[0] != 0 && !find_member(kernel, owner, row.member, begin, bytes)) {
            continue;
        }
        const u32 view = row.view != nullptr ? kernel.find(row.view, BtfKind::Struct) : 0;
        if (row.view != nullptr && !find_member(kernel, view, row.view_member, begin, bytes)) {
            continue;
        }
        if (offset >= begin && u64{offset} + size <= u64{begin} + bytes) {
            return true;
        }
    }
    return false;
}

// Linux: bpf_qdisc_kfunc_filter.
bool may_call(std::string_view structure, std::string_view member, std::string_view function) {
    if (function == "bpf_qdisc_skb_drop") {
        return structure == "Qdisc_ops" && member == "enqueue";
    }
    if (function == "bpf_qdisc_watchdog_schedule") {
        return structure == "Qdisc_ops" && (member == "enqueue" || member == "dequeue");
    }
    if (function == "bpf_qdisc_bstats_update") {
        return structure == "Qdisc_ops" && member == "dequeue";
    }
    const bool is_of_queues = function == "bpf_kfree_skb" || function == "bpf_skb_get_hash";
    return !is_of_queues || structure == "Qdisc_ops";
}

const char* argument_handle(std::string_view structure, std::string_view member, u32 index) {
    constexpr u32 kPacketsToFree = 2;
    return structure == "Qdisc_ops" && member == "enqueue" && index == kPacketsToFree ? "bpf_sk_buff_ptr"
                                                                                      : nullptr;
}

bool is_disabled_lsm_hook(std::string_view function) { return is_hook(kDisabledHooks, function); }
bool is_sleepable_lsm_hook(std::string_view function) { return is_hook(kSleepableHooks, function); }
bool is_untrusted_lsm_hook(std::string_view function) { return is_hook(kUntrustedHooks, function); }

}  // namespace gyre::bpf::linux_tables
