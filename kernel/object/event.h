// SPDX-License-Identifier: MIT
//
// An Event: an object that is nothing but its signals. Signaled is set and cleared by whoever holds a handle with Signal.
#pragma once

#include "kernel/object/object.h"

namespace gyre {

class Event final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Event;
    Event() : Object(kKind) {}
};

}  // namespace gyre
