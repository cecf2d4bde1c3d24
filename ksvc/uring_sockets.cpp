// SPDX-License-Identifier: MIT
//
// Calls on sockets as operations: flags that the two understand differently, addresses that the call
// passes beside the buffer and the operation in a message. The rules are in uring_translate.cpp.
#include "ksvc/uring_draft.h"

namespace ksvc::on_socket {

// MSG_CMSG_COMPAT: the calls refuse it, the operations do not look.
static bool has_compat_flag(uint32_t flags) { return (flags & 0x80000000u) != 0; }

bool socket(Draft& d) {
    d.put(IORING_OP_SOCKET, d.integer(0), 0, d.word(2), d.word(1));
    return true;
}
bool bind(Draft& d) {
    d.put(kOpBind, d.integer(0), d.arg(1), 0, static_cast<uint64_t>(d.integer(2)));
    return true;
}
bool listen(Draft& d) {
    d.put(kOpListen, d.integer(0), 0, d.word(1), 0);
    return true;
}
bool connect(Draft& d) {
    if (!may_wait_long(d, d.integer(0), SO_SNDTIMEO)) return false;
    d.put(IORING_OP_CONNECT, d.integer(0), d.arg(1), 0, static_cast<uint64_t>(d.integer(2)));
    return true;
}
static bool accept_flags(Draft& d, uint32_t flags) {
    if (!may_wait_long(d, d.integer(0), SO_RCVTIMEO)) return false;
    d.put(IORING_OP_ACCEPT, d.integer(0), d.arg(1), 0, d.arg(2));
    d.sqe.accept_flags = flags;
    if (d.is_multi()) d.sqe.ioprio |= IORING_ACCEPT_MULTISHOT;
    return true;
}
bool accept(Draft& d) { return accept_flags(d, 0); }
bool accept4(Draft& d) { return accept_flags(d, d.word(3)); }
bool shutdown(Draft& d) {
    d.put(IORING_OP_SHUTDOWN, d.integer(0), 0, d.word(1), 0);
    return true;
}

// MSG_DONTWAIT would make the first wait an EAGAIN.
static void wait_first(Draft& d) {
    if (d.ring.waits_first() && (d.sqe.msg_flags & MSG_DONTWAIT) == 0) d.sqe.ioprio |= IORING_RECVSEND_POLL_FIRST;
}
static uint32_t message_flags(const Draft& d, uint32_t flags) {
    return may_wait(d, d.integer(0)) ? flags : flags | MSG_DONTWAIT;
}

// MSG_WAITALL says nothing to send(2), but makes io_uring go on after a short one.
static bool send_slot(Draft& d, uint32_t flags) {
    d.sqe.msg_flags = message_flags(d, flags & ~static_cast<uint32_t>(MSG_WAITALL));
    if (flags & MSG_NOSIGNAL) return true;
    d.slot = d.ring.new_slot(UringSlot::Kind::Send, d.token, &d.ring);
    return true;
}
// The buffer and the address of sendto or recvfrom as the message that the operation wants.
static void put_message(Draft& d, int operation, UringSlot::Kind kind, void* user, socklen_t address_bytes) {
    d.slot = d.ring.new_slot(kind, d.token, user);
    auto& message = d.slot->message;
    message.header = {};
    message.piece = {.iov_base = reinterpret_cast<void*>(d.arg(1)), .iov_len = d.arg(2)};
    message.header.msg_name = reinterpret_cast<void*>(d.arg(4));
    message.header.msg_namelen = address_bytes;
    message.header.msg_iov = &message.piece;
    message.header.msg_iovlen = 1;
    d.put(operation, d.integer(0), reinterpret_cast<uint64_t>(&message.header), 1, 0);
}

bool sendto(Draft& d) {
    if (d.arg(2) > kMaxTransfer || has_compat_flag(d.word(3)) || has_time_limit(d, d.integer(0), SO_SNDTIMEO)) return false;
    if (d.arg(4) == 0) {
        d.put(IORING_OP_SEND, d.integer(0), d.arg(1), d.arg(2), 0);
        return send_slot(d, d.word(3));
    }
    // sendmsg cuts an address that is too long, sendto refuses it.
    if (d.integer(5) < 0 || d.integer(5) > static_cast<int>(sizeof(sockaddr_storage))) return false;
    const uint32_t flags = d.word(3);
    put_message(d, IORING_OP_SENDMSG, UringSlot::Kind::Send, flags & MSG_NOSIGNAL ? nullptr : &d.ring, d.word(5));
    d.sqe.msg_flags = message_flags(d, flags & ~static_cast<uint32_t>(MSG_WAITALL));
    return true;
}
bool recvfrom(Draft& d) {
    if (d.arg(2) > kMaxTransfer || has_compat_flag(d.word(3)) || has_time_limit(d, d.integer(0), SO_RCVTIMEO)) return false;
    if (d.arg(4) == 0) {
        d.put(IORING_OP_RECV, d.integer(0), d.arg(1), d.arg(2), 0);
        d.sqe.msg_flags = message_flags(d, d.word(3));
        wait_first(d);
        return true;
    }
    if (!is_memory(d.arg(5))) return false;
    const auto room = *reinterpret_cast<const int*>(d.arg(5));
    if (room < 0) return false;
    put_message(d, IORING_OP_RECVMSG, UringSlot::Kind::ReceiveFrom, reinterpret_cast<void*>(d.arg(5)),
                static_cast<socklen_t>(room));
    d.sqe.msg_flags = message_flags(d, d.word(3));
    return true;
}
bool sendmsg(Draft& d) {
    if (has_compat_flag(d.word(2)) || has_time_limit(d, d.integer(0), SO_SNDTIMEO)) return false;
    d.put(IORING_OP_SENDMSG, d.integer(0), d.arg(1), 1, 0);
    return send_slot(d, d.word(2));
}
bool recvmsg(Draft& d) {
    if (has_compat_flag(d.word(2)) || has_time_limit(d, d.integer(0), SO_RCVTIMEO)) return false;
    d.put(IORING_OP_RECVMSG, d.integer(0), d.arg(1), 1, 0);
    d.sqe.msg_flags = message_flags(d, d.word(2));
    return true;
}

bool receive_chosen(Draft& d) {
    d.put(IORING_OP_RECV, d.integer(0), 0, d.word(2), 0);
    d.sqe.msg_flags = d.word(3);
    d.sqe.flags |= IOSQE_BUFFER_SELECT;
    d.sqe.buf_group = static_cast<uint16_t>(d.arg(1));
    wait_first(d);
    return true;
}

}  // namespace ksvc::on_socket
