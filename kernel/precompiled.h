// SPDX-License-Identifier: MIT
//
// What nearly every file includes, parsed once. Files still name what they use: this is for the build's speed alone.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/rbtree.hpp>
#include <boost/intrusive/set.hpp>

#include "kernel/schedule/scheduler.h"
#include "kernel/sync/mutex.h"
#include "kernel/memory/address_space.h"
