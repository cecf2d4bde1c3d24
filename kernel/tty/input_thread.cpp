// SPDX-License-Identifier: MIT
#include "kernel/tty/input_thread.h"

#include "kernel/schedule/thread.h"
#include "kernel/tty/terminal.h"

namespace gyre {

// A list of terminals with news, newest first; what order they are served in does not matter.
class TerminalInputThread {
public:
    static void add(Terminal& terminal) {
        if (terminal.has_news_.exchange(true, std::memory_order_acq_rel)) return;
        {
            SpinGuard guard(lock_);
            terminal.next_with_news_ = first_;
            first_ = &terminal;
        }
        waiting_.wake_one();
    }
    static void run(void*) {
        for (;;) {
            // Nothing but news ends the wait: a kernel thread gets no signals.
            (void)waiting_.wait(Patience::forever().uninterruptible(), [] {
                SpinGuard guard(lock_);
                return first_ != nullptr;
            });
            while (Terminal* terminal = take()) terminal->fetch_input();
        }
    }

private:
    static Terminal* take() {
        SpinGuard guard(lock_);
        Terminal* terminal = first_;
        if (!terminal) return nullptr;
        first_ = terminal->next_with_news_;
        // From here on news puts it into the list again.
        terminal->has_news_.store(false, std::memory_order_release);
        return terminal;
    }
    static constinit SpinLock lock_;
    static constinit Terminal* first_;
    static constinit WaitQueue waiting_;
};

constinit SpinLock TerminalInputThread::lock_{LockRank::Leaf};
constinit Terminal* TerminalInputThread::first_ = nullptr;
constinit WaitQueue TerminalInputThread::waiting_;

namespace tty {

Status start_input_thread() {
    const Ref<Thread> thread = TRY(Thread::create({.name = "terminals", .entry = &TerminalInputThread::run}));
    thread->start();
    return {};
}

void schedule_input(Terminal& terminal) { TerminalInputThread::add(terminal); }

}  // namespace tty
}  // namespace gyre
