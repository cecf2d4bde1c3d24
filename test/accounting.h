// SPDX-License-Identifier: MIT
//
// What Gyre counts as in use (/proc/gyre/accounting), for tests that ask whether something was left behind. C and C++.
// On Linux there is no such file: an Accounting is then empty, and the test says that it skips.
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    char text[1024];  // "name value" a line; empty where there is no such file
} Accounting;

typedef struct {
    long objects;     // more objects, files and VMOs than before that are no leak
    long pages;       // more pages; every CPU keeps some in hand. -1: not looked at
    long heap_bytes;  // -1: not looked at
} AccountingSlack;

static inline void accounting_read(Accounting* now) {
    int fd = open("/proc/gyre/accounting", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, now->text, sizeof(now->text) - 1) : 0;
    now->text[got > 0 ? got : 0] = 0;
    if (fd >= 0) close(fd);
}

// -1: not counted here.
static inline long accounting_value(const Accounting* accounting, const char* name) {
    size_t length = strlen(name);
    for (const char* at = accounting->text; (at = strstr(at, name)) != NULL; at += length)
        if ((at == accounting->text || at[-1] == '\n') && at[length] == ' ') return atol(at + length);
    return -1;
}

// Kernel stacks that wait for the next thread are no use of memory that could leak.
static inline long accounting_pages(const Accounting* accounting) {
    return accounting_value(accounting, "pages_used") - accounting_value(accounting, "pages_stacks_cached");
}

static inline int accounting_is_back(const Accounting* before, const Accounting* after, AccountingSlack slack) {
    static const char* const kCounted[] = {"objects", "files", "vmos", "handles", "threads", "processes", "address_spaces"};
    int is_back = 1;
    for (size_t i = 0; i < sizeof(kCounted) / sizeof(kCounted[0]); ++i)
        is_back &= accounting_value(after, kCounted[i]) <= accounting_value(before, kCounted[i]) + (i < 3 ? slack.objects : 0);
    if (slack.pages >= 0) is_back &= accounting_pages(after) <= accounting_pages(before) + slack.pages;
    if (slack.heap_bytes >= 0)
        is_back &= accounting_value(after, "heap_bytes") <= accounting_value(before, "heap_bytes") + slack.heap_bytes;
    return is_back;
}

// What is in use when what is dying is gone: reads until nothing became less for a while.
static inline void accounting_read_settled(Accounting* now) {
    const struct timespec brief = {0, 300000000};
    Accounting earlier;
    accounting_read(now);
    for (int tries = 0; tries < 20; ++tries) {
        earlier = *now;
        nanosleep(&brief, NULL);
        accounting_read(now);
        if (accounting_value(now, "objects") >= accounting_value(&earlier, "objects")) return;
    }
}

// Reads `after` until it is back or the patience ends: dead threads and retired objects are freed a grace period later.
static inline int accounting_comes_back(const Accounting* before, Accounting* after, AccountingSlack slack, int patience_ms) {
    const struct timespec brief = {0, 50000000};
    for (;;) {
        accounting_read(after);
        if (accounting_is_back(before, after, slack)) return 1;
        if (patience_ms <= 0) return 0;
        nanosleep(&brief, NULL);
        patience_ms -= 50;
    }
}

static inline void accounting_print_text(FILE* out, const char* title, const char* text) {
    fprintf(out, "# %s:\n", title);
    for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        fprintf(out, "#   %.*s\n", (int)(end - line), line);
}
static inline void accounting_print(FILE* out, const Accounting* before, const Accounting* after) {
    accounting_print_text(out, "before", before->text);
    accounting_print_text(out, "after", after->text);
}

// The line of TAP for "nothing is left behind".
static inline void accounting_verdict(int number, const Accounting* before, const Accounting* after, int is_back) {
    const int is_counted = before->text[0] != 0;
    printf("%s %d - nothing is left behind%s\n", is_counted && !is_back ? "not ok" : "ok", number,
           is_counted ? "" : " # SKIP no /proc/gyre/accounting");
    if (is_counted && !is_back) accounting_print(stdout, before, after);
}
