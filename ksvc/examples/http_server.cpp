// SPDX-License-Identifier: MIT
//
// http-server PORT [THREADS]: answers every HTTP/1.1 request on 127.0.0.1 with "hello", keeps
// connections, understands pipelining. One coroutine a connection, one ring a thread. Leaves out
// bodies, TLS and everything that a request asks for.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "ksvc/calls.h"
#include "ksvc/examples/listen.h"

namespace {

namespace calls = ksvc::calls;

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
constexpr size_t kRequestLimit = 4096;
constexpr size_t kAnswersAtOnce = 16;
// As many answers as pipelined requests may want at once, one after the other; the same for every connection.
constexpr auto kAnswers = [] {
    std::array<std::byte, kAnswersAtOnce * kAnswer.size()> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(kAnswer[i % kAnswer.size()]);
    return bytes;
}();

// Requests that end within `text`; `used` is where the last of them ends.
size_t count_requests(std::string_view text, size_t& used) {
    size_t count = 0;
    used = 0;
    while (count < kAnswersAtOnce) {
        const size_t end = text.find("\r\n\r\n", used);
        if (end == text.npos) break;
        used = end + 4;
        ++count;
    }
    return count;
}

ksvc::Task<bool> send_all(int fd, std::span<const std::byte> rest) {
    while (!rest.empty()) {
        const auto sent = co_await calls::sendto(fd, rest, MSG_NOSIGNAL, nullptr, 0);
        if (!sent) co_return false;
        rest = rest.subspan(static_cast<size_t>(*sent));
    }
    co_return true;
}

ksvc::Task<> talk(int fd) {
    std::byte request[kRequestLimit];
    size_t held = 0;
    while (held < kRequestLimit) {
        const auto got = co_await calls::recvfrom(fd, std::span(request).subspan(held), 0, nullptr, nullptr);
        if (!got || *got == 0) break;
        held += static_cast<size_t>(*got);
        size_t used = 0;
        bool is_alive = true;
        while (is_alive) {
            const size_t count = count_requests({reinterpret_cast<const char*>(request), held}, used);
            if (count == 0) break;
            const auto bytes = std::span(kAnswers).first(count * kAnswer.size());
            // Nearly always the whole goes out at once: no coroutine for that.
            const auto sent = co_await calls::sendto(fd, bytes, MSG_NOSIGNAL, nullptr, 0);
            is_alive = sent && (static_cast<size_t>(*sent) == bytes.size() ||
                                co_await send_all(fd, bytes.subspan(static_cast<size_t>(*sent))));
            held -= used;
            std::memmove(request, request + used, held);
        }
        if (!is_alive) break;
    }
    (void)co_await calls::close(fd);
}

ksvc::Task<> serve(ksvc::Executor& executor, int listener) {
    while (true) {
        const auto client = co_await calls::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client) executor.spawn(talk(*client));
        else if (client.error() != std::errc::connection_aborted) co_return;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: http-server PORT [THREADS]\n");
        return 2;
    }
    const auto port = static_cast<uint16_t>(std::atoi(argv[1]));
    const unsigned threads = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1;
    const auto outcome = ksvc::run_on_threads(std::max(threads, 1u), [port](ksvc::Executor& executor) {
        const int listener = example::listen_on(port);
        if (listener < 0) std::fprintf(stderr, "http-server: %s\n", std::strerror(-listener));
        else executor.spawn(serve(executor, listener));
    }, 4096);
    if (!outcome) std::fprintf(stderr, "http-server: %s\n", std::strerror(static_cast<int>(outcome.error())));
    return outcome ? 0 : 1;
}
