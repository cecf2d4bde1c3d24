# SPDX-License-Identifier: MIT
#
# What every host target is compiled with: clang 19, libc++ (the kernel uses the same library,
# freestanding, so that lib/ means the same thing on both sides), warnings as errors.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 17)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g1")

# Includes name files by their path from the root: #include "lib/base/result.h".
include_directories("${CMAKE_SOURCE_DIR}")

add_library(gyre_host_flags INTERFACE)
target_compile_options(gyre_host_flags INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wthread-safety -Wno-missing-designated-field-initializers
    -Wno-missing-field-initializers
    $<$<COMPILE_LANGUAGE:CXX>:-stdlib=libc++>)
target_link_options(gyre_host_flags INTERFACE -stdlib=libc++ -fuse-ld=lld)

add_library(gyre_sanitizer_flags INTERFACE)
target_compile_options(gyre_sanitizer_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
target_link_options(gyre_sanitizer_flags INTERFACE -fsanitize=address,undefined)
