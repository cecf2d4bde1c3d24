// SPDX-License-Identifier: MIT
//
// Which helpers work on which kinds of maps, and which helpers depend on where a program attaches.
#include "lib/bpf/analysis.h"
#include "lib/bpf/helper_ids.h"

namespace gyre::bpf {
namespace {

using M = MapType;

struct Pairing {
    u16 helper;
    M map;
};

// A helper that stands here works on these maps only, and a map that stands here knows these
// helpers only; the few maps and helpers with freedom are in kFreeMaps and kFreeHelpers.
constexpr Pairing kPairings[] = {
    {helper::kTailCall, M::ProgArray},
    {helper::kPerfEventRead, M::PerfEventArray}, {helper::kPerfEventOutput, M::PerfEventArray},
    {helper::kPerfEventReadValue, M::PerfEventArray}, {helper::kSkbOutput, M::PerfEventArray},
    {helper::kXdpOutput, M::PerfEventArray},
    {helper::kRingbufOutput, M::Ringbuf}, {helper::kRingbufReserve, M::Ringbuf},
    {helper::kRingbufQuery, M::Ringbuf}, {helper::kRingbufReserveDynptr, M::Ringbuf},
    {helper::kUserRingbufDrain, M::UserRingbuf},
    {helper::kGetStackid, M::StackTrace},
    {helper::kSkbUnderCgroup, M::CgroupArray}, {helper::kCurrentTaskUnderCgroup, M::CgroupArray},
    {helper::kGetLocalStorage, M::CgroupStorage},
    {helper::kGetLocalStorage, M::PercpuCgroupStorage},
    {helper::kRedirectMap, M::Devmap}, {helper::kRedirectMap, M::DevmapHash},
    {helper::kRedirectMap, M::Cpumap}, {helper::kRedirectMap, M::Xskmap},
    {helper::kSkRedirectMap, M::Sockmap}, {helper::kSockMapUpdate, M::Sockmap},
    {helper::kMsgRedirectMap, M::Sockmap}, {helper::kSkRedirectHash, M::Sockhash},
    {helper::kSockHashUpdate, M::Sockhash}, {helper::kMsgRedirectHash, M::Sockhash},
    {helper::kSkSelectReuseport, M::ReuseportSockarray}, {helper::kSkSelectReuseport, M::Sockmap},
    {helper::kSkSelectReuseport, M::Sockhash},
    {helper::kMapPush, M::Queue}, {helper::kMapPop, M::Queue}, {helper::kMapPeek, M::Queue},
    {helper::kMapPush, M::Stack}, {helper::kMapPop, M::Stack}, {helper::kMapPeek, M::Stack},
    {helper::kMapPush, M::BloomFilter}, {helper::kMapPeek, M::BloomFilter},
    {helper::kMapLookupPercpu, M::PercpuArray}, {helper::kMapLookupPercpu, M::PercpuHash},
    {helper::kMapLookupPercpu, M::LruPercpuHash},
    {helper::kSkStorageGet, M::SkStorage}, {helper::kSkStorageDelete, M::SkStorage},
    {helper::kInodeStorageGet, M::InodeStorage}, {helper::kInodeStorageDelete, M::InodeStorage},
    {helper::kTaskStorageGet, M::TaskStorage}, {helper::kTaskStorageDelete, M::TaskStorage},
    {helper::kCgrpStorageGet, M::CgrpStorage}, {helper::kCgrpStorageDelete, M::CgrpStorage},
};

// Ordinary helpers on special maps.
constexpr Pairing kExtra[] = {
    {helper::kMapLookup, M::Devmap}, {helper::kMapLookup, M::DevmapHash},
    {helper::kMapLookup, M::Xskmap}, {helper::kMapLookup, M::ArrayOfMaps},
    {helper::kMapLookup, M::HashOfMaps}, {helper::kMapLookup, M::Sockmap},
    {helper::kMapLookup, M::Sockhash}, {helper::kMapDelete, M::Sockmap},
    {helper::kMapDelete, M::Sockhash}, {helper::kMapUpdate, M::Sockmap},
    {helper::kMapUpdate, M::Sockhash}, {helper::kForEachMapElem, M::PercpuArray},
};

bool is_ordinary(M type) {
    switch (type) {
        case M::Hash: case M::Array: case M::PercpuHash: case M::PercpuArray: case M::LruHash:
        case M::LruPercpuHash: case M::LpmTrie: return true;
        default: return false;
    }
}

bool may_update_sockmap(const Program& p) {
    switch (p.type) {
        case ProgramType::Tracing: return p.attach == AttachType::TraceIter;
        case ProgramType::SockOps: return true;
        case ProgramType::SocketFilter: case ProgramType::SchedCls: case ProgramType::SchedAct:
        case ProgramType::Xdp: case ProgramType::SkReuseport: case ProgramType::FlowDissector:
        case ProgramType::SkLookup: return true;
        default: return false;
    }
}

}  // namespace

bool Analysis::check_helper_map(u32 id, const CallFacts& facts) {
    if (facts.map == nullptr) {
        return true;
    }
    const Map& map = *facts.map;
    bool helper_is_special = false;
    bool pair_found = false;
    for (const Pairing& p : kPairings) {
        helper_is_special = helper_is_special || p.helper == id;
        pair_found = pair_found || (p.helper == id && p.map == map.type);
    }
    if (!helper_is_special) {
        pair_found = is_ordinary(map.type) || map.type == M::StructOps;
        for (const Pairing& p : kExtra) {
            pair_found = pair_found || (p.helper == id && p.map == map.type);
        }
        if (id == helper::kTimerInit || id == helper::kKptrXchg) {
            pair_found = true;
        }
    }
    bool is_socket_map = map.type == M::Sockmap || map.type == M::Sockhash;
    if (is_socket_map && (id == helper::kMapUpdate || id == helper::kMapDelete)) {
        pair_found = may_update_sockmap(program_) &&
                     !(id == helper::kMapUpdate && program_.type == ProgramType::SockOps);
    }
    if (id == helper::kForEachMapElem && !is_ordinary(map.type)) {
        pair_found = false;
    }
    if (id == helper::kForEachMapElem && map.type == M::LpmTrie) {
        pair_found = false;
    }
    if (!pair_found) {
        return fail(Problem::BadArgument, -1, "the helper ", facts.helper->name,
                    " does not work on the map '", map.name, "': it is of type ",
                    map_type_name(map.type));
    }
    u32 flags = map.flags;
    bool writes = id == helper::kMapUpdate || id == helper::kMapDelete || id == helper::kMapPush ||
                  id == helper::kMapPop;
    if (writes && (flags & kMapReadOnlyProgram)) {
        return fail(Problem::ReadOnly, -1, "the map may only be read by programs");
    }
    return true;
}

// What a program of this type may not have in its maps (Linux: check_map_prog_compatibility).
bool Analysis::check_used_map(const Map& map) {
    if (!check_map_offer(map)) {
        return false;
    }
    ProgramType t = program_.type;
    bool is_tracing = t == ProgramType::Kprobe || t == ProgramType::Tracepoint ||
                      t == ProgramType::PerfEvent || t == ProgramType::RawTracepoint ||
                      t == ProgramType::RawTracepointWritable;
    for (const SpecialField& f : map.fields) {
        bool is_lock = f.kind == FieldKind::SpinLock || f.kind == FieldKind::ResSpinLock;
        bool is_graph = f.kind == FieldKind::ListHead || f.kind == FieldKind::RbRoot;
        bool is_late = f.kind == FieldKind::Timer || f.kind == FieldKind::Workqueue;
        if ((is_tracing && (is_lock || is_graph || is_late)) ||
            (is_lock && t == ProgramType::SocketFilter)) {
            return fail(Problem::BadArgument, -1, "a program of type ", rules_->name,
                        " may not use a map with ",
                        is_lock    ? "a spin lock"
                        : is_graph ? "a list or tree"
                                   : "a timer or work queue");
        }
    }
    if ((map.type == M::ArrayOfMaps || map.type == M::HashOfMaps) && map.inner == nullptr) {
        return fail(Problem::NotSupported, -1, "the map ", map.name,
                    " holds maps, but nothing says of which kind, so the kernel will not make it: give it "
                    "__array(values, ...), or the inner map that the loader sets");
    }
    if (map.type == M::StructOps) {
        return fail(Problem::BadArgument, -1, "a struct_ops map may not be used by programs");
    }
    if (program_.is_sleepable) {
        switch (map.type) {
            case M::Hash: case M::LruHash: case M::Array: case M::PercpuHash: case M::PercpuArray:
            case M::LruPercpuHash: case M::ArrayOfMaps: case M::HashOfMaps: case M::Ringbuf:
            case M::UserRingbuf: case M::InodeStorage: case M::SkStorage: case M::TaskStorage:
            case M::CgrpStorage: case M::Queue: case M::Stack: case M::Arena: break;
            case M::LpmTrie:
                if (environment_.target.version >= 618) {
                    break;
                }
                [[fallthrough]];
            default:
                return fail(Problem::SleepRule, -1,
                            "a sleepable program may not use a map of this type");
        }
    }
    return true;
}

bool Analysis::helper_condition(u32 id) {
    using A = AttachType;
    A a = program_.attach;
    bool is_tracing = program_.type == ProgramType::Tracing || program_.type == ProgramType::Lsm;
    bool has_trampoline = (program_.type == ProgramType::Lsm && a == A::LsmMac) ||
                          (program_.type == ProgramType::Tracing &&
                           (a == A::TraceFentry || a == A::TraceFexit || a == A::ModifyReturn));
    const Btf* kernel = environment_.kernel_btf;
    switch (id) {
        case 58:  // override_return: only of kernels built with error injection
            return kernel == nullptr || kernel->find("bpf_override_return", BtfKind::Function) != 0;
        case helper::kBind:
            return a == A::CgroupInet4Connect || a == A::CgroupInet6Connect;
        case helper::kGetFuncArg: case helper::kGetFuncRet: case helper::kGetFuncArgCnt:
            return has_trampoline;
        case 174:  // get_attach_cookie
            return (!is_tracing && program_.type != ProgramType::Syscall) || has_trampoline ||
                   (a == A::TraceRawTp && program_.type == ProgramType::Tracing &&
                    environment_.target.version >= 610);
        case 126: case 127: case 150:  // seq_printf, seq_write, seq_printf_btf
            return a == A::TraceIter;
        case helper::kSkbPullData:  // allowed there by 6.18, not by 6.12
            return program_.type != ProgramType::LwtSeg6local || environment_.target.version > 612;
        case helper::kGetLocalStorage:
            return program_.type != ProgramType::Lsm || a == A::LsmCgroup;
        case 186: case helper::kSetRetval:  // get_retval, set_retval
            if (program_.type == ProgramType::Lsm && a != A::LsmCgroup) {
                return false;
            }
            switch (a) {
                case A::CgroupInetIngress: case A::CgroupInetEgress: case A::CgroupSockOps:
                case A::CgroupUdp4Recvmsg: case A::CgroupUdp6Recvmsg: case A::CgroupUnixRecvmsg:
                case A::CgroupInet4Getpeername: case A::CgroupInet6Getpeername:
                case A::CgroupUnixGetpeername: case A::CgroupInet4Getsockname:
                case A::CgroupInet6Getsockname: case A::CgroupUnixGetsockname: return false;
                default: return true;
            }
        case 147: {  // d_path: where a path may be taken without a lock that is held
            static constexpr std::string_view kAllowed[] = {
                "security_file_permission", "security_inode_getattr", "security_file_open",
                "security_path_truncate", "vfs_truncate", "vfs_fallocate", "dentry_open",
                "vfs_getattr", "filp_close"};
            if (a == A::TraceIter || program_.type == ProgramType::Lsm) {
                return true;
            }
            for (std::string_view name : kAllowed) {
                if (environment_.kernel_btf != nullptr &&
                    environment_.kernel_btf->name(program_.attach_type_id) == name) {
                    return true;
                }
            }
            return false;
        }
        case 49: case 57:  // setsockopt, getsockopt
            if (program_.type == ProgramType::StructOps) {  // a released socket has no options
                return environment_.kernel_btf->member(program_.attach_type_id,
                                                       program_.attach_member).name != "release";
            }
            if (program_.type == ProgramType::CgroupSockopt) {
                return a == A::CgroupSetsockopt;
            }
            if (program_.type == ProgramType::Lsm) {  // where the hook is given a socket of its own
                std::string_view hook =
                    kernel != nullptr ? kernel->name(program_.attach_type_id) : std::string_view();
                return a == A::LsmCgroup &&
                       (hook == "bpf_lsm_sock_graft" || hook == "bpf_lsm_inet_csk_clone" ||
                        hook == "bpf_lsm_inet_conn_established" ||
                        hook == "bpf_lsm_socket_post_create" || hook == "bpf_lsm_socket_socketpair");
            }
            return true;
        default: return true;
    }
}

// Helpers after which packet pointers must be fetched again.
bool Analysis::helper_changes_packets(u32 id) const {
    switch (id) {
        case helper::kSkbStoreBytes: case helper::kL3CsumReplace: case helper::kL4CsumReplace:
        case helper::kCloneRedirect: case helper::kSkbVlanPush: case helper::kSkbVlanPop:
        case helper::kSkbChangeProto: case helper::kSkbChangeTail: case helper::kSkbPullData:
        case helper::kSkbChangeHead: case helper::kXdpAdjustHead: case helper::kSkbAdjustRoom:
        case helper::kXdpAdjustMeta: case helper::kMsgPullData: case helper::kXdpAdjustTail:
        case helper::kLwtPushEncap: case helper::kLwtSeg6Store: case helper::kLwtSeg6Adjust:
        case helper::kLwtSeg6Action: case helper::kMsgPushData: case helper::kMsgPopData:
        case helper::kStoreHdrOpt: case 57 + 1000: return true;
        case helper::kTailCall: return environment_.target.version >= 613;
        default: return false;
    }
}

}  // namespace gyre::bpf
