# SPDX-License-Identifier: MIT
#
# gyre_guest_program(NAME SOURCES ... [LIBC musl|glibc] [LANGUAGE C|CXX] [COMPILER path]
#                    [OPTIONS flags...] [LINK_OPTIONS flags...] [DEPENDS targets or files...])
#
# A static x86-64 Linux program for the inside of a machine. By default it is compiled by clang
# against musl without a C++ library (so: C, or C++ without exceptions, RTTI and std containers).
# LIBC glibc takes COMPILER (gcc or g++ by default) with -static, standard library included: those
# are the programs that stand for "ordinary binaries". The file becomes
# ${GYRE_GUEST_DIRECTORY}/NAME; the target is NAME, part of the target `guest_programs`.

set(GYRE_GUEST_DIRECTORY "${CMAKE_BINARY_DIR}/guest")
file(MAKE_DIRECTORY "${GYRE_GUEST_DIRECTORY}")
add_custom_target(guest_programs)

set(GYRE_MUSL_INCLUDE "/usr/include/x86_64-linux-musl" CACHE PATH "musl's headers")
set(GYRE_MUSL_LIBRARY "/usr/lib/x86_64-linux-musl" CACHE PATH "musl's libraries and start files")

function(gyre_guest_program name)
    cmake_parse_arguments(arg "" "LIBC;LANGUAGE;COMPILER"
        "SOURCES;OPTIONS;LINK_OPTIONS;DEPENDS" ${ARGN})
    if(NOT arg_LIBC)
        set(arg_LIBC musl)
    endif()
    if(NOT arg_LANGUAGE)
        set(arg_LANGUAGE CXX)
    endif()

    set(warnings -Wall -Wextra -Werror)
    if(arg_LANGUAGE STREQUAL "CXX")
        set(standard -std=c++23)
    else()
        set(standard -std=gnu17)
    endif()
    if(arg_LIBC STREQUAL "musl" AND NOT arg_COMPILER)
        if(arg_LANGUAGE STREQUAL "CXX")
            set(arg_COMPILER "${CMAKE_CXX_COMPILER}")
            list(APPEND standard -fno-exceptions -fno-rtti -nostdinc++ -fno-threadsafe-statics)
        else()
            set(arg_COMPILER "${CMAKE_C_COMPILER}")
        endif()
        set(flags --target=x86_64-linux-musl -nostdlibinc -isystem "${GYRE_MUSL_INCLUDE}"
            -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables
            -ffunction-sections -fdata-sections)
        set(link -nostdlib -static -fuse-ld=lld -Wl,--gc-sections
            "${GYRE_MUSL_LIBRARY}/crt1.o" "${GYRE_MUSL_LIBRARY}/crti.o")
        set(link_end -L "${GYRE_MUSL_LIBRARY}" -lc "${GYRE_MUSL_LIBRARY}/crtn.o")
    else()
        if(NOT arg_COMPILER)
            if(arg_LANGUAGE STREQUAL "CXX")
                set(arg_COMPILER g++)
                set(standard -std=c++20)  # what the gcc 12 of Debian 12 knows well
            else()
                set(arg_COMPILER gcc)
            endif()
        endif()
        set(flags)
        set(link -static)
        if("-static-pie" IN_LIST arg_LINK_OPTIONS)
            set(link)  # the two together link the start files of neither
        endif()
        set(link_end)
    endif()

    set(objects)
    foreach(source IN LISTS arg_SOURCES)
        get_filename_component(source_path "${source}" ABSOLUTE)
        string(MAKE_C_IDENTIFIER "${source}" stem)
        set(object "${CMAKE_CURRENT_BINARY_DIR}/${name}.guest/${stem}.o")
        add_custom_command(OUTPUT "${object}"
            COMMAND "${CMAKE_COMMAND}" -E make_directory
                "${CMAKE_CURRENT_BINARY_DIR}/${name}.guest"
            COMMAND "${arg_COMPILER}" ${flags} ${standard} ${warnings} -O2 -g0
                -I "${CMAKE_SOURCE_DIR}" ${arg_OPTIONS}
                -MD -MF "${object}.d" -c "${source_path}" -o "${object}"
            DEPENDS "${source_path}" ${arg_DEPENDS}
            DEPFILE "${object}.d"
            COMMENT "Compiling ${name} (guest): ${source}"
            VERBATIM)
        list(APPEND objects "${object}")
    endforeach()
    set(output "${GYRE_GUEST_DIRECTORY}/${name}")
    add_custom_command(OUTPUT "${output}"
        COMMAND "${arg_COMPILER}" ${flags} ${link} ${objects} ${arg_LINK_OPTIONS} ${link_end}
            -Wl,--strip-all -Wl,-z,noexecstack -o "${output}"
        DEPENDS ${objects}
        COMMENT "Linking ${name} (guest)"
        VERBATIM)
    add_custom_target(${name} DEPENDS "${output}")
    add_dependencies(guest_programs ${name})
endfunction()
