// SPDX-License-Identifier: MIT
//
// http-liburing PORT: the same "hello" server as http-server, hand-written on liburing with a state
// machine: what the coroutine server is measured against. Same ring flags, same answers; like it, it
// lets a receive wait before it looks.
#include <liburing.h>
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

struct Connection {
    int fd;
    bool is_sending;
    size_t held;
    char request[kRequestLimit];
};

io_uring_sqe* next_entry(io_uring& ring) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    if (sqe == nullptr) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
}

void accept_next(io_uring& ring, int listener) {
    io_uring_sqe* sqe = next_entry(ring);
    io_uring_prep_accept(sqe, listener, nullptr, nullptr, SOCK_CLOEXEC);
    sqe->user_data = 0;
}

void receive(io_uring& ring, Connection* connection) {
    io_uring_sqe* sqe = next_entry(ring);
    io_uring_prep_recv(sqe, connection->fd, connection->request + connection->held, kRequestLimit - connection->held, 0);
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    connection->is_sending = false;
    sqe->user_data = reinterpret_cast<uint64_t>(connection);
}

void step(io_uring& ring, Connection* connection, int result) {
    if (result <= 0) {
        ::close(connection->fd);
        delete connection;
        return;
    }
    if (!connection->is_sending) connection->held += static_cast<size_t>(result);
    const std::string_view text(connection->request, connection->held);
    const size_t end = text.find("\r\n\r\n");
    if (end == text.npos) return receive(ring, connection);
    connection->held -= end + 4;
    std::memmove(connection->request, connection->request + end + 4, connection->held);
    io_uring_sqe* sqe = next_entry(ring);
    io_uring_prep_send(sqe, connection->fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
    connection->is_sending = true;
    sqe->user_data = reinterpret_cast<uint64_t>(connection);
}

}  // namespace

int main(int argc, char** argv) {
    const int listener = argc == 2 ? example::listen_on(static_cast<uint16_t>(std::atoi(argv[1]))) : -EINVAL;
    io_uring ring;
    io_uring_params params{};
    params.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    params.cq_entries = 8192;
    if (listener < 0 || io_uring_queue_init_params(4096, &ring, &params) < 0) {
        std::fprintf(stderr, "usage: http-liburing PORT\n");
        return 2;
    }
    accept_next(ring, listener);
    while (true) {
        io_uring_submit_and_wait(&ring, 1);
        io_uring_cqe* cqe;
        unsigned head;
        unsigned seen = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            ++seen;
            if (cqe->user_data != 0) {
                step(ring, reinterpret_cast<Connection*>(cqe->user_data), cqe->res);
                continue;
            }
            if (cqe->res >= 0) receive(ring, new Connection{cqe->res, false, 0, {}});
            accept_next(ring, listener);
        }
        io_uring_cq_advance(&ring, seen);
    }
}
