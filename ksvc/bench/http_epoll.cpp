// SPDX-License-Identifier: MIT
//
// http-epoll PORT: the same "hello" server as http-server, in the plain way: epoll, level triggered,
// read and send by trap on non-blocking sockets, one thread. What `gyre bench rings` compares with.
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "ksvc/examples/listen.h"

namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
constexpr size_t kRequestLimit = 4096;
constexpr int kEventsAtOnce = 512;

struct Connection {
    int fd;
    size_t held;
    char request[kRequestLimit];
};

// Whether the connection lives on. An answer fits a socket's buffer; a client that does not read is cut off.
bool talk(Connection& connection) {
    const ssize_t got = ::recv(connection.fd, connection.request + connection.held, kRequestLimit - connection.held, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    connection.held += static_cast<size_t>(got);
    while (true) {
        const std::string_view text(connection.request, connection.held);
        const size_t end = text.find("\r\n\r\n");
        if (end == text.npos) return connection.held < kRequestLimit;
        connection.held -= end + 4;
        std::memmove(connection.request, connection.request + end + 4, connection.held);
        if (::send(connection.fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kAnswer.size()))
            return false;
    }
}

void accept_all(int epoll, int listener) {
    while (true) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        auto* connection = new Connection{.fd = fd, .held = 0, .request = {}};
        epoll_event event{.events = EPOLLIN, .data = {.ptr = connection}};
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const int listener = argc == 2 ? example::listen_on(static_cast<uint16_t>(std::atoi(argv[1]))) : -EINVAL;
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const int on = 1;
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    if (listener < 0 || epoll < 0 || ::ioctl(listener, FIONBIO, &on) != 0 ||
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        std::fprintf(stderr, "usage: http-epoll PORT\n");
        return 2;
    }
    epoll_event events[kEventsAtOnce];
    while (true) {
        const int count = ::epoll_wait(epoll, events, kEventsAtOnce, -1);
        for (int i = 0; i < count; ++i) {
            auto* connection = static_cast<Connection*>(events[i].data.ptr);
            if (connection == nullptr) {
                accept_all(epoll, listener);
            } else if (!talk(*connection)) {
                ::close(connection->fd);
                delete connection;
            }
        }
    }
}
