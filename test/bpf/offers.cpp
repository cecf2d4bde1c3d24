// SPDX-License-Identifier: MIT
//
// Who may call what: the library's tables beside what kernels have answered. A program of two
// instructions, a call and an exit, is put to the verifier for each helper and each kernel function in
// each context; only whether the call is offered at all counts, not whether its arguments fit.
//   bpf_offers FILE...   each FILE is a kernel's answers, test/bpf/offers/linux-VERSION.txt; prints TAP
//   bpf_offers --record  asks the running kernel (bpf(2)) and prints such a file
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "lib/bpf/kfunc.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/verifier.h"

using namespace gyre::bpf;

namespace {

constexpr u32 kHelperCount = 211;
constexpr u32 kSleepableFlag = 1u << 4;

struct Context {
    const char* name;
    ProgramType type;
    AttachType attach{};
    const char* target = nullptr;  // in the kernel's types
    BtfKind kind = BtfKind::Function;
    bool is_sleepable = false;
};

using P = ProgramType;
using A = AttachType;
const Context kContexts[] = {
    {"socket_filter", P::SocketFilter}, {"kprobe", P::Kprobe}, {"sched_cls", P::SchedCls},
    {"sched_act", P::SchedAct}, {"tracepoint", P::Tracepoint}, {"xdp", P::Xdp},
    {"perf_event", P::PerfEvent}, {"cgroup_skb", P::CgroupSkb},
    {"cgroup_sock", P::CgroupSock, A::CgroupInetSockCreate}, {"lwt_in", P::LwtIn},
    {"lwt_out", P::LwtOut}, {"lwt_xmit", P::LwtXmit}, {"sock_ops", P::SockOps, A::CgroupSockOps},
    {"sk_skb", P::SkSkb}, {"cgroup_device", P::CgroupDevice, A::CgroupDevice},
    {"sk_msg", P::SkMsg, A::SkMsgVerdict}, {"raw_tracepoint", P::RawTracepoint},
    {"cgroup_sock_addr", P::CgroupSockAddr, A::CgroupInet4Connect},
    {"lwt_seg6local", P::LwtSeg6local}, {"sk_reuseport", P::SkReuseport, A::SkReuseportSelect},
    {"flow_dissector", P::FlowDissector, A::FlowDissector},
    {"cgroup_sysctl", P::CgroupSysctl, A::CgroupSysctl},
    {"raw_tracepoint_writable", P::RawTracepointWritable},
    {"cgroup_sockopt", P::CgroupSockopt, A::CgroupSetsockopt},
    {"struct_ops_tcp", P::StructOps, A{}, "tcp_congestion_ops", BtfKind::Struct},
    {"sk_lookup", P::SkLookup, A::SkLookup}, {"syscall", P::Syscall, A{}, nullptr, {}, true},
    {"netfilter", P::Netfilter, A::Netfilter},
    {"fentry", P::Tracing, A::TraceFentry, "bpf_fentry_test1"},
    {"fexit", P::Tracing, A::TraceFexit, "bpf_fentry_test1"},
    {"iter", P::Tracing, A::TraceIter, "bpf_iter_task"},
    {"raw_tp_btf", P::Tracing, A::TraceRawTp, "btf_trace_sched_switch", BtfKind::Typedef},
    {"lsm", P::Lsm, A::LsmMac, "bpf_lsm_file_open"},
    {"lsm_cgroup", P::Lsm, A::LsmCgroup, "bpf_lsm_socket_bind"},
    {"lsm.s", P::Lsm, A::LsmMac, "bpf_lsm_file_open", BtfKind::Function, true},
    {"fmod_ret", P::Tracing, A::ModifyReturn, "bpf_modify_return_test"},
    {"cgroup_sock_addr_connect4", P::CgroupSockAddr, A::CgroupInet4Connect},
    {"cgroup_sock_addr_getname4", P::CgroupSockAddr, A::CgroupInet4Getsockname},
    {"cgroup_sock_addr_unix_connect", P::CgroupSockAddr, A::CgroupUnixConnect},
    {"cgroup_skb_egress", P::CgroupSkb, A::CgroupInetEgress},
    {"getsockopt", P::CgroupSockopt, A::CgroupGetsockopt},
    {"sk_reuseport_sel", P::SkReuseport, A::SkReuseportSelectOrMigrate},
    {"cgroup_post_bind4", P::CgroupSock, A::CgroupInet4PostBind},
    {"cgroup_sock_release", P::CgroupSock, A::CgroupInetSockRelease},
    {"xdp_devmap", P::Xdp, A::XdpDevmap}, {"xdp_cpumap", P::Xdp, A::XdpCpumap},
};

// What a kernel's configuration or lock-down decides, not its version.
bool depends_on_machine(u32 helper) {
    return helper == 36 /* probe_write_user */ || helper == 58 /* override_return */;
}

struct Types {
    std::vector<u8> bytes;
    std::vector<u8> memory = std::vector<u8>(64u << 20);
    Arena arena{memory};
    Btf btf;
    bool is_there = false;

