// SPDX-License-Identifier: MIT
//
// An address space: mappings of Vmos, and the page tables that cache them. It may be shared by processes (vfork,
// CLONE_VM). As an object it is the root Vmar of those processes: a handle with the right Map is what maps into it; regions within
// it that are handed out apart come with the native calls. All public functions may sleep and take no lock of the caller's.
#pragma once

#include <cstdint>
#include <optional>

#include <boost/intrusive/set.hpp>

#include "kernel/memory/types.h"
#include "kernel/memory/vmo.h"
#include "kernel/schedule/cpu_set.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/spin_lock.h"
#include "lib/base/ref.h"

namespace gyre {

namespace arch {
using TableEntry = std::atomic<uint64_t>;
}
class TlbGather;
using MappingTreeHook = boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>>;
struct MappingStart {
    using type = uintptr_t;
    uintptr_t operator()(const Mapping& mapping) const;
};

enum class Protection : uint8_t { None = 0, Read = 1, Write = 2, Execute = 4 };
constexpr Protection operator|(Protection a, Protection b) { return Protection(uint8_t(a) | uint8_t(b)); }
constexpr bool allows(Protection all, Protection wanted) {
    return (uint8_t(all) & uint8_t(wanted)) == uint8_t(wanted);
}

enum class Placement : uint8_t {
    Anywhere,       // the hint is tried first
    Fixed,          // replaces what is there
    FixedNoReplace, // Exists when something is there
};

// Named so that /proc/PID/maps can say [heap], [stack], [vdso] or a path.
class MappingSource : public RefCounted {
public:
    virtual ~MappingSource() = default;
    // Writes "device inode path" facts for /proc/PID/maps.
    struct Description {
        uint64_t device = 0, inode = 0;
        const char* fixed_name = nullptr;  // "[heap]" and the like
    };
    virtual Description describe() const = 0;
    // The path into `buffer`; returns its length (0: none).
    virtual size_t path(std::span<char> buffer) const = 0;
};

struct MapRequest {
    VirtualAddress hint{};
    uint64_t length = 0;            // rounded up to pages
    Placement placement = Placement::Anywhere;
    Protection protection = Protection::None;
    Protection most = Protection::Read | Protection::Write | Protection::Execute;  // what mprotect may raise to
    bool is_shared = false;         // writes reach the Vmo; else they go to a private copy
    Ref<Vmo> vmo;                   // null: anonymous (private: a Vmo of its own, merged with neighbours where it
                                    // can be; shared: a new Vmo)
    uint64_t offset = 0;            // into the Vmo, page aligned
    Ref<MappingSource> source;
    bool grows_down = false;        // MAP_GROWSDOWN, stacks
    bool populate = false;
    bool locked = false;
    bool below_4g = false;          // MAP_32BIT (the low 2 GiB)
};

enum class FaultAccess : uint8_t { Read, Write, Execute };
// How a user-mode fault that cannot be resolved shows up as a signal.
enum class FaultOutcome : uint8_t { Resolved, NoMapping, NotAllowed, PastEnd /* SIGBUS */, OutOfMemory };

class AddressSpace final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Vmar;

    static Result<Ref<AddressSpace>> create();
    ~AddressSpace();
    // fork: private mappings copied on write, shared ones shared. Errors: NoMemory.
    Result<Ref<AddressSpace>> fork();

    // Errors: NoMemory (also no room), InvalidArgument, Exists, NotPermitted.
    Result<VirtualAddress> map(const MapRequest& request);
    Status unmap(VirtualAddress start, uint64_t length);
    // Errors as mprotect(2): NoMemory for a hole (what came before it is changed), AccessDenied beyond `most`.
    Status protect(VirtualAddress start, uint64_t length, Protection protection);
    // mremap(2): old_length 0 duplicates a shared mapping. Errors: BadAddress, InvalidArgument, NoMemory.
    struct RemapRequest {
        VirtualAddress old_start{};
        uint64_t old_length = 0, new_length = 0;
        bool may_move = false, is_fixed = false, keep_old = false;  // MREMAP_MAYMOVE, _FIXED, _DONTUNMAP
        VirtualAddress new_start{};
    };
    Result<VirtualAddress> remap(const RemapRequest& request);
    enum class Advice : uint8_t { DontNeed, Free, WillNeed, DontFork, DoFork, WipeOnFork, KeepOnFork, PopulateRead,
                                  PopulateWrite, Remove, None };
    Status advise(VirtualAddress start, uint64_t length, Advice advice);
    // mincore(2): one byte a page into `resident`. Errors: NoMemory for holes.
    Status residency(VirtualAddress start, uint64_t page_count, std::span<uint8_t> resident);
    // Locked pages are brought now, or when they are touched. Errors: NoMemory for holes.
    Status set_locked(VirtualAddress start, uint64_t length, bool is_locked, bool on_fault = false);
    bool is_mapped(VirtualAddress start, uint64_t length);

