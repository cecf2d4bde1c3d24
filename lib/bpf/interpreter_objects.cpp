// SPDX-License-Identifier: MIT
//
// What the interpreter knows of objects that are more than bytes: iterators over numbers and dynptrs, which
// lie on the stack, tasks, spin locks, sections. For the modes that check. Packets are in one piece here, but
// a slice of one may be a copy all the same. No iterators over kernel objects, no lists, trees, or timers.
#include "lib/bpf/helper_ids.h"
#include "lib/bpf/interpreter_machine.h"

namespace gyre::bpf {
namespace {

constexpr u64 kInvalid = static_cast<u64>(-22), kTooBig = static_cast<u64>(-7), kOutOfRange = static_cast<u64>(-34);
constexpr s64 kMostNumbers = 1 << 23;
constexpr u32 kNumbersBytes = 8, kBufferBytes = 16, kObjectStride = 16;

// In the order of KernelFunction, behind None.
constexpr std::string_view kNames[] = {
    "bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy", "bpf_rcu_read_lock", "bpf_rcu_read_unlock",
    "bpf_preempt_disable", "bpf_preempt_enable", "bpf_task_from_pid", "bpf_task_acquire", "bpf_task_release",
    "bpf_dynptr_from_skb", "bpf_dynptr_from_xdp", "bpf_dynptr_slice", "bpf_dynptr_slice_rdwr", "bpf_dynptr_adjust",
    "bpf_dynptr_size", "bpf_dynptr_is_null"};

}  // namespace

KernelFunction kernel_function(std::string_view name) {
    for (size_t k = 0; k < std::size(kNames); k++) {
        if (kNames[k] == name) {
            return static_cast<KernelFunction>(k + 1);
        }
    }
    return KernelFunction::None;
}

// Where on the stack `size` bytes for an object lie; false if they do not.
bool Machine::object_place(u64 address, u32 size, u32& at) {
    const u64 offset = (address & kOffsetMask) - kRegionMiddle;
    const u64 limit = u64{depth + 1} * kStackBytes;
    if (address >> kRegionShift != kStackRegion || offset >= limit || size > limit - offset || offset % 8 != 0) {
        return fail("an object that does not lie on the stack");
    }
    at = static_cast<u32>(offset);
    return true;
}

StackObject* Machine::find_object(ObjectKind kind, u64 address) {
    for (StackObject& o : objects) {
        if (o.kind == kind && address == address_of(kStackRegion, o.at)) {
            return &o;
        }
    }
    fail(kind == ObjectKind::Numbers ? "no iterator lies where one is used" : "no dynptr lies where one is used");
    return nullptr;
}

// A new object takes the place of bytes, and of dynptrs that hold nothing.
StackObject* Machine::make_object(ObjectKind kind, u64 address) {
    const u32 size = kind == ObjectKind::Numbers ? kNumbersBytes : kBufferBytes;
    u32 at = 0;
    if (!object_place(address, size, at) || !touch_objects(at, size, true)) {
        return nullptr;
    }
    for (StackObject& o : objects) {
        if (o.kind == ObjectKind::None) {
            o = StackObject{kind, at, size};
            object_count++;
            return &o;
        }
    }
    fail("more objects than the interpreter has room for", true);
    return nullptr;
}

void Machine::drop_object(StackObject& o) {
    for (u64 k = 0; k < o.size && !written.empty(); k++) {
        written[o.at + k] = 0;
    }
    o = StackObject{};
    object_count--;
}

// Bytes of the stack are read or written as such.
bool Machine::touch_objects(u64 offset, u64 size, bool is_write) {
    for (StackObject& o : objects) {
        if (o.kind == ObjectKind::None || offset >= o.at + o.size || o.at >= offset + size) {
            continue;
        }
        if (!is_write) {
            return fail("an object on the stack is read as data");
        }
        if (o.kind == ObjectKind::Numbers || o.is_record) {
            return fail("an object on the stack that holds something is overwritten");
        }
        drop_object(o);
    }
    return true;
}

// The running function's frame goes.
bool Machine::leave_objects() {
    for (StackObject& o : objects) {
        if (o.kind == ObjectKind::None || o.at < u64{depth} * kStackBytes) {
            continue;
        }
        if (o.kind == ObjectKind::Numbers || o.is_record) {
            return fail("a function leaves an object behind that holds something");
        }
        drop_object(o);
    }
    return true;
}

// What was taken and not given back: objects, tasks, a lock, sections.
u32 Machine::held_objects() const {
    u32 count = (lock != 0 ? 1 : 0) + rcu_sections + preempt_sections;
    for (const StackObject& o : objects) {
        count += o.kind == ObjectKind::Numbers || o.is_record ? 1 : 0;
    }
    for (u8 held_task : tasks) {
        count += held_task;
    }
    return count;
}

// The number that an iterator is at; nothing else of a kernel object can be read here.
u8* Machine::translate_object(u64 offset, u64 size, bool is_write) {
    const u64 index = offset / kObjectStride;
    if (index >= kMaxObjects) {
        fail("the memory of a kernel object", true);
        return nullptr;
    }
    StackObject& o = objects[index];
    const u64 within = offset % kObjectStride;
    const bool fits = within < sizeof(o.now) && size <= sizeof(o.now) - within;
    if (is_write || o.kind != ObjectKind::Numbers || !fits) {
        return nullptr;
    }
    return reinterpret_cast<u8*>(&o.now) + within;
}

bool Machine::spin_lock(bool takes) {
    if (takes ? lock != 0 : lock != regs[1]) {
        return fail(takes ? "a second lock is taken" : "a lock is given back that is not held");
    }
    lock = takes ? regs[1] : 0;
    return true;
}

bool Machine::number_function(KernelFunction function, u64& value) {
    StackObject* o = function == KernelFunction::NumbersNew ? make_object(ObjectKind::Numbers, regs[1])
                                                            : find_object(ObjectKind::Numbers, regs[1]);
    if (o == nullptr) {
        return false;
    }
    if (function == KernelFunction::NumbersDestroy) {
        drop_object(*o);
        return true;
    }
    if (function == KernelFunction::NumbersNew) {
        const s32 begin = static_cast<s32>(regs[2]);
        const s32 end = static_cast<s32>(regs[3]);
        const bool is_too_long = s64{end} - begin > kMostNumbers;
        if (begin <= end && !is_too_long) {
            o->now = static_cast<s32>(static_cast<u32>(begin) - 1);
            o->end = end;
        }
        value = begin > end ? kInvalid : is_too_long ? kTooBig : 0;
        return true;
    }
    const s32 following = static_cast<s32>(static_cast<u32>(o->now) + 1);
    if (following >= o->end) {
        o->now = o->end = 0;
        value = 0;
        return true;
    }
    o->now = following;
    value = address_of(kObjectRegion, static_cast<u64>(o - objects) * kObjectStride);
    return true;
}

bool Machine::task_function(KernelFunction function, u64& value) {
    const u64 base = address_of(kObjectRegion, u64{kMaxObjects} * kObjectStride);
    u64 index = (regs[1] - base) / kObjectStride;
    if (function == KernelFunction::TaskFromPid) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        index = random >> 61;
        value = (random >> 40 & 1) != 0 ? 0 : base + index * kObjectStride;
        tasks[index] += value != 0 ? 1 : 0;
        return true;
    }
    if (index >= std::size(tasks) || regs[1] != base + index * kObjectStride || tasks[index] == 0) {
        return fail("a task that is not held");
    }
    const bool takes = function == KernelFunction::TaskAcquire;
    tasks[index] = static_cast<u8>(tasks[index] + (takes ? 1 : -1));
    value = takes ? regs[1] : 0;
    return true;
}

