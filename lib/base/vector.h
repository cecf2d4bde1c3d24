// SPDX-License-Identifier: MIT
//
// A growing array whose growth can fail (std::vector cannot say so without exceptions). Moves its elements when it grows.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include "lib/base/result.h"

namespace gyre {

template <class T>
class Vector {
public:
    Vector() = default;
    Vector(Vector&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Vector& operator=(Vector&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~Vector() {
        clear();
        ::operator delete(data_, std::align_val_t{alignof(T)});
    }

    // Errors: NoMemory.
    Status try_reserve(size_t capacity) {
        if (capacity <= capacity_) return {};
        if (capacity > SIZE_MAX / 2 / sizeof(T)) return fail(Error::NoMemory);
        T* fresh = static_cast<T*>(::operator new(capacity * sizeof(T), std::align_val_t{alignof(T)}, std::nothrow));
        if (!fresh) return fail(Error::NoMemory);
        for (size_t i = 0; i < size_; ++i) {
            new (fresh + i) T(std::move(data_[i]));
            data_[i].~T();
        }
        ::operator delete(data_, std::align_val_t{alignof(T)});
        data_ = fresh;
        capacity_ = capacity;
        return {};
    }
    template <class U>
    Status try_push_back(U&& value) {
        if (size_ == capacity_) TRY_VOID(try_reserve(capacity_ == 0 ? 4 : capacity_ * 2));
        new (data_ + size_) T(std::forward<U>(value));
        ++size_;
        return {};
    }
    Status try_resize(size_t size) {
        TRY_VOID(try_reserve(size));
        while (size_ < size) new (data_ + size_++) T();
        while (size_ > size) data_[--size_].~T();
        return {};
    }
    void pop_back() { data_[--size_].~T(); }
    void clear() {
        while (size_ > 0) pop_back();
    }
    // Takes the element out; the last one moves into its place.
    void swap_remove(size_t index) {
        if (index + 1 != size_) data_[index] = std::move(data_[size_ - 1]);
        pop_back();
    }

    T* data() { return data_; }
    const T* data() const { return data_; }
    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](size_t i) { return data_[i]; }
    const T& operator[](size_t i) const { return data_[i]; }
    T& back() { return data_[size_ - 1]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    std::span<T> span() { return {data_, size_}; }
    std::span<const T> span() const { return {data_, size_}; }

private:
    T* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

}  // namespace gyre
