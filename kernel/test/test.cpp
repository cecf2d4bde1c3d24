// SPDX-License-Identifier: MIT
#include "kernel/test/test.h"

#include "kernel/log/log.h"

extern "C" {
extern const gyre::kernel_test::Test __start_kernel_tests[] __attribute__((weak));
extern const gyre::kernel_test::Test __stop_kernel_tests[] __attribute__((weak));
}

namespace gyre::kernel_test {
namespace {

constinit bool g_has_failed = false;

template <class... Arguments>
void print(std::string_view format, const Arguments&... arguments) {
    char line[256];
    log_emergency_print({line, format_to(line, format, arguments...)});
}

}  // namespace

void fail(const char* expression, const char* file, int line) {
    g_has_failed = true;
    print("# {}:{}: {}\n", file, line, expression);
}

bool run_all() {
    const auto count = static_cast<size_t>(__stop_kernel_tests - __start_kernel_tests);
    print("TAP version 13\n1..{}\n", count);
    bool is_good = true;
    for (size_t i = 0; i < count; ++i) {
        g_has_failed = false;
        __start_kernel_tests[i].run();
        print("{} {} - {}\n", g_has_failed ? "not ok" : "ok", i + 1, __start_kernel_tests[i].name);
        is_good = is_good && !g_has_failed;
    }
    return is_good;
}

}  // namespace gyre::kernel_test