bool Machine::section_function(KernelFunction function) {
    const bool is_rcu = function == KernelFunction::RcuLock || function == KernelFunction::RcuUnlock;
    const bool begins = function == KernelFunction::RcuLock || function == KernelFunction::PreemptDisable;
    u32& sections = is_rcu ? rcu_sections : preempt_sections;
    if (!begins && sections == 0) {
        return fail("a section ends that was not begun");
    }
    sections += begins ? 1 : ~u32{0};
    return true;
}

// A dynptr of a packet, or a part of a dynptr.
bool Machine::buffer_function(KernelFunction function, u64& value) {
    if (function == KernelFunction::BufferFromPacket || function == KernelFunction::BufferFromXdp) {
        StackObject* made = make_object(ObjectKind::Buffer, regs[3]);
        if (made == nullptr) {
            return false;
        }
        value = regs[2] != 0 ? kInvalid : 0;
        if (value == 0) {
            made->data = address_of(kPacketRegion, 0);
            made->length = packet.size();
            made->is_packet = true;
        }
        return true;
    }
    StackObject* o = find_object(ObjectKind::Buffer, regs[1]);
    if (o == nullptr) {
        return false;
    }
    switch (function) {
        case KernelFunction::BufferSize: value = o->data == 0 ? kInvalid : o->length; return true;
        case KernelFunction::BufferIsNull: value = o->data == 0 ? 1 : 0; return true;
        case KernelFunction::BufferAdjust: {
            const bool is_wrong = o->data == 0 || regs[2] > regs[3];
            const bool is_outside = !is_wrong && regs[3] > o->length;
            value = is_wrong ? kInvalid : is_outside ? kOutOfRange : 0;
            if (value == 0) {
                o->data += regs[2];
                o->length = regs[3] - regs[2];
            }
            return true;
        }
        default: break;
    }
    const u64 size = regs[4];
    value = 0;
    if (o->data == 0 || !o->holds(regs[2], size)) {
        return true;
    }
    value = o->data + regs[2];
    random = random * 6364136223846793005u + 1442695040888963407u;
    if (o->is_packet && regs[3] != 0 && (random >> 63) != 0) {  // as if it did not lie in one piece
        u8* copy = translate(regs[3], size, true);
        const u8* from = translate(value, size, false);
        if (copy == nullptr || from == nullptr) {
            return fail("the buffer of a slice lies outside memory");
        }
        memcpy(copy, from, size);
        value = regs[3];
    }
    return true;
}