    Types() {
        std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
        bytes.assign(std::istreambuf_iterator<char>(file), {});
        is_there = !bytes.empty() && btf.open(bytes, arena) == nullptr;
    }
    u32 target_of(const Context& c) const {
        return c.target != nullptr && is_there ? btf.find(c.target, c.kind) : 0;
    }
};

std::array<Insn, 2> call_of(u8 source, u32 id) {
    return {Insn{kClassJmp | kCall, static_cast<u8>(source << 4), 0, static_cast<s32>(id)},
            Insn{kClassJmp | kExit, 0, 0, 0}};
}

// The library's answer.
bool is_offered(const Context& c, const Types& types, const Environment& environment, u8 source,
                u32 id) {
    static std::vector<u8> memory(8u << 20);
    static Report report;
    const std::array<Insn, 2> code = call_of(source, id);
    Program program;
    program.is_device_bound = true;  // what else a device offers is asked for, too
    program.insns = code;
    program.type = c.type;
    program.attach = c.attach;
    program.attach_type_id = types.target_of(c);
    program.is_sleepable = c.is_sleepable;
    Arena arena(memory);
    report = Report{};
    verify(program, environment, arena, {}, report);
    const std::string_view text(report.text, report.text_length);
    for (const char* words : {"may not be called", "there is no helper", "needs Linux",
                              "may be called by socket iterators"}) {
        if (text.find(words) != std::string_view::npos) {
            return false;
        }
    }
    return true;
}

// The running kernel's answer: 1, 0, or -1 where it would not look.
int ask(const Context& c, const Types& types, u8 source, u32 id, std::string& log) {
    static std::vector<char> text(1u << 16);
    const std::array<Insn, 2> code = call_of(source, id);
    bpf_attr attr = {};
    attr.prog_type = static_cast<u32>(c.type);
    attr.expected_attach_type = static_cast<u32>(c.attach);
    attr.attach_btf_id = types.target_of(c);
    attr.prog_flags = c.is_sleepable ? kSleepableFlag : 0;
    attr.insns = reinterpret_cast<u64>(code.data());
    attr.insn_cnt = 2;
    attr.license = reinterpret_cast<u64>("GPL");
    attr.log_buf = reinterpret_cast<u64>(text.data());
    attr.log_size = static_cast<u32>(text.size());
    attr.log_level = 1;
    text[0] = 0;
    const int fd = static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
    const int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    log = text.data();
    if (fd < 0 && (error == EPERM || log.empty())) {
        return -1;
    }
    for (const char* words : {"cannot use helper", "unknown func", "invalid func", "is not allowed",
                              "is not supported"}) {
        if (log.find(words) != std::string::npos) {
            return 0;
        }
    }
    return 1;
}

int record() {
    const Types types;
    std::vector<const Context*> asked;
    std::string log;
    for (const Context& c : kContexts) {
        if (ask(c, types, kCallHelper, 5, log) > 0) {
            asked.push_back(&c);
        }
    }
    printf("contexts");
    for (const Context* c : asked) {
        printf(" %s", c->name);
    }
    printf("\n");
    for (const Context* c : asked) {
        printf("helpers %s", c->name);
        for (u32 id = 1; id <= kHelperCount; id++) {
            if (ask(*c, types, kCallHelper, id, log) > 0) {
                printf(" %u", id);
            }
        }
        printf("\n");
    }
    std::set<std::string> names;
    for (const KfuncRow& row : kfunc_rows()) {
        names.insert(row.name);
    }
    for (const std::string& name : names) {
        const u32 id = types.is_there ? types.btf.find(name, BtfKind::Function) : 0;
        std::string who;
        size_t count = 0;
        for (const Context* c : asked) {
            if (id != 0 && ask(*c, types, kCallKfunc, id, log) > 0) {
                who += std::string(" ") + c->name;
                count++;
            }
        }
        if (count != 0) {
            printf("kfunc %s%s\n", name.c_str(), count == asked.size() ? " all" : who.c_str());
        }
    }
    return asked.empty() ? 1 : 0;
}

struct Answers {
    std::vector<std::string> contexts;
    std::map<std::string, std::set<u32>> helpers;
    std::map<std::string, std::set<std::string>> kfuncs;
};

Answers read_answers(const char* path) {
    Answers a;
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream in(line);
        std::string kind, name, word;
        in >> kind;
        if (kind == "contexts") {
            while (in >> word) {
                a.contexts.push_back(word);
            }
        } else if (kind == "helpers" && in >> name) {
            while (in >> word) {
                u32 first = 0, last = 0;
                const int n = sscanf(word.c_str(), "%u-%u", &first, &last);
                for (u32 id = first; id <= (n == 2 ? last : first); id++) {
                    a.helpers[name].insert(id);
                }
            }
        } else if (kind == "kfunc" && in >> name) {
            while (in >> word) {
                if (word == "all") {
                    a.kfuncs[name].insert(a.contexts.begin(), a.contexts.end());
                } else {
                    a.kfuncs[name].insert(word);
                }
            }
        }
    }
    return a;
}

