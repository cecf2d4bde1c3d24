// SPDX-License-Identifier: MIT
//
// The handles of a process, by value. The same kind of table as the descriptors'; a slot's bits are the rights.
#pragma once

#include <cstdint>

#include "kernel/object/handle.h"
#include "kernel/object/slot_table.h"

namespace gyre {

using HandleValue = uint32_t;

class HandleTable {
public:
    static constexpr uint32_t kMostHandles = 1u << 20;
    static constexpr HandleValue kInvalid = 0;

    HandleTable() = default;
    ~HandleTable();

    // Errors: NoMemory, TooManyFiles.
    Result<HandleValue> add(Handle handle);
    // A copy of what stands there, for looking or duplicating. Errors: BadDescriptor.
    Result<Handle> get(HandleValue value) const;
    // Errors: BadDescriptor, InvalidArgument (another kind), AccessDenied.
    template <class T>
    Result<Ref<T>> get(HandleValue value, Rights wanted) const {
        const Handle handle = TRY(get(value));
        return handle.as<T>(wanted);
    }
    Result<HandleValue> duplicate(HandleValue value, Rights rights);
    // Takes it out of the table: to close it, or to send it.
    Result<Handle> remove(HandleValue value);
    Status close(HandleValue value);
    uint32_t count() const { return slots_.count(); }

private:
    // Values are odd and far apart from descriptors, so that one taken for the other is caught: slot n has 4 n + 3.
    static constexpr HandleValue value_of(uint32_t slot) { return slot * 4 + 3; }
    static constexpr bool is_value(HandleValue value) { return (value & 3) == 3; }
    static constexpr uint32_t slot_of(HandleValue value) { return value / 4; }

    SlotTable<Object, LockRank::HandleTable> slots_;
};

// In all tables, for /proc/gyre/accounting.
uint64_t live_handle_count();

}  // namespace gyre