    // The program break (brk(2)).
    void set_break_start(VirtualAddress start);
    VirtualAddress set_break(VirtualAddress wanted, uint64_t data_limit);  // returns the new or unchanged break

    // Called by arch with interrupts on. Never called with spin locks held.
    FaultOutcome handle_fault(VirtualAddress address, FaultAccess access);

    // For futexes that are shared between address spaces: what stands for the byte: the Vmo and the offset in it when the
    // mapping is shared, else (this, address). Errors: BadAddress. Faults the page in for reading.
    struct MemoryIdentity {
        const void* object;
        uint64_t offset;
        bool operator==(const MemoryIdentity&) const = default;
    };
    Result<MemoryIdentity> identify(VirtualAddress address);

    // Another process's memory (ptrace, /proc/PID/mem, cmdline, environ). Errors: BadAddress.
    Result<size_t> read_foreign(VirtualAddress from, std::span<std::byte> to);
    Result<size_t> write_foreign(VirtualAddress to, std::span<const std::byte> from);

    struct MappingView {  // one line of /proc/PID/maps
        VirtualAddress start, end;
        Protection protection;
        bool is_shared;
        uint64_t offset;
        Ref<MappingSource> source;
        uint64_t resident_pages;
        const char* fixed_name;  // "[heap]", "[stack]" or null
        bool is_locked;
        bool grows_down;
    };
    // The mapping that holds or follows `from`.
    std::optional<MappingView> next_mapping(VirtualAddress from);
    struct Usage {
        uint64_t virtual_pages, resident_pages, peak_virtual_pages, peak_resident_pages, shared_pages, text_pages,
            data_pages, stack_pages, locked_pages, page_table_pages;
    };
    Usage usage();
    // Limits that mapping obeys (RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK); RLIM_INFINITY is UINT64_MAX.
    struct Limits {
        uint64_t address_space_bytes = UINT64_MAX, data_bytes = UINT64_MAX, stack_bytes = 8 << 20;
    };
    void set_limits(const Limits& limits);
    // Addresses of argv/env that /proc/PID/cmdline and environ show; set by exec.
    struct ProgramArea {
        VirtualAddress arguments_start, arguments_end, environment_start, environment_end, stack_start, code_start,
            code_end, data_start, data_end;
    };
    ProgramArea program_area;

    // For the scheduler and arch: loads the page tables on this CPU. Interrupts off.
    void activate();
    // Nobody will run in it any more: frees all mappings at once (exit), before the last reference goes.
    void tear_down();

    // mlockall(MCL_FUTURE): what is mapped from now on is locked.
    void set_lock_future(bool is_on);
    // mlockall(MCL_CURRENT) and munlockall.
    Status set_all_locked(bool is_locked, bool on_fault = false);

private:
    friend class Vmo;
    friend class TlbGather;
    friend void leave_address_space(AddressSpace& space);
    using MappingTree =
        boost::intrusive::set<Mapping, boost::intrusive::base_hook<MappingTreeHook>,
                              boost::intrusive::key_of_value<MappingStart>, boost::intrusive::constant_time_size<false>>;
    enum class FaultStep : uint8_t { Resolved, NoMapping, NotAllowed, PastEnd, NoMemory, MayGrow };
    struct RemovedMappings;   // taken out of the tree; destroyed when no lock is held
    struct FaultPlace;        // one fault: mapping, address, entry
    struct Removal;

    AddressSpace();
    static Result<Ref<AddressSpace>> create_bare();

