// SPDX-License-Identifier: MIT
//
// tcgetattr and tcsetattr in their five layouts: termios, termios2 and termio of old.
#include <algorithm>
#include <cstring>

#include "kernel/linux/signal.h"
#include "kernel/tty/terminal_ioctl.h"

namespace gyre {
namespace {

// The new settings, except for what is locked.
tty::Settings with_locks(tty::Settings settings, const tty::Settings& old, const tty::Settings& locks) {
    const auto keep = [](uint32_t& word, uint32_t old_word, uint32_t locked) { word = (old_word & locked) | (word & ~locked); };
    keep(settings.input, old.input, locks.input);
    keep(settings.output, old.output, locks.output);
    keep(settings.control, old.control, locks.control);
    keep(settings.local, old.local, locks.local);
    if (locks.line != 0) settings.line = old.line;
    for (size_t i = 0; i < settings.characters.size(); ++i)
        if (locks.characters[i] != 0) settings.characters[i] = old.characters[i];
    return settings;
}

}  // namespace

tty::Settings TerminalIoctl::current_settings() {
    MutexGuard guard(terminal.lock_);
    return terminal.line_.settings();
}

Result<long> TerminalIoctl::get_settings(size_t size) {
    const tty::Settings settings = current_settings();
    TRY_VOID(user_memory::copy_out(argument, &settings, size));
    return 0;
}

Result<long> TerminalIoctl::set_settings(size_t size, When when) {
    tty::Settings settings = current_settings();
    TRY_VOID(user_memory::copy_in(&settings, argument, size));
    using namespace tty;
    // The short layout has no speeds: they follow from CBAUD. In the long one they count when CBAUD says BOTHER.
    const bool has_speeds = size == sizeof(Settings);
    if (!has_speeds || (settings.control & control::kCbaud) != control::kBother) {
        if (const uint32_t speed = speed_of(settings.control); speed > 0 || (settings.control & control::kCbaud) == 0)
            settings.output_speed = settings.input_speed = speed;
    } else {
        settings.control = (settings.control & ~control::kCbaud) | control_of(settings.output_speed);
    }
    return apply_settings(settings, when);
}

Result<long> TerminalIoctl::get_old_settings() {
    const tty::Settings settings = current_settings();
    tty::OldSettings old{};
    old.input = uint16_t(settings.input);
    old.output = uint16_t(settings.output);
    old.control = uint16_t(settings.control);
    old.local = uint16_t(settings.local);
    old.line = settings.line;
    std::copy_n(settings.characters.begin(), old.characters.size(), old.characters.begin());
    TRY_VOID(UserOut<tty::OldSettings>(argument).write(old));
    return 0;
}

Result<long> TerminalIoctl::set_old_settings(When when) {
    const tty::OldSettings old = TRY(UserIn<tty::OldSettings>(argument).read());
    tty::Settings settings = current_settings();
    constexpr uint32_t kUpper = 0xffff0000;
    settings.input = (settings.input & kUpper) | old.input;
    settings.output = (settings.output & kUpper) | old.output;
    settings.control = (settings.control & kUpper) | old.control;
    settings.local = (settings.local & kUpper) | old.local;
    settings.line = old.line;
    std::ranges::copy(old.characters, settings.characters.begin());
    return apply_settings(settings, when);
}

// Which settings nobody may change (TIOCSLCKTRMIOS): a bit of a flag word, or a character that is not zero.
Result<long> TerminalIoctl::get_locks() {
    tty::Settings locks;
    {
        MutexGuard guard(terminal.lock_);
        locks = terminal.locked_settings_;
    }
    TRY_VOID(user_memory::copy_out(argument, &locks, tty::kTermiosSize));
    return 0;
}

Result<long> TerminalIoctl::set_locks() {
    if (!context.credentials().has(Capability::SysAdmin)) return fail(Error::NotPermitted);
    tty::Settings locks = tty::kNoSettings;
    TRY_VOID(user_memory::copy_in(&locks, argument, tty::kTermiosSize));
    MutexGuard guard(terminal.lock_);
    terminal.locked_settings_ = locks;
    return 0;
}

// Whether the line counts as connected without a carrier: CLOCAL under another name.
Result<long> TerminalIoctl::get_carrier_ignored() {
    return put_int((current_settings().control & tty::control::kClocal) != 0);
}

Result<long> TerminalIoctl::set_carrier_ignored() {
    const bool is_ignored = TRY(UserIn<int>(argument).read()) != 0;
    MutexGuard guard(terminal.lock_);
    tty::Settings settings = terminal.line_.settings();
    settings.control = is_ignored ? settings.control | tty::control::kClocal : settings.control & ~tty::control::kClocal;
    terminal.line_.set_settings(settings);
    terminal.driver_.settings_changed(terminal.line_.settings());
    return 0;
}

Result<long> TerminalIoctl::apply_settings(tty::Settings settings, When when) {
    TRY_VOID(terminal.check_foreground(linux::kSigTtyOut));
    if (when != When::Now) {
        if (auto drained = terminal.drain(Patience::forever()); !drained)
            return fail(drained.error() == Error::Interrupted ? Error::RestartSystemCall : drained.error());
    }
    MutexGuard guard(terminal.lock_);
    if (when == When::AfterOutputDiscardInput) {
        terminal.driver_.discard_input();
        terminal.line_.flush_input();
        terminal.input_flushed();
    }
    terminal.line_.set_settings(with_locks(settings, terminal.line_.settings(), terminal.locked_settings_));
    terminal.driver_.settings_changed(terminal.line_.settings());
    terminal.refresh_locked(true);
    return 0;
}

Result<long> TerminalIoctl::run_settings(uint32_t command) {
    using namespace tty_ioctl;
    switch (command) {
        case kTcgets: return get_settings(tty::kTermiosSize);
        case kTcsets: return set_settings(tty::kTermiosSize, When::Now);
        case kTcsetsw: return set_settings(tty::kTermiosSize, When::AfterOutput);
        case kTcsetsf: return set_settings(tty::kTermiosSize, When::AfterOutputDiscardInput);
        case kTcgets2: return get_settings(sizeof(tty::Settings));
        case kTcsets2: return set_settings(sizeof(tty::Settings), When::Now);
        case kTcsetsw2: return set_settings(sizeof(tty::Settings), When::AfterOutput);
        case kTcsetsf2: return set_settings(sizeof(tty::Settings), When::AfterOutputDiscardInput);
        case kTcgeta: return get_old_settings();
        case kTcseta: return set_old_settings(When::Now);
        case kTcsetaw: return set_old_settings(When::AfterOutput);
        case kTcsetaf: return set_old_settings(When::AfterOutputDiscardInput);
        case kTiocgsoftcar: return get_carrier_ignored();
        case kTiocssoftcar: return set_carrier_ignored();
        case kTiocglcktrmios: return get_locks();
        case kTiocslcktrmios: return set_locks();
        default: return fail(Error::NotTerminal);
    }
}

}  // namespace gyre
