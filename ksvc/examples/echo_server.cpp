// SPDX-License-Identifier: MIT
//
// echo-server PORT: sends back what it receives, on 127.0.0.1, one coroutine a connection.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "ksvc/calls.h"
#include "ksvc/examples/listen.h"

namespace {

namespace calls = ksvc::calls;

ksvc::Task<> echo(int fd) {
    std::byte buffer[4096];
    while (true) {
        const auto got = co_await calls::recvfrom(fd, buffer, 0, nullptr, nullptr);
        if (!got || *got == 0) break;
        // MSG_WAITALL does nothing for send(2): a short one is gone on with.
        auto rest = std::span<const std::byte>(buffer).first(static_cast<size_t>(*got));
        while (!rest.empty()) {
            const auto sent = co_await calls::sendto(fd, rest, MSG_NOSIGNAL, nullptr, 0);
            if (!sent) break;
            rest = rest.subspan(static_cast<size_t>(*sent));
        }
        if (!rest.empty()) break;
    }
    (void)co_await calls::close(fd);
}

ksvc::Task<> serve(ksvc::Executor& executor, int listener) {
    while (true) {
        const auto client = co_await calls::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client) executor.spawn(echo(*client));
        else if (client.error() != std::errc::connection_aborted) co_return;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const int listener = argc == 2 ? example::listen_on(static_cast<uint16_t>(std::atoi(argv[1]))) : -EINVAL;
    if (listener < 0) {
        std::fprintf(stderr, "usage: echo-server PORT (%s)\n", std::strerror(-listener));
        return 2;
    }
    ksvc::Executor executor(4096);
    if (const auto opened = executor.open(); !opened) {
        std::fprintf(stderr, "echo-server: no ring: %s\n", std::strerror(static_cast<int>(opened.error())));
        return 1;
    }
    executor.spawn(serve(executor, listener));
    return executor.run() ? 0 : 1;
}
