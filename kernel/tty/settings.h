// SPDX-License-Identifier: MIT
//
// The settings of a terminal as programs lay them out (termios(3), ioctl_tty(2), x86-64), and what they are at first.
// Pure: no kernel header.
#pragma once

#include <array>
#include <cstdint>

namespace gyre::tty {

// Which character does what: indices into Settings::characters.
enum : uint8_t {
    kVintr, kVquit, kVerase, kVkill, kVeof, kVtime, kVmin, kVswtc, kVstart, kVstop, kVsusp, kVeol, kVreprint, kVdiscard,
    kVwerase, kVlnext, kVeol2, kCharacterCount = 19,
};
constexpr uint8_t kDisabledCharacter = 0;  // _POSIX_VDISABLE

// The flags keep their POSIX names: they are the words of the field.
namespace input {
constexpr uint32_t kIgnbrk = 0001, kBrkint = 0002, kIgnpar = 0004, kParmrk = 0010, kInpck = 0020, kIstrip = 0040,
                   kInlcr = 0100, kIgncr = 0200, kIcrnl = 0400, kIuclc = 01000, kIxon = 02000, kIxany = 04000,
                   kIxoff = 010000, kImaxbel = 020000, kIutf8 = 040000;
}
namespace output {
constexpr uint32_t kOpost = 0001, kOlcuc = 0002, kOnlcr = 0004, kOcrnl = 0010, kOnocr = 0020, kOnlret = 0040,
                   kTabdly = 014000, kXtabs = 014000;
}
namespace control {
constexpr uint32_t kCbaud = 010017, kCsize = 060, kCs8 = 060, kCstopb = 0100, kCread = 0200, kParenb = 0400,
                   kParodd = 01000, kHupcl = 02000, kClocal = 04000, kBother = 010000, kB0 = 0, kB38400 = 017,
                   kB115200 = 010002, kInputBaudShift = 16;
}
namespace local {
constexpr uint32_t kIsig = 0001, kIcanon = 0002, kEcho = 0010, kEchoe = 0020, kEchok = 0040, kEchonl = 0100,
                   kNoflsh = 0200, kTostop = 0400, kEchoctl = 01000, kEchoprt = 02000, kEchoke = 04000, kFlusho = 010000,
                   kPendin = 040000, kIexten = 0100000, kExtproc = 0200000;
}

// struct termios2; struct termios is its first 36 bytes.
struct Settings {
    uint32_t input = input::kIcrnl | input::kIxon;
    uint32_t output = output::kOpost | output::kOnlcr;
    uint32_t control = control::kB38400 | control::kCs8 | control::kCread;
    uint32_t local = local::kIsig | local::kIcanon | local::kEcho | local::kEchoe | local::kEchok | local::kEchoctl |
                     local::kEchoke | local::kIexten;
    uint8_t line = 0;  // N_TTY, the only one
    std::array<uint8_t, kCharacterCount> characters{3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0};
    uint32_t input_speed = 38400;
    uint32_t output_speed = 38400;

    bool has_input(uint32_t flag) const { return (input & flag) != 0; }
    bool has_output(uint32_t flag) const { return (output & flag) != 0; }
    bool has_local(uint32_t flag) const { return (local & flag) != 0; }
    bool is_canonical() const { return has_local(local::kIcanon); }
    // A disabled character matches nothing.
    bool is_character(uint8_t index, uint8_t byte) const {
        return byte != kDisabledCharacter && characters[index] == byte;
    }
    bool operator==(const Settings&) const = default;
};
static_assert(sizeof(Settings) == 44);
constexpr Settings kNoSettings{.input = 0, .output = 0, .control = 0, .local = 0, .line = 0, .characters = {}, .input_speed = 0, .output_speed = 0};
constexpr uint32_t kTermiosSize = 36;

// struct termio of System V (TCGETA, TCSETA).
struct OldSettings {
    uint16_t input, output, control, local;
    uint8_t line;
    std::array<uint8_t, 8> characters;
    uint8_t padding;
};
static_assert(sizeof(OldSettings) == 18);

struct WindowSize {  // struct winsize
    uint16_t rows = 0, columns = 0, width_pixels = 0, height_pixels = 0;
    bool operator==(const WindowSize&) const = default;
};
static_assert(sizeof(WindowSize) == 8);

// The speed in bits per second that the CBAUD bits stand for; 0 for B0, and for BOTHER, whose speed stands elsewhere.
uint32_t speed_of(uint32_t control);
// The CBAUD bits for a speed: the exact one or BOTHER.
uint32_t control_of(uint32_t speed);

}  // namespace gyre::tty
