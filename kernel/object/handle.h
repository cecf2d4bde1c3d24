// SPDX-License-Identifier: MIT
//
// A handle: an object plus rights. In a HandleTable it has a value that programs may see; outside it is on its way (in a
// message).
#pragma once

#include <utility>

#include "kernel/object/object.h"
#include "kernel/object/rights.h"
#include "lib/base/result.h"

namespace gyre {

class Handle {
public:
    Handle() = default;
    Handle(Ref<Object> object, Rights rights) : object_(std::move(object)), rights_(rights) {}

    const Ref<Object>& object() const { return object_; }
    Rights rights() const { return rights_; }
    bool is_empty() const { return !object_; }
    bool allows(Rights wanted) const { return includes(rights_, wanted); }
    Ref<Object> take() { return std::move(object_); }

    // Errors: AccessDenied (it may not be duplicated), InvalidArgument (more rights than it has).
    Result<Handle> duplicate(Rights rights) const {
        if (!allows(Rights::Duplicate)) return fail(Error::AccessDenied);
        if (!includes(rights_, rights)) return fail(Error::InvalidArgument);
        return Handle(object_, rights);
    }
    // The object as what it is. Errors: InvalidArgument (another kind), AccessDenied (rights).
    template <class T>
    Result<Ref<T>> as(Rights wanted) const {
        if (object_->kind() != T::kKind) return fail(Error::InvalidArgument);
        if (!allows(wanted)) return fail(Error::AccessDenied);
        return Ref<T>(static_cast<T*>(object_.get()));
    }

private:
    Ref<Object> object_;
    Rights rights_ = Rights::None;
};

}  // namespace gyre
