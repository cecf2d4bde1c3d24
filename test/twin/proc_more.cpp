// SPDX-License-Identifier: MIT
//
// Files of /proc and /sys that debuggers, monitors and C libraries read (proc(5), sysfs(5)).
#include "twin.h"

#include <dirent.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>

using namespace twin;

namespace {
char text[65536];
}

TEST(proc_more, auxv_is_what_the_program_got) {
    const long length = read_file("/proc/self/auxv", text, sizeof(text));
    CHECK(length > 0 && length % 16 == 0);
    auto* entry = (const unsigned long*)text;
    bool has_page_size = false, has_random = false;
    for (; entry[0] != AT_NULL && (const char*)entry < text + length; entry += 2) {
        if (entry[0] == AT_PAGESZ) has_page_size = entry[1] == (unsigned long)kPage;
        if (entry[0] == AT_RANDOM) has_random = entry[1] == getauxval(AT_RANDOM);
    }
    CHECK(has_page_size && has_random);
}
TEST(proc_more, auxv_is_its_owners) {
    pid_t child = start([] { pause(); });
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/auxv", child);
    CHECK_EXITED(run([&] {
        become_user();
        _exit(open(path, O_RDONLY) == -1 ? 0 : 1);
    }), 0);
    kill(child, SIGKILL);
    status_of(child);
}
TEST(proc_more, personality_in_hexadecimal) {
    CHECK_OK(personality(ADDR_NO_RANDOMIZE));
    CHECK(read_file("/proc/self/personality", text, sizeof(text)) > 0);
    CHECK_STR(text, "00040000\n");
}
TEST(proc_more, schedstat_counts) {
    unsigned long long before = 0, after = 0, waited, runs;
    const int64_t end = now_ns() + 30000000;
    CHECK(read_file("/proc/self/schedstat", text, sizeof(text)) > 0);
    CHECK_EQ(sscanf(text, "%llu %llu %llu", &before, &waited, &runs), 3);
    while (now_ns() < end) {}
    CHECK(read_file("/proc/self/schedstat", text, sizeof(text)) > 0);
    CHECK_EQ(sscanf(text, "%llu %llu %llu", &after, &waited, &runs), 3);
    CHECK(after > before + 2000000);
}
TEST(proc_more, timer_slack) {
    CHECK_OK(prctl(PR_SET_TIMERSLACK, 12345));
    CHECK(read_file("/proc/self/timerslack_ns", text, sizeof(text)) > 0);
    CHECK_EQ(atoi(text), 12345);
}
TEST(proc_more, smaps_rollup_sums) {
    CHECK(read_file("/proc/self/smaps_rollup", text, sizeof(text)) > 0);
    CHECK(strstr(text, "[rollup]"));
    const char* line = strstr(text, "Rss:");
    CHECK(line && atol(line + 4) > 0);
}
TEST(proc_more, tables_of_the_machine) {
    CHECK(read_file("/proc/partitions", text, sizeof(text)) > 0);
    CHECK(strncmp(text, "major minor  #blocks  name\n", 27) == 0);
    CHECK(read_file("/proc/diskstats", text, sizeof(text)) >= 0);
    CHECK(read_file("/proc/sys/kernel/core_pattern", text, sizeof(text)) > 0);
}
TEST(proc_more, a_folder_for_each_cpu) {
    DIR* folder = opendir("/sys/devices/system/cpu");
    if (!folder) SKIP("no /sys here");
    int count = 0;
    while (const dirent* entry = readdir(folder))
        if (strncmp(entry->d_name, "cpu", 3) == 0 && entry->d_name[3] >= '0' && entry->d_name[3] <= '9') ++count;
    closedir(folder);
    CHECK_EQ(count, sysconf(_SC_NPROCESSORS_CONF));
    CHECK_OK(access("/sys/devices/system/cpu/cpu0", X_OK));
    CHECK_ERRNO(access("/sys/devices/system/cpu/cpu9999", F_OK), ENOENT);
    CHECK_ERRNO(access("/sys/devices/system/cpu/cpux", F_OK), ENOENT);
}
TEST(proc_more, transparent_huge_pages_say_their_mode) {
    if (read_file("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text)) < 0) SKIP("this Linux has none");
    CHECK(strchr(text, '[') && strchr(text, ']'));
}
