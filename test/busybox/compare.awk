# SPDX-License-Identifier: MIT
#
# Reads what run.sh printed on Linux (first file) and on Gyre (second file) and prints one TAP case per
# command. A command that is missing on either side fails.
FNR == 1 { side++ }
/^@@@ end$/ { ended[side] = 1; next }
/^@@@ status / { text[side, number] = text[side, number] "status " $3 "\n"; done[side, number] = 1; next }
/^@@@ [0-9]+ / {
    number = $2
    if (side == 1) { order[++count] = number; name[number] = substr($0, length("@@@ " $2 " ") + 1) }
    next
}
{ text[side, number] = text[side, number] $0 "\n" }

function show(label, words,    lines, n, i) {
    n = split(words, lines, "\n")
    for (i = 1; i < n && i <= 12; i++) print "# " label lines[i]
    if (n > 13) print "# " label "... " n - 1 " lines in all"
}

END {
    print "TAP version 13"
    print "1.." count + 1
    for (i = 1; i <= count; i++) {
        number = order[i]
        short = substr(name[number], 1, 100)
        gsub(/#/, "\\#", short)
        if (done[2, number] && text[1, number] == text[2, number]) {
            print "ok " i " - " short
            continue
        }
        print "not ok " i " - " short
        show("linux: ", text[1, number])
        if (done[2, number]) show("gyre:  ", text[2, number])
        else print "# gyre did not come to its end"
    }
    print (ended[1] && ended[2] ? "ok " : "not ok ") count + 1 " - both sides reached the end"
}
