// SPDX-License-Identifier: MIT
//
// The ioctls of terminals (ioctl_tty(2)), one call of them at a time.
#pragma once

#include "kernel/linux/context.h"
#include "kernel/memory/user.h"
#include "kernel/tty/terminal_file.h"

namespace gyre {

namespace tty_ioctl {
constexpr uint32_t kTcgets = 0x5401, kTcsets = 0x5402, kTcsetsw = 0x5403, kTcsetsf = 0x5404, kTcgeta = 0x5405,
                   kTcseta = 0x5406, kTcsetaw = 0x5407, kTcsetaf = 0x5408, kTcsbrk = 0x5409, kTcxonc = 0x540a,
                   kTcflsh = 0x540b, kTiocexcl = 0x540c, kTiocnxcl = 0x540d, kTiocsctty = 0x540e, kTiocgpgrp = 0x540f,
                   kTiocspgrp = 0x5410, kTiocoutq = 0x5411, kTiocsti = 0x5412, kTiocgwinsz = 0x5413,
                   kTiocswinsz = 0x5414, kTiocgsoftcar = 0x5419, kTiocssoftcar = 0x541a, kFionread = 0x541b, kTioccons = 0x541d, kTiocpkt = 0x5420,
                   kTiocnotty = 0x5422, kTiocsetd = 0x5423, kTiocgetd = 0x5424, kTcsbrkp = 0x5425, kTiocsbrk = 0x5427,
                   kTioccbrk = 0x5428, kTiocgsid = 0x5429, kTcgets2 = 0x802c542a, kTcsets2 = 0x402c542b,
                   kTcsetsw2 = 0x402c542c, kTcsetsf2 = 0x402c542d, kTiocgptn = 0x80045430, kTiocsptlck = 0x40045431,
                   kTiocgdev = 0x80045432, kTiocsig = 0x40045436, kTiocvhangup = 0x5437, kTiocgpkt = 0x80045438,
                   kTiocgptlck = 0x80045439, kTiocgexcl = 0x80045440, kTiocgptpeer = 0x5441,
                   kTiocglcktrmios = 0x5456, kTiocslcktrmios = 0x5457;
}

struct TerminalIoctl {
    Terminal& terminal;
    File& file;
    linux::CallContext& context;
    uintptr_t argument;
    bool is_master = false;  // asked through the master of a pseudo-terminal, by anybody

    // Errors: NotTerminal for one that is unknown.
    Result<long> run(uint32_t command);

private:
    // ---- settings (terminal_settings.cpp)
    enum class When : uint8_t { Now, AfterOutput, AfterOutputDiscardInput };
    Result<long> get_settings(size_t size);
    Result<long> set_settings(size_t size, When when);
    Result<long> get_old_settings();
    Result<long> set_old_settings(When when);
    Result<long> apply_settings(tty::Settings settings, When when);
    Result<long> get_locks();
    Result<long> set_locks();
    Result<long> get_carrier_ignored();
    Result<long> set_carrier_ignored();
    tty::Settings current_settings();

    // ---- line
    Result<long> send_break(bool waits_only, int64_t duration_ns);
    Result<long> set_flow();
    Result<long> flush();
    Result<long> get_window_size();
    Result<long> set_window_size();
    Result<long> set_exclusive(bool is_exclusive);

    // ---- sessions
    Result<long> set_controlling();
    Result<long> give_up_controlling();
    Result<long> get_foreground();
    Result<long> set_foreground();
    Result<long> get_session();

    Result<long> run_session(uint32_t command);
    Result<long> run_settings(uint32_t command);
    Result<long> put_int(int value) const {
        TRY_VOID(UserOut<int>(argument).write(value));
        return 0;
    }
};

}  // namespace gyre
