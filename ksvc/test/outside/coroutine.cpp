// SPDX-License-Identifier: MIT
//
// coroutine FILE: the first line of a file, by the installed C++ API.
#include <fcntl.h>

#include <cstdio>
#include <string_view>

#include "ksvc/calls.h"

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    ksvc::Executor executor(16);
    if (!executor.open()) return 3;
    executor.spawn([](const char* path) -> ksvc::Task<> {
        std::byte bytes[256];
        const auto fd = co_await ksvc::calls::open(path, O_RDONLY, 0);
        if (!fd) co_return;
        const auto count = co_await ksvc::calls::read(*fd, bytes);
        const std::string_view text(reinterpret_cast<const char*>(bytes), count ? static_cast<size_t>(*count) : 0);
        std::printf("%.*s\n", static_cast<int>(text.find('\n')), text.data());
    }(argv[1]));
    return executor.run() ? 0 : 4;
}