    // ---- the tree of mappings; lock_ held
    Mapping* find_mapping(uintptr_t address) const;             // that holds the address, or null
    Mapping* find_mapping_at_or_after(uintptr_t address) const; // that holds or follows it
    Mapping* next_of(Mapping& mapping) const;
    Mapping* previous_of(Mapping& mapping) const;
    uintptr_t find_hole(uint64_t length, uintptr_t low, uintptr_t high) const;
    Result<uintptr_t> choose_place(const MapRequest& request, uint64_t length);
    void insert_mapping(Mapping& mapping);
    void remove_mapping(Mapping& mapping, RemovedMappings& removed);
    void resize_mapping(Mapping& mapping, uintptr_t start, uintptr_t end);
    Status split_mapping(Mapping& mapping, uintptr_t at);
    void merge_around(uintptr_t start, uintptr_t end, RemovedMappings& removed);
    void merge_with_next(Mapping& mapping, RemovedMappings& removed);
    // Makes mappings begin and end at the edges of the range.
    Status isolate(uintptr_t start, uintptr_t end);
    // Runs change(mapping) for the mappings of a range, split at its edges. Errors: NoMemory at a hole, those of
    // `change`; what came before stays changed.
    template <class Change>
    Status change_mappings(VirtualAddress start, uint64_t length, Change&& change);
    Status check_limits(uint64_t more_pages, bool is_data) const;
    void account(const Mapping& mapping, int64_t sign);
    Status unmap_locked(uintptr_t start, uintptr_t end, RemovedMappings& removed);
    Status map_locked(uintptr_t start, uint64_t length, const MapRequest& request, bool is_heap,
                      RemovedMappings& removed);
    void populate(uintptr_t start, uint64_t length);

    // ---- page tables
    static PhysicalAddress allocate_table(void* space);
    static void free_table(void* space, PhysicalAddress table);
    arch::TableEntry* make_entry(uintptr_t address);
    void clear_entries(uintptr_t start, uintptr_t end, TlbGather& gather);
    void free_tables_around(uintptr_t start, uintptr_t end, TlbGather& gather);
    void protect_entries(uintptr_t start, uintptr_t end, Protection protection, TlbGather& gather);
    Status move_entries(uintptr_t from, uintptr_t to, uint64_t length, TlbGather& gather);
    Status fork_entries(AddressSpace& child, const Mapping& mapping, bool& must_flush);
    void forget_vmo_pages(uintptr_t start, uintptr_t end);
    CpuSet active_cpus() const { return {active_cpus_.load(std::memory_order_seq_cst)}; }

    // ---- faults
    FaultStep fault_once(uintptr_t address, FaultAccess access);
    FaultStep fault_private(const FaultPlace& place);
    FaultStep fault_anonymous(const FaultPlace& place);
    FaultStep fault_vmo(const FaultPlace& place);
    FaultStep fault_private_copy(const FaultPlace& place);
    FaultStep install_private(const FaultPlace& place, Page& page, uint64_t seen);
    bool grow_stack(uintptr_t address);

    Status move_mapping(Mapping& mapping, const RemapRequest& request, uintptr_t target, RemovedMappings& removed);
    Result<VirtualAddress> remap_locked(const RemapRequest& request, RemovedMappings& removed);
    Status copy_foreign(VirtualAddress at, std::byte* kernel, size_t length, bool is_write);
    void note_peaks();

    RwMutex lock_{LockRank::AddressSpace};
    MappingTree mappings_;
    std::atomic<Mapping*> last_found_{nullptr};  // by faults; reset when a mapping goes
    PhysicalAddress root_{};
    bool is_torn_down_ = false;
    std::atomic<uint64_t> active_cpus_{0};       // whose loaded tables these are
    std::atomic<uint64_t> private_pages_{0};     // entries with pages of this space alone
    std::atomic<uint64_t> vmo_pages_{0};         // entries that show a Vmo's page
    uint64_t peak_resident_pages_ = 0;
    uint64_t virtual_pages_ = 0, peak_virtual_pages_ = 0, data_pages_ = 0, stack_pages_ = 0, text_pages_ = 0,
             locked_pages_ = 0;
    Limits limits_;
    uintptr_t break_start_ = 0, break_ = 0;
    uintptr_t map_top_ = 0;       // mappings without a wish go below, the highest hole first
    uintptr_t search_top_ = 0;    // there is no hole between here and map_top_
    bool locks_future_ = false;
    SpinLock tables_lock_{LockRank::PageTable};
    Page* tables_ = nullptr;      // every table but the root, so that they can be freed without a walk
    uint64_t table_count_ = 0;
};

// The kernel's own tables, for kernel threads that have none to borrow.
void activate_kernel_address_space();
// Part of tlb::leave: this CPU gives up the space's tables for the kernel's if it has them loaded. Interrupts off.
void leave_address_space(AddressSpace& space);

}  // namespace gyre
