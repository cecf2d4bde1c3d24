// SPDX-License-Identifier: MIT
//
// See functions.h. As of Linux 6.12 to 6.18.
#include "lib/bpf/linux/functions.h"

namespace gyre::bpf::linux_tables {
namespace {

// Functions whose errors may be injected (ALLOW_ERROR_INJECTION) beside the system calls, and those
// that the kernel registers for fmod_ret. What is not named here is refused.
constexpr std::string_view kInjectable[] = {"__filemap_add_folio", "bpf_fentry_test1",
                                            "should_fail_alloc_page", "should_fail_bio",
                                            "should_failslab"};
constexpr std::string_view kRegistered[] = {"bpf_fentry_test1",        "bpf_modify_return_test",
                                            "bpf_modify_return_test2", "bpf_modify_return_test_tp",
                                            "bpf_testmod_fentry_ok",   "hid_bpf_device_event",
                                            "hid_bpf_rdesc_fixup",     "update_socket_protocol"};
// They run where nothing may sleep, whatever the list says.
constexpr std::string_view kNeverSleeping[] = {"__filemap_add_folio", "should_fail_alloc_page",
                                               "should_failslab"};
constexpr std::string_view kUntraceable[] = {
    "__rcu_read_lock",   "__rcu_read_unlock", "migrate_disable",       "migrate_enable",
    "preempt_count_add", "preempt_count_sub", "rcu_read_unlock_strict"};
constexpr std::string_view kNeverReturning[] = {"__ia32_sys_exit",
                                                "__ia32_sys_exit_group",
                                                "__kunit_abort",
                                                "__module_put_and_kthread_exit",
                                                "__x64_sys_exit",
                                                "__x64_sys_exit_group",
                                                "do_exit",
                                                "do_group_exit",
                                                "kthread_complete_and_exit",
                                                "kthread_exit",
                                                "kunit_try_catch_throw",
                                                "make_task_dead"};

constexpr bool is_sorted(std::span<const std::string_view> names) {
    for (size_t i = 1; i < names.size(); i++) {
        if (!(names[i - 1] < names[i])) {
            return false;
        }
    }
    return true;
}
static_assert(is_sorted(kInjectable) && is_sorted(kRegistered) && is_sorted(kNeverSleeping) &&
              is_sorted(kUntraceable) && is_sorted(kNeverReturning));

bool is_in(std::span<const std::string_view> sorted, std::string_view name) {
    size_t low = 0;
    size_t high = sorted.size();
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (sorted[middle] == name) {
            return true;
        }
        if (sorted[middle] < name) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

bool is_system_call(std::string_view function) {
    return function.starts_with("__x64_sys_") || function.starts_with("__ia32_sys_") ||
           function.starts_with("__arm64_sys_") || function.starts_with("__se_sys_");
}

bool is_injectable(std::string_view function, const KernelFacts& facts) {
    return facts.knows_injectable ? is_in(facts.injectable, function)
                                  : is_system_call(function) || is_in(kInjectable, function);
}

}  // namespace

bool is_untraceable(std::string_view function) {
    return is_in(kUntraceable, function);
}
bool never_returns(std::string_view function) {
    return is_in(kNeverReturning, function);
}

bool may_sleep_at(std::string_view function, const KernelFacts& facts) {
    return is_injectable(function, facts) && !is_in(kNeverSleeping, function);
}

bool may_modify_return(std::string_view function, const KernelFacts& facts) {
    return function.starts_with("security_") || is_in(kRegistered, function) ||
           is_injectable(function, facts);
}

bool has_symbol(const KernelFacts& facts, std::string_view name) {
    return facts.symbols.empty() || is_in(facts.symbols, name);
}

}  // namespace gyre::bpf::linux_tables
