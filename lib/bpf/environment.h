// SPDX-License-Identifier: MIT
//
// What the verifier must be told about the place where a program will run: helpers, context
// layouts, program types, maps. All of it is data handed in by the caller; lib/bpf/linux holds the
// tables for Linux. Numbers of program, attach and map types are Linux's (uapi/linux/bpf.h).
#pragma once

#include <span>
#include <string_view>

#include "lib/bpf/btf.h"
#include "lib/bpf/types.h"

namespace gyre::bpf {

enum class ProgramType : u32 {
    Unspecified, SocketFilter, Kprobe, SchedCls, SchedAct, Tracepoint, Xdp, PerfEvent, CgroupSkb,
    CgroupSock, LwtIn, LwtOut, LwtXmit, SockOps, SkSkb, CgroupDevice, SkMsg, RawTracepoint,
    CgroupSockAddr, LwtSeg6local, LircMode2, SkReuseport, FlowDissector, CgroupSysctl,
    RawTracepointWritable, CgroupSockopt, Tracing, StructOps, Extension, Lsm, SkLookup, Syscall,
    Netfilter,
};
inline constexpr u32 kProgramTypeCount = 33;

enum class AttachType : u32 {
    CgroupInetIngress, CgroupInetEgress, CgroupInetSockCreate, CgroupSockOps, SkSkbStreamParser,
    SkSkbStreamVerdict, CgroupDevice, SkMsgVerdict, CgroupInet4Bind, CgroupInet6Bind,
    CgroupInet4Connect, CgroupInet6Connect, CgroupInet4PostBind, CgroupInet6PostBind,
    CgroupUdp4Sendmsg, CgroupUdp6Sendmsg, LircMode2, FlowDissector, CgroupSysctl,
    CgroupUdp4Recvmsg, CgroupUdp6Recvmsg, CgroupGetsockopt, CgroupSetsockopt, TraceRawTp,
    TraceFentry, TraceFexit, ModifyReturn, LsmMac, TraceIter, CgroupInet4Getpeername,
    CgroupInet6Getpeername, CgroupInet4Getsockname, CgroupInet6Getsockname, XdpDevmap,
    CgroupInetSockRelease, XdpCpumap, SkLookup, Xdp, SkSkbVerdict, SkReuseportSelect,
    SkReuseportSelectOrMigrate, PerfEvent, TraceKprobeMulti, LsmCgroup, StructOps, Netfilter,
    TcxIngress, TcxEgress, TraceUprobeMulti, CgroupUnixConnect, CgroupUnixSendmsg,
    CgroupUnixRecvmsg, CgroupUnixGetpeername, CgroupUnixGetsockname, NetkitPrimary, NetkitPeer,
    TraceKprobeSession,
};

enum class MapType : u32 {
    Unspecified, Hash, Array, ProgArray, PerfEventArray, PercpuHash, PercpuArray, StackTrace,
    CgroupArray, LruHash, LruPercpuHash, LpmTrie, ArrayOfMaps, HashOfMaps, Devmap, Sockmap, Cpumap,
    Xskmap, Sockhash, CgroupStorage, ReuseportSockarray, PercpuCgroupStorage, Queue, Stack,
    SkStorage, DevmapHash, StructOps, Ringbuf, InodeStorage, TaskStorage, BloomFilter, UserRingbuf,
    CgrpStorage, Arena,
};

const char* map_type_name(MapType type);

// Map flags the verifier reads.
inline constexpr u32 kMapNoPrealloc = 1, kMapReadOnlyProgram = 1u << 7,
                     kMapWriteOnlyProgram = 1u << 8;

// A part of a map value or allocated object that only its own helpers may touch.
enum class FieldKind : u8 {
    SpinLock, ResSpinLock, Timer, KptrUntrusted, KptrReferenced, KptrPercpu, Uptr, ListHead,
    ListNode, RbRoot, RbNode, Refcount, Workqueue, TaskWork,
};

struct SpecialField {
    FieldKind kind;
    u32 offset = 0;
    u32 size = 0;
    const Btf* btf = nullptr;  // of the object a kptr or a list points to
    u32 type_id = 0;
    u32 node_offset = 0;       // where the node lies in that object
};

struct Map {
    MapType type = MapType::Unspecified;
    u32 key_size = 0;
    u32 value_size = 0;
    u32 max_entries = 0;
    u32 flags = 0;
    const char* name = "";
    std::span<const SpecialField> fields;
    const Map* inner = nullptr;
    std::span<const u8> frozen_contents;   // of a read-only, frozen array map
    std::span<const u8> unknown_contents;  // not zero: the byte may be any; empty: all are known