bool Machine::buffer_helper(u32 id, u64& value) {
    if (id == helper::kDynptrFromMem || id == helper::kRingbufReserveDynptr) {
        StackObject* made = make_object(ObjectKind::Buffer, regs[4]);
        if (made == nullptr) {
            return false;
        }
        const u32 size = static_cast<u32>(regs[2]);
        made->is_record = id == helper::kRingbufReserveDynptr;
        value = regs[3] != 0 ? kInvalid : 0;
        if (value != 0) {
            return true;
        }
        u64 data = regs[1];
        if (made->is_record && !ring_helper(helper::kRingbufReserve, data)) {
            return false;
        }
        if (!made->is_record && size != 0 && translate(data, size, true) == nullptr) {
            return fail("a dynptr of what is not memory");
        }
        made->data = data;
        made->length = data == 0 ? 0 : size;
        value = data == 0 ? kInvalid : 0;
        return true;
    }
    const bool reads = id == helper::kDynptrRead;
    StackObject* o = find_object(ObjectKind::Buffer, reads ? regs[3] : regs[1]);
    if (o == nullptr) {
        return false;
    }
    switch (id) {
        case helper::kRingbufSubmitDynptr: case helper::kRingbufDiscardDynptr: {
            if (!o->is_record) {
                return fail("a dynptr is submitted that is no record");
            }
            const u64 record = (o->data - address_of(kRecordRegion, 0)) / kRecordBytes;
            if (o->data != 0) {  // it may have been adjusted, and lie within its record
                held[record < kMaxRecords ? record : 0] = 0;
            }
            drop_object(*o);
            return true;
        }
        case helper::kDynptrData: {
            const bool fits = o->data != 0 && !o->is_packet && o->holds(regs[2], static_cast<u32>(regs[3]));
            value = fits ? o->data + regs[2] : 0;
            return true;
        }
        default: break;
    }
    const u64 offset = reads ? regs[4] : regs[2];
    const u64 size = static_cast<u32>(reads ? regs[2] : regs[4]);
    const u64 memory = reads ? regs[1] : regs[3];
    u8* mine = size == 0 ? nullptr : translate(memory, size, reads);
    if (mine == nullptr && size != 0) {
        return fail("a helper of dynptrs touches what is not memory");
    }
    value = o->data == 0 || regs[5] != 0 ? kInvalid : !o->holds(offset, size) ? kTooBig : 0;
    if (value != 0 || size == 0) {
        return true;
    }
    u8* theirs = translate(o->data + offset, size, !reads);
    if (theirs == nullptr) {
        return fail("a dynptr of memory that is gone");
    }
    memmove(reads ? mine : theirs, reads ? theirs : mine, size);
    return true;
}

bool Machine::call_kernel(KernelFunction function) {
    u64 value = 0;
    bool fine = true;
    switch (function) {
        case KernelFunction::NumbersNew: case KernelFunction::NumbersNext: case KernelFunction::NumbersDestroy:
            fine = number_function(function, value);
            break;
        case KernelFunction::RcuLock: case KernelFunction::RcuUnlock: case KernelFunction::PreemptDisable:
        case KernelFunction::PreemptEnable:
            fine = section_function(function);
            break;
        case KernelFunction::TaskFromPid: case KernelFunction::TaskAcquire: case KernelFunction::TaskRelease:
            fine = task_function(function, value);
            break;
        default: fine = buffer_function(function, value); break;
    }
    regs[0] = value;
    return fine;
}

}  // namespace gyre::bpf
