// SPDX-License-Identifier: MIT
//
// Masters of pseudo-terminals; see master_file.h. Leaves out TIOCGPTPEER (programs fall back to the name in /dev/pts).
#include "kernel/tty/master_file.h"

#include <array>

#include "kernel/linux/signal.h"
#include "kernel/tty/terminal_ioctl.h"

namespace gyre {

namespace {
constexpr size_t kChunk = 1024;
}

Result<Ref<File>> MasterFile::open(Ref<PseudoTerminal> terminal, const Path& path, uint32_t flags) {
    PseudoTerminal& made = *terminal;
    auto file = make_ref<MasterFile>(std::move(terminal), path, flags);
    if (!file) return fail(file.error());
    made.attach_master(**file);
    return *file;
}

MasterFile::MasterFile(Ref<PseudoTerminal> terminal, const Path& path, uint32_t flags)
    : File(path, flags, Signals::None), terminal_(std::move(terminal)) {}

MasterFile::~MasterFile() { terminal_->close_master(); }

Signals MasterFile::signals() const {
    Signals now = Signals::None;
    if (terminal_->has_output()) now = now | Signals::Readable;
    if (terminal_->has_packet_status()) now = now | Signals::Readable | Signals::Urgent;
    if (terminal_->takes_input()) now = now | Signals::Writable;
    if (terminal_->is_slave_gone()) now = now | Signals::PeerClosed;
    return now;
}

Result<size_t> MasterFile::read(IoCursor& to, Patience patience) {
    if (to.is_done()) return 0;
    const bool is_packet = terminal_->is_packet_mode();
    TRY_VOID(terminal_->master_waiting().wait(patience, [&] {
        return terminal_->has_output() || terminal_->is_slave_gone() || (is_packet && terminal_->has_packet_status());
    }));
    size_t done = 0;
    if (is_packet) {
        const uint8_t status = terminal_->take_packet_status();
        if (status == packet::kData && !terminal_->has_output()) return fail(Error::InputOutput);
        TRY_VOID(to.put(std::as_bytes(std::span(&status, 1))));
        if (status != packet::kData) return 1;
        done = 1;
    }
    std::array<uint8_t, kChunk> chunk;
    while (!to.is_done()) {
        const size_t taken = terminal_->take_output(std::span(chunk).first(std::min(chunk.size(), to.remaining())));
        if (taken == 0) break;
        if (auto put = to.put(std::as_bytes(std::span(chunk).first(taken))); !put)
            return done > 0 ? Result<size_t>(done) : fail(put.error());
        done += taken;
    }
    if (done > 0) return done;
    if (terminal_->is_slave_gone()) return fail(Error::InputOutput);
    return fail(Error::WouldBlock);  // another reader was faster
}

Result<size_t> MasterFile::write(IoCursor& from, Patience patience) {
    std::array<uint8_t, kChunk> chunk;
    size_t done = 0;
    while (!from.is_done()) {
        const auto taken = from.take(std::as_writable_bytes(std::span(chunk)));
        if (!taken) return done > 0 ? Result<size_t>(done) : fail(taken.error());
        for (size_t sent = 0; sent < *taken;) {
            const size_t now = terminal_->deliver(std::span(chunk).subspan(sent, *taken - sent));
            sent += now;
            done += now;
            if (sent == *taken) break;
            const Status waited = terminal_->master_waiting().wait(
                patience, [&] { return terminal_->takes_input(); });
            if (!waited) return done > 0 ? Result<size_t>(done) : fail(waited.error());
        }
    }
    return done;
}

Result<long> MasterFile::ioctl(linux::CallContext& context, uint32_t command, uintptr_t argument) {
    using namespace tty_ioctl;
    const UserOut<int> out(argument);
    const UserIn<int> in(argument);
    switch (command) {
        case kTiocgptn: TRY_VOID(UserOut<uint32_t>(argument).write(terminal_->number())); return 0;
        case kTiocsptlck: terminal_->set_locked(TRY(in.read()) != 0); return 0;
        case kTiocgptlck: TRY_VOID(out.write(terminal_->is_locked())); return 0;
        case kTiocpkt: terminal_->set_packet_mode(TRY(in.read()) != 0); return 0;
        case kTiocgpkt: TRY_VOID(out.write(terminal_->is_packet_mode())); return 0;
        case kTiocsig: return send_signal(argument);
        case kFionread: TRY_VOID(out.write(int(terminal_->output_count()))); return 0;
        case kTcflsh: return flush(argument);
        default: return TerminalIoctl{*terminal_, *this, context, argument, true}.run(command);
    }
}

// To the foreground group, as if typed: only the three that a key can send.
Result<long> MasterFile::send_signal(uintptr_t number) {
    if (number != linux::kSigInt && number != linux::kSigQuit && number != linux::kSigTerminalStop)
        return fail(Error::InvalidArgument);
    terminal_->signal_foreground_group(int(number));
    return 0;
}

// The master's input is the slave's output.
Result<long> MasterFile::flush(uintptr_t queue) {
    if (queue > 2) return fail(Error::InvalidArgument);
    if (queue != 1) terminal_->flush_output();
    if (queue != 0) terminal_->flush_slave_input();
    return 0;
}

}  // namespace gyre
