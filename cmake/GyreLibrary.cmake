# SPDX-License-Identifier: MIT
#
# gyre_library(NAME SOURCES a.cpp ... LIBS other ...)
#
# A static library of the host build. It is compiled twice: as NAME for the programs, and as
# NAME_sanitized (address and undefined-behaviour sanitizers) for the unit tests, so that a test
# instruments what it tests. Header-only libraries leave SOURCES out.

function(gyre_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    if(NOT arg_SOURCES)
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${arg_LIBS})
        return()
    endif()
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE gyre_host_flags PUBLIC ${arg_LIBS})

    add_library(${name}_sanitized STATIC EXCLUDE_FROM_ALL ${arg_SOURCES})
    target_link_libraries(${name}_sanitized PRIVATE gyre_host_flags gyre_sanitizer_flags)
    gyre_link_sanitized(${name}_sanitized PUBLIC ${arg_LIBS})
endfunction()

# Links TARGET with each library's sanitized twin where it has one, and with itself where not.
function(gyre_link_sanitized target visibility)
    foreach(library IN LISTS ARGN)
        if(TARGET ${library}_sanitized)
            target_link_libraries(${target} ${visibility} ${library}_sanitized)
        else()
            target_link_libraries(${target} ${visibility} ${library})
        endif()
    endforeach()
endfunction()
