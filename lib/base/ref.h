// SPDX-License-Identifier: MIT
//
// Intrusive reference counting. RefCounted<T> gives the count, Ref<T> owns one reference. The count starts
// at one, which make_ref/adopt_ref takes over. The last release calls T::last_reference_gone() when the class
// has it (objects read under an epoch retire themselves there instead of dying at once), else deletes.
// Leaves out: weak references; what must be found without being kept alive uses Ref<T>::try_from.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "lib/base/result.h"

namespace gyre {

class RefCountedBase {
public:
    RefCountedBase(const RefCountedBase&) = delete;
    RefCountedBase& operator=(const RefCountedBase&) = delete;

    void add_reference() const { references_.fetch_add(1, std::memory_order_relaxed); }
    // Takes a reference unless the last one is already gone (for readers under an epoch).
    [[nodiscard]] bool try_add_reference() const {
        uint32_t seen = references_.load(std::memory_order_relaxed);
        while (seen != 0)
            if (references_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire,
                                                  std::memory_order_relaxed))
                return true;
        return false;
    }
    // True when this was the last one.
    [[nodiscard]] bool drop_reference() const {
        if (references_.fetch_sub(1, std::memory_order_release) != 1) return false;
        std::atomic_thread_fence(std::memory_order_acquire);
        return true;
    }
    uint32_t reference_count() const { return references_.load(std::memory_order_relaxed); }

protected:
    RefCountedBase() = default;
    ~RefCountedBase() = default;

private:
    mutable std::atomic<uint32_t> references_{1};
};

// Classes derive from RefCounted; a hierarchy that is deleted through its base has a virtual destructor.
using RefCounted = RefCountedBase;

template <class T>
class Ref {
public:
    constexpr Ref() = default;
    constexpr Ref(std::nullptr_t) {}
    // Shares: adds a reference to an object that somebody else keeps alive at this moment.
    explicit Ref(T* object) : object_(object) {
        if (object_) object_->add_reference();
    }
    explicit Ref(T& object) : Ref(&object) {}
    Ref(const Ref& other) : Ref(other.object_) {}
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
        requires std::is_convertible_v<U*, T*>
    Ref(const Ref<U>& other) : Ref(static_cast<T*>(other.get())) {}
    template <class U>
        requires std::is_convertible_v<U*, T*>
    Ref(Ref<U>&& other) noexcept : object_(other.leak()) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() { reset(); }

    // Takes over the reference that the caller owns.
    [[nodiscard]] static Ref adopt(T* object) {
        Ref ref;
        ref.object_ = object;
        return ref;
    }
    // For readers under an epoch: null when the object is already dying.
    [[nodiscard]] static Ref try_from(T* object) {
        return object && object->try_add_reference() ? adopt(object) : Ref();
    }
    [[nodiscard]] T* leak() { return std::exchange(object_, nullptr); }

    void reset() {
        if (T* object = std::exchange(object_, nullptr); object && object->drop_reference()) {
            if constexpr (requires { object->last_reference_gone(); })
                object->last_reference_gone();
            else
                delete object;
        }
    }

    T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }
    friend bool operator==(const Ref& a, const T* b) { return a.object_ == b; }

private:
    T* object_ = nullptr;
};

// Allocates; out of memory is an ordinary error.
template <class T, class... Arguments>
[[nodiscard]] Result<Ref<T>> make_ref(Arguments&&... arguments) {
    T* object = new (std::nothrow) T(std::forward<Arguments>(arguments)...);
    if (!object) return fail(Error::NoMemory);
    return Ref<T>::adopt(object);
}

}  // namespace gyre
