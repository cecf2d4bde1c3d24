// SPDX-License-Identifier: MIT
//
// Reading and writing a terminal (termios(3), "canonical and noncanonical mode"). Bytes pass through a piece of stack, so
// that no lock is held while a program's memory is touched. Leaves out what Linux does about several readers at once:
// here lines are whole for each read, but two readers share out the lines as they come.
#include <algorithm>
#include <array>

#include "kernel/linux/signal.h"
#include "kernel/tty/terminal.h"
#include "kernel/tty/terminal_file.h"

namespace gyre {

namespace {
constexpr size_t kChunk = 1024;
constexpr int64_t kVtimeUnitNs = 100'000'000;  // VTIME counts tenths of a second

std::span<const std::byte> as_bytes_of(std::span<const uint8_t> bytes) { return std::as_bytes(bytes); }
}  // namespace

Status Terminal::wait_readable(const TerminalFile& file, Patience patience) {
    return readers_.wait(patience, [&] {
        return readable_.load(std::memory_order_acquire) > 0 || file.is_hung_up() ||
               is_other_side_closed_.load(std::memory_order_acquire);
    });
}

Status Terminal::wait_writable(const TerminalFile& file, Patience patience) {
    driver_.progress_wanted();
    return writers_.wait(patience, [&] {
        return is_writable() || file.is_hung_up() || is_other_side_closed_.load(std::memory_order_acquire);
    });
}

namespace {
// How long a read waits and what it waits for: VMIN and VTIME of noncanonical mode, four cases in one.
struct ReadTerms {
    size_t minimum = 1;             // bytes that end it
    int64_t between_ns = 0;         // after each byte the wait begins anew with this; 0: no timer
    Patience limit = Patience::none();  // of the next wait
    bool ends_empty = false;        // running out of time is a success without bytes
};

Patience sooner(Patience patience, int64_t moment_ns) {
    return patience.deadline_ns() < moment_ns ? patience : Patience::until_ns(moment_ns);
}

ReadTerms terms_of(const tty::Settings& settings, Patience patience) {
    ReadTerms terms{.limit = patience};
    if (settings.is_canonical()) return terms;
    const int64_t time_ns = settings.characters[tty::kVtime] * kVtimeUnitNs;
    if (const uint8_t minimum = settings.characters[tty::kVmin]; minimum > 0) {
        terms.minimum = minimum;
        terms.between_ns = time_ns;
    } else if (time_ns == 0) {
        terms.limit = Patience::none();
        terms.ends_empty = true;
    } else if (!patience.is_none()) {
        terms.limit = sooner(patience, arch::clock_now_ns() + time_ns);
        terms.ends_empty = terms.limit.deadline_ns() != patience.deadline_ns();
    }
    return terms;
}
}  // namespace

Result<size_t> Terminal::read(TerminalFile& file, IoCursor& to, Patience patience) {
    if (!file.is_console()) TRY_VOID(check_foreground(linux::kSigTtyIn));
    std::array<uint8_t, kChunk> chunk;
    size_t done = 0;
    bool is_canonical;
    ReadTerms terms;
    {
        MutexGuard guard(lock_);
        is_canonical = line_.settings().is_canonical();
        terms = terms_of(line_.settings(), patience);
    }
    while (!to.is_done()) {
        tty::LineDiscipline::Taken taken;
        {
            MutexGuard guard(lock_);
            taken = line_.take(std::span(chunk).first(std::min(chunk.size(), to.remaining())));
            if (taken.count == to.remaining() && !taken.ends) line_.skip_end_of_file();
            if (taken.count > 0 || taken.ends) {
                fetch_input_locked();  // there is room again for what was held back
                driver_.push_output();
                refresh_locked(false);
            }
        }
        if (taken.count > 0 || taken.ends) {
            if (auto put = to.put(as_bytes_of(std::span(chunk).first(taken.count))); !put)
                return done > 0 ? Result<size_t>(done) : fail(put.error());
            done += taken.count;
            if (taken.ends || (!is_canonical && done >= terms.minimum)) return done;
            if (terms.between_ns > 0) {
                terms.limit = patience.is_none() ? patience : sooner(patience, arch::clock_now_ns() + terms.between_ns);
                terms.ends_empty = true;
            }
            continue;
        }
        if (is_canonical && done > 0) return done;
        if (is_other_side_closed_.load(std::memory_order_acquire))
            return done > 0 ? Result<size_t>(done) : fail(Error::InputOutput);
        if (file.is_hung_up()) return done;
        if (const Status waited = wait_readable(file, terms.limit); !waited) {
            const bool is_time = waited.error() == Error::WouldBlock || waited.error() == Error::TimedOut;
            if (done > 0 || (is_time && terms.ends_empty)) return done;
            return fail(waited.error());
        }
    }
    return done;
}

Result<size_t> Terminal::write(TerminalFile& file, IoCursor& from, Patience patience) {
    if (!file.is_console()) {
        bool stops_background;
        {
            MutexGuard guard(lock_);
            stops_background = line_.settings().has_local(tty::local::kTostop);
        }
        if (stops_background) TRY_VOID(check_foreground(linux::kSigTtyOut));
    }
    std::array<uint8_t, kChunk> chunk;
    size_t done = 0;
    while (!from.is_done()) {
        const auto taken = from.take(std::as_writable_bytes(std::span(chunk)));
        if (!taken) return done > 0 ? Result<size_t>(done) : fail(taken.error());
        const auto written = write_chunk(file, std::span(chunk).first(*taken), patience);
        if (!written) return done > 0 ? Result<size_t>(done) : fail(written.error());
        done += *written;
        if (*written < *taken) break;
    }
    return done;
}

// An error only when nothing was written.
Result<size_t> Terminal::write_chunk(TerminalFile& file, std::span<const uint8_t> chunk, Patience patience) {
    size_t done = 0;
    for (;;) {
        if (file.is_hung_up() || is_other_side_closed_.load(std::memory_order_acquire))
            return done > 0 ? Result<size_t>(done) : fail(Error::InputOutput);
        {
            MutexGuard guard(lock_);
            done += line_.write(chunk.subspan(done));
            driver_.push_output();
            refresh_locked(false);
        }
        if (done == chunk.size()) return done;
        if (const Status waited = wait_writable(file, patience); !waited)
            return done > 0 ? Result<size_t>(done) : fail(waited.error());
    }
}

Status Terminal::drain(Patience patience) {
    driver_.progress_wanted();
    return writers_.wait(patience, [&] {
        return driver_.output_pending() == 0 || is_other_side_closed_.load(std::memory_order_acquire);
    });
}

}  // namespace gyre
