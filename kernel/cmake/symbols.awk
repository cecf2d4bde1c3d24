# SPDX-License-Identifier: MIT
# `llvm-nm -n -C gyre.elf | awk -f symbols.awk`: the assembler source of the table that kernel/log/symbols.cpp searches.
# Only functions; names are cut of their arguments, which a backtrace does not need.
BEGIN { count = 0; offset = 0 }
$2 ~ /^[tTwW]$/ {
    address = $1
    name = $0
    sub(/^[0-9a-f]+ [tTwW] /, "", name)
    gsub(/\(anonymous namespace\)/, "", name)
    sub(/\(.*$/, "", name)
    gsub(/::::/, "::", name)
    gsub(/["\\]/, "", name)
    if (name == "" || name ~ /^\$/ || substr(address, 9) == last) next
    last = substr(address, 9)
    addresses[count] = last
    names[count++] = substr(name, 1, 60)
}
END {
    print ".section .gyre_symbols, \"a\", @progbits"
    print ".balign 8\n.globl gyre_symbol_count, gyre_symbols, gyre_symbol_names"
    print "gyre_symbol_count: .long " count
    print "gyre_symbols:"
    for (i = 0; i < count; ++i) {
        if (!(names[i] in place)) {
            place[names[i]] = offset
            offset += length(names[i]) + 1
            order[unique++] = names[i]
        }
        print ".long 0x" addresses[i] " - 0x80000000, " place[names[i]]
    }
    print ".long 0, 0\ngyre_symbol_names:"
    for (i = 0; i < unique; ++i) print ".asciz \"" order[i] "\""
    print ".byte 0"
}