u32 number = 0;
u32 failures = 0;

void tell(bool is_fine, const std::string& what, const std::string& why) {
    printf("%sok %u - %s\n", is_fine ? "" : "not ", ++number, what.c_str());
    if (!is_fine) {
        failures++;
        printf("# %s\n", why.c_str());
    }
}

void compare(const char* path, const Types& types) {
    const std::string file = path;
    const size_t begin = file.rfind('/') + 1;
    const std::string target_name = file.substr(begin, file.rfind('.') - begin);
    const Target* target = linux_tables::find_target(target_name.c_str());
    const Answers answers = read_answers(path);
    if (target == nullptr || answers.contexts.empty()) {
        tell(false, target_name, "the file names no target or holds no answers");
        return;
    }
    const Environment environment =
        linux_tables::environment(*target, types.is_there ? &types.btf : nullptr);
    for (const Context& c : kContexts) {
        if (std::ranges::find(answers.contexts, c.name) == answers.contexts.end()) {
            continue;
        }
        const std::string what = target_name + ", " + c.name;
        if (c.target != nullptr && types.target_of(c) == 0) {
            printf("ok %u - %s # SKIP this machine's kernel has no types for it\n", ++number,
                   what.c_str());
            continue;
        }
        std::string wrong;
        const auto helpers = answers.helpers.find(c.name);
        for (u32 id = 1; id <= kHelperCount + 5; id++) {
            const bool theirs = helpers != answers.helpers.end() && helpers->second.contains(id);
            const bool ours = is_offered(c, types, environment, kCallHelper, id);
            if (ours != theirs && !depends_on_machine(id)) {
                wrong += (ours ? " +helper " : " -helper ") + std::to_string(id);
            }
        }
        tell(wrong.empty(), what + ": helpers", wrong);
        wrong.clear();
        std::set<std::string> names;
        for (const KfuncRow& row : kfunc_rows()) {
            names.insert(row.name);
        }
        for (const auto& [name, who] : answers.kfuncs) {
            names.insert(name);
        }
        u32 asked = 0;
        for (const std::string& name : names) {
            const u32 id = types.is_there ? types.btf.find(name, BtfKind::Function) : 0;
            if (id == 0) {
                continue;
            }
            asked++;
            const auto who = answers.kfuncs.find(name);
            if (who == answers.kfuncs.end()) {
                continue;  // that kernel may have been built without it, or have it in a module
            }
            const bool theirs = who->second.contains(c.name);
            if (is_offered(c, types, environment, kCallKfunc, id) != theirs) {
                wrong += (theirs ? " -" : " +") + name;
            }
        }
        if (asked == 0) {
            printf("ok %u - %s: kernel functions # SKIP this machine's kernel has no types\n",
                   ++number, what.c_str());
        } else {
            tell(wrong.empty(), what + ": kernel functions", wrong);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "--record") == 0) {
        return record();
    }
    if (argc < 2) {
        fprintf(stderr, "usage: %s --record | FILE...\n", argv[0]);
        return 2;
    }
    printf("TAP version 13\n");
    const Types types;
    for (int i = 1; i < argc; i++) {
        compare(argv[i], types);
    }
    printf("1..%u\n", number);
    return failures == 0 ? 0 : 1;
}