    // Whether the contents at `at` are constants.
    bool knows_contents(u64 at, u64 size) const {
        bool is_known = at < frozen_contents.size() && size <= frozen_contents.size() - at;
        for (u64 i = at; is_known && i < at + size && i < unknown_contents.size(); i++) {
            is_known = unknown_contents[i] == 0;
        }
        return is_known;
    }
    const Btf* btf = nullptr;
    u32 key_type_id = 0;
    u32 value_type_id = 0;
};

// Flags shared by argument, return and register types.
enum TypeFlag : u32 {
    kMaybeNull = 1u << 0,
    kReadOnly = 1u << 1,
    kRingbuf = 1u << 2,
    kUser = 1u << 3,
    kPercpu = 1u << 4,
    kRelease = 1u << 5,
    kUntrusted = 1u << 6,
    kUninit = 1u << 7,
    kDynptrLocal = 1u << 8,
    kDynptrRingbuf = 1u << 9,
    kFixedSize = 1u << 10,
    kAlloc = 1u << 11,
    kTrusted = 1u << 12,
    kRcu = 1u << 13,
    kNonOwning = 1u << 14,
    kDynptrSkb = 1u << 15,
    kDynptrXdp = 1u << 16,
    kAligned = 1u << 17,
    kWrite = 1u << 18,
};

enum class ArgumentKind : u8 {
    None, ConstMapPtr, MapKey, MapValue, Mem, Arena, ConstSize, ConstSizeOrZero, Ctx, Anything,
    Scalar, SpinLock, SockCommon, Socket, BtfId, RingbufMem, ConstAllocSizeOrZero,
    BtfIdSockCommon, PercpuBtfId, Func, Stack, ConstStr, Timer, KptrXchgDest, Dynptr,
};

enum class ReturnKind : u8 {
    Integer, Void, MapValue, Socket, TcpSock, SockCommon, Mem, MemOrBtfId, BtfId,
};

template <class Kind>
struct TypeSpec {
    Kind kind{};
    u32 flags = 0;
    constexpr TypeSpec() = default;
    constexpr TypeSpec(Kind k) : kind(k) {}
    constexpr TypeSpec operator|(TypeFlag flag) const {
        TypeSpec r = *this;
        r.flags |= flag;
        return r;
    }
    constexpr bool has(u32 flag) const { return (flags & flag) != 0; }
};
using ArgumentSpec = TypeSpec<ArgumentKind>;
using ReturnSpec = TypeSpec<ReturnKind>;
constexpr ArgumentSpec operator|(ArgumentKind kind, TypeFlag flag) {
    return ArgumentSpec(kind) | flag;
}
constexpr ReturnSpec operator|(ReturnKind kind, TypeFlag flag) { return ReturnSpec(kind) | flag; }

enum HelperProperty : u8 { kGplOnly = 1, kMayReadPackets = 2, kMaySleep = 4, kFastCall = 8 };

struct HelperPrototype {
    u16 id = 0;
    const char* name = "";
    ReturnSpec result;
    ArgumentSpec arguments[5];
    u8 properties = 0;
    const char* result_type = nullptr;      // the kernel's struct, for BtfId results
    const char* argument_types[5] = {};     // the same for arguments; "*" is any
    u16 fixed_sizes[5] = {};                // of kFixedSize memory
};

struct HelperChoice {
    u16 id;
    u16 prototype;  // index into the table of prototypes
};

// The helpers of a program type: its own, then those of the sets it falls back to, in order.
struct HelperSet {
    std::span<const HelperChoice> own;
    const HelperSet* first = nullptr;
    const HelperSet* second = nullptr;
    const HelperSet* third = nullptr;
    bool own_first = true;
};

enum class ContextResult : u8 {
    Scalar, Packet, PacketMeta, PacketEnd, FlowKeys, Socket, SocketOrNull, SockCommonOrNull,
    TpBuffer, SkBuff, NetfilterState,
};

// Bits of an access-size set.
inline constexpr u8 kOne = 1, kTwo = 2, kFour = 4, kEight = 8, kNarrow = 7, kWord = 4, kAnySize = 15;
inline constexpr u64 kAnyAttach = ~u64{0};

struct ContextField {
    u16 begin;
    u16 end;
    u8 sizes;  // 0: no access
    ContextResult result = ContextResult::Scalar;
    u64 attach = kAnyAttach;
};

enum class ContextStyle : u8 { Fields, Arguments, Btf, Any };

struct ContextLayout {
    std::span<const ContextField> read;
    std::span<const ContextField> write;
    const ContextLayout* base = nullptr;  // for reads that `read` does not mention
    ContextStyle style = ContextStyle::Fields;
    u32 size = 0;
    const char* kernel_type = nullptr;  // what kfuncs take for this context
    const char* user_type = nullptr;    // what BPF programs call it
};

struct ProgramRules {
    const char* name = "";
    const HelperSet* helpers = nullptr;
    const ContextLayout* context = nullptr;
    bool may_read_packets = false;
    bool may_write_packets = false;
    bool may_load_bytes = false;  // the legacy packet loads (LD_ABS, LD_IND)
};

// Which of Linux's behaviours hold. One field for each thing that changed and that programs see.
struct Target {
    const char* name = "linux-6.18";
    u16 version = 618;  // major * 100 + minor
    bool may_read_uninitialized_stack = true;
    u32 stack_rounding = 16;
    u32 cpu_count = 8192;  // how many there can be; the machine's own number bounds more
    bool follows_division = false;
    // False: a place of its own, where nothing but its tables counts and the kernel has no functions
    // for programs; instructions are those of `version`.
    bool is_linux = true;
};

enum class Lockdown : u8 { None, Integrity, Confidentiality };

// What only one machine says of its kernel, beside the types. What is not known refuses nothing that
// some machine with such a kernel would accept.
struct KernelFacts {
    std::span<const std::string_view> symbols;     // of the kernel's symbol table, sorted; empty: unknown
    std::span<const std::string_view> injectable;  // functions whose errors may be injected, sorted
    bool knows_injectable = false;
    Lockdown lockdown = Lockdown::None;
};

struct Environment {
    Target target;
    std::span<const HelperPrototype> prototypes;
    std::span<const ProgramRules> rules;  // by program type
    const Btf* kernel_btf = nullptr;
    u64 map_types = ~u64{0};  // a bit for each MapType that there is
    KernelFacts facts;
};

// `may_sleep` chooses where a helper has a form that may sleep and one that may not.
const HelperPrototype* find_helper(const Environment& environment, const HelperSet* set, u32 id,
                                   bool may_sleep);

}  // namespace gyre::bpf
