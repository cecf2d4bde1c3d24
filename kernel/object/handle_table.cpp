// SPDX-License-Identifier: MIT
#include "kernel/object/handle_table.h"

namespace gyre {
namespace {

constinit std::atomic<uint64_t> g_live{0};

}  // namespace

HandleTable::~HandleTable() { g_live.fetch_sub(slots_.count(), std::memory_order_relaxed); }

Result<HandleValue> HandleTable::add(Handle handle) {
    const auto rights = static_cast<uint32_t>(handle.rights());
    const uint32_t slot = TRY(slots_.insert(handle.take(), rights, 0, kMostHandles));
    g_live.fetch_add(1, std::memory_order_relaxed);
    return value_of(slot);
}

Result<Handle> HandleTable::get(HandleValue value) const {
    if (!is_value(value)) return fail(Error::BadDescriptor);
    auto entry = TRY(slots_.get_entry(slot_of(value)));
    return Handle(std::move(entry.object), Rights(entry.bits));
}

Result<HandleValue> HandleTable::duplicate(HandleValue value, Rights rights) {
    const Handle handle = TRY(get(value));
    return add(TRY(handle.duplicate(rights)));
}

Result<Handle> HandleTable::remove(HandleValue value) {
    if (!is_value(value)) return fail(Error::BadDescriptor);
    auto entry = TRY(slots_.remove(slot_of(value)));
    g_live.fetch_sub(1, std::memory_order_relaxed);
    return Handle(std::move(entry.object), Rights(entry.bits));
}

Status HandleTable::close(HandleValue value) {
    TRY(remove(value));
    return {};
}

uint64_t live_handle_count() { return g_live.load(std::memory_order_relaxed); }

}  // namespace gyre
