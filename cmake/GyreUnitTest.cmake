# SPDX-License-Identifier: MIT
#
# gyre_unit_test(NAME SOURCES x_test.cpp ... LIBS lib_x ... [TIMEOUT seconds])
#
# A GoogleTest program under the address and undefined-behaviour sanitizers, registered as a suite
# of the group `unit` (`gyre test --unit`). GoogleTest is compiled here from Debian's source
# package, against libc++ as everything else. Without the package there are no unit tests, and
# `gyre test`, which installs it, configures again. Target of all of them: unit_tests.

set(GYRE_GOOGLETEST_SOURCE "/usr/src/googletest" CACHE PATH "GoogleTest's sources")
set(GYRE_SUITES_DIRECTORY "${CMAKE_BINARY_DIR}/suites")
file(REMOVE_RECURSE "${GYRE_SUITES_DIRECTORY}")
file(MAKE_DIRECTORY "${GYRE_SUITES_DIRECTORY}")
add_custom_target(unit_tests)

if(EXISTS "${GYRE_GOOGLETEST_SOURCE}/googletest/src/gtest-all.cc")
    set(GYRE_HAS_GOOGLETEST TRUE)
    find_package(Threads REQUIRED)
    set(source "${GYRE_GOOGLETEST_SOURCE}")
    add_library(gyre_googletest STATIC EXCLUDE_FROM_ALL
        "${source}/googletest/src/gtest-all.cc"
        "${source}/googlemock/src/gmock-all.cc"
        "${source}/googlemock/src/gmock_main.cc")
    target_include_directories(gyre_googletest SYSTEM PUBLIC
        "${source}/googletest/include" "${source}/googlemock/include")
    target_include_directories(gyre_googletest PRIVATE
        "${source}/googletest" "${source}/googlemock")
    target_compile_options(gyre_googletest PRIVATE -w)
    target_link_libraries(gyre_googletest
        PUBLIC gyre_sanitizer_flags Threads::Threads PRIVATE gyre_host_flags)
else()
    set(GYRE_HAS_GOOGLETEST FALSE)
endif()

function(gyre_unit_test name)
    cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
    if(NOT GYRE_HAS_GOOGLETEST)
        return()
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_executable(${name} EXCLUDE_FROM_ALL ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE gyre_host_flags gyre_sanitizer_flags gyre_googletest)
    gyre_link_sanitized(${name} PRIVATE ${arg_LIBS})
    add_dependencies(unit_tests ${name})
    file(GENERATE OUTPUT "${GYRE_SUITES_DIRECTORY}/${name}.json" CONTENT
"[{\"name\": \"${name}\", \"group\": \"unit\", \"command\": [\"$<TARGET_FILE:${name}>\"], \"timeout_s\": ${arg_TIMEOUT}, \"default\": true, \"needs\": []}]
")
endfunction()
