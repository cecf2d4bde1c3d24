// SPDX-License-Identifier: MIT
//
// Names for clang's thread-safety attributes (-Wthread-safety); nothing else.
#pragma once

#define GYRE_CAPABILITY(name) __attribute__((capability(name)))
#define GYRE_SCOPED_CAPABILITY __attribute__((scoped_lockable))
#define GYRE_GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#define GYRE_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define GYRE_ACQUIRE_SHARED(...) __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define GYRE_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define GYRE_RELEASE_SHARED(...) __attribute__((release_shared_capability(__VA_ARGS__)))
#define GYRE_RELEASE_GENERIC(...) __attribute__((release_generic_capability(__VA_ARGS__)))
#define GYRE_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define GYRE_NO_ANALYSIS __attribute__((no_thread_safety_analysis))
