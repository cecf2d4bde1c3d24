// SPDX-License-Identifier: MIT
//
// Pseudo-terminals; see pseudo_terminal.h. The master's file is in master_file.cpp.
#include "kernel/tty/pseudo_terminal.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/driver/character_device.h"
#include "kernel/fs/inode.h"
#include "kernel/linux/task.h"
#include "kernel/tty/devpts.h"
#include "kernel/tty/master_file.h"
#include "kernel/tty/terminal_file.h"
#include "lib/base/format.h"

namespace gyre {

namespace {
constexpr size_t kWritableRoom = 8;   // as the Terminal's: below it the slave does not write

// By number; null where it is free. Pointers are taken out by the destructor, so a lookup may find a dying one.
constinit SpinLock g_table_lock{LockRank::Leaf};
constinit std::array<PseudoTerminal*, PseudoTerminal::kMost> g_table{};
PseudoTerminal* reserved() { return reinterpret_cast<PseudoTerminal*>(&g_table); }
}  // namespace

// ---- making and finding

PseudoTerminal::PseudoTerminal(uint32_t number)
    : Terminal(static_cast<TerminalDriver&>(*this), make_device(kSlaveMajor, number), {}), number_(number) {
    const size_t length = format_to(name_text_, "pts/{}", number);
    set_name({name_text_, length});
}

PseudoTerminal::~PseudoTerminal() {
    SpinGuard guard(g_table_lock);
    g_table[number_] = nullptr;
}

Result<Ref<PseudoTerminal>> PseudoTerminal::create(uint32_t uid) {
    // Two steps, because the lock is no place for allocating: a number is reserved, then given to the object.
    uint32_t number = 0;
    {
        SpinGuard guard(g_table_lock);
        while (number < kMost && g_table[number]) ++number;
        if (number == kMost) return fail(Error::NoSpace);
        g_table[number] = reserved();
    }
    auto made = make_ref<PseudoTerminal>(number);
    if (!made) {
        SpinGuard guard(g_table_lock);
        g_table[number] = nullptr;
        return made;
    }
    TRY_VOID(tty::add_devpts_node(number, uid));
    SpinGuard guard(g_table_lock);
    g_table[number] = made->get();
    return made;
}

Ref<PseudoTerminal> PseudoTerminal::find(uint32_t number) {
    if (number >= kMost) return nullptr;
    SpinGuard guard(g_table_lock);
    PseudoTerminal* found = g_table[number];
    if (found == reserved()) return nullptr;
    return Ref<PseudoTerminal>::try_from(found);
}

Status PseudoTerminal::check_open(bool may_override) {
    if (is_locked() || is_other_side_closed()) return fail(Error::InputOutput);
    return Terminal::check_open(may_override);
}

// ---- the master's side

void PseudoTerminal::attach_master(MasterFile& master) {
    SpinGuard guard(master_lock_);
    master_ = &master;
}

void PseudoTerminal::close_master() {
    {
        SpinGuard guard(master_lock_);
        master_ = nullptr;
    }
    tty::remove_devpts_node(number_);
    set_other_side_closed(true);
    hang_up();
}

void PseudoTerminal::tell_master(Signals raised) {
    master_waiting_.wake_all();
    SpinGuard guard(master_lock_);
    if (master_) master_->tell_observers(raised);
}

size_t PseudoTerminal::take_output(std::span<uint8_t> to) {
    size_t taken = 0;
    bool had_room, has_room;
    {
        SpinGuard guard(output_lock_);
        had_room = output_.room() >= kWritableRoom;
        while (taken < to.size() && !output_.is_empty()) {
            const auto piece = output_.front();
            const size_t length = std::min(piece.size(), to.size() - taken);
            std::memcpy(&to[taken], piece.data(), length);
            output_.drop(length);
            taken += length;
        }
        has_room = output_.room() >= kWritableRoom;
        output_count_.store(output_.count(), std::memory_order_release);
    }
    if (!had_room && has_room) {
        push_waiting_echo();
        output_progressed();
    }
    return taken;
}

void PseudoTerminal::flush_slave_input() {
    flush_input();
}

void PseudoTerminal::set_packet_mode(bool is_on) {
    if (is_on) packet_status_.store(0, std::memory_order_release);
    is_packet_mode_.store(is_on, std::memory_order_relaxed);
}

// ---- the slave's line

size_t PseudoTerminal::output_room() {
    SpinGuard guard(output_lock_);
    return output_.room();
}

void PseudoTerminal::put_output(std::span<const uint8_t> bytes) {
    SpinGuard guard(output_lock_);
    output_.put_all(bytes);
    output_count_.store(output_.count(), std::memory_order_release);
}

void PseudoTerminal::push_output() {
    if (has_output()) tell_master(Signals::Readable);
}

void PseudoTerminal::discard_output() {
    {
        SpinGuard guard(output_lock_);
        output_.clear();
        output_count_.store(0, std::memory_order_release);
    }
    add_packet_status(packet::kFlushWrite);
}

void PseudoTerminal::send_at_once(uint8_t byte) {
    {
        SpinGuard guard(output_lock_);
        if (output_.room() == 0) return;
        output_.put(byte);
        output_count_.store(output_.count(), std::memory_order_release);
    }
    push_output();
}

void PseudoTerminal::closed() {
    is_slave_gone_.store(true, std::memory_order_release);
    tell_master(Signals::PeerClosed | Signals::Readable);
}

// ---- packet mode

void PseudoTerminal::add_packet_status(uint8_t bits) {
    if (!is_packet_mode()) return;
    constexpr uint8_t kOpposites[][2] = {{packet::kStop, packet::kStart}, {packet::kNoStop, packet::kDoStop}};
    uint8_t cleared = 0;
    for (const auto& [a, b] : kOpposites) {
        if (bits & a) cleared |= b;
        if (bits & b) cleared |= a;
    }
    packet_status_.fetch_and(uint8_t(~cleared), std::memory_order_acq_rel);
    packet_status_.fetch_or(bits, std::memory_order_acq_rel);
    tell_master(Signals::Readable | Signals::Urgent);
}

void PseudoTerminal::flow_changed(bool is_stopped) { add_packet_status(is_stopped ? packet::kStop : packet::kStart); }

void PseudoTerminal::settings_changed(const tty::Settings& settings) {
    if (!is_packet_mode()) return;
    const bool stops = settings.has_input(tty::input::kIxon) && settings.characters[tty::kVstart] == 17 &&
                       settings.characters[tty::kVstop] == 19;
    add_packet_status(stops ? packet::kDoStop : packet::kNoStop);
}

// ---- devices

namespace {
Result<Ref<File>> open_master(const Path& path, uint32_t flags, uint64_t, void*) {
    const linux::Task* task = static_cast<const linux::Task*>(Thread::current().owner());
    Ref<PseudoTerminal> terminal = TRY(PseudoTerminal::create(task ? task->credentials()->filesystem_uid : 0));
    return MasterFile::open(std::move(terminal), path, flags);
}

Result<Ref<File>> open_slave(const Path& path, uint32_t flags, uint64_t device, void*) {
    const Ref<PseudoTerminal> terminal = PseudoTerminal::find(device_minor(device));
    if (!terminal) return fail(Error::InputOutput);
    return TerminalFile::open(terminal, path, flags, TerminalFile::Through::OwnDevice);
}
}  // namespace

namespace tty {
Status start_pseudo_terminals() {
    constexpr uint32_t kPtmxMajor = 5, kPtmxMinor = 2, kTtyGroup = 5;
    TRY_VOID(start_devpts());
    TRY_VOID(driver::register_character_range(PseudoTerminal::kSlaveMajor, 0, PseudoTerminal::kMost, &open_slave));
    return driver::register_character_device(kPtmxMajor, kPtmxMinor, "ptmx", 0666, &open_master, nullptr, kTtyGroup);
}
}  // namespace tty

}  // namespace gyre
