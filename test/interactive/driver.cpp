// SPDX-License-Identifier: MIT
//
// An interactive session with the shell of a machine, through a pseudo-terminal: prompt, line editing,
// Ctrl-C, Ctrl-Z and job control, window size, switching off. Prints TAP. Arguments are further options
// for `gyre run`. What is typed is echoed, so that commands are written so that their output differs
// from their text ("a""b" for ab).
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <unistd.h>

#include "test/interactive/terminal_session.h"

namespace gyre::interactive {
namespace {

using namespace std::chrono_literals;

constexpr auto kBootTime = 120s;
constexpr const char* kPrompt = "# ";

class Suite {
public:
    explicit Suite(std::vector<std::string> options) : options_(std::move(options)) { std::printf("TAP version 13\n"); }

    int finish() {
        std::printf("1..%d\n", count_);
        return has_failed_ ? 1 : 0;
    }

    void check(bool is_ok, const char* name, const TerminalSession& session) {
        std::printf("%s %d - %s\n", is_ok ? "ok" : "not ok", ++count_, name);
        if (!is_ok) {
            has_failed_ = true;
            std::string line = "# seen: ";
            for (char c : session.pending().substr(0, 600)) {
                if (c == '\n') line += "\\n";
                else if (c < ' ' || c > '~') {
                    char code[8];
                    std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(c));
                    line += code;
                } else line += c;
            }
            std::printf("%s\n", line.c_str());
        }
        std::fflush(stdout);
    }

    std::vector<std::string> command() const {
        const char* tool = std::getenv("GYRE");
        std::vector<std::string> words = {tool ? tool : "build/host/cli/gyre", "run", "--no-build", "--timeout", "280"};
        words.insert(words.end(), options_.begin(), options_.end());
        return words;
    }

private:
    std::vector<std::string> options_;
    int count_ = 0;
    bool has_failed_ = false;
};

void line_editing(Suite& suite, TerminalSession& t) {
    t.type("echo first\"\"line\r");
    suite.check(t.expect("firstline\r\n") && t.expect(kPrompt), "a line is run and its output shown", t);
    t.type("echo wrXX\b\bong\"\"word\r");
    suite.check(t.expect("wrongword\r\n") && t.expect(kPrompt), "backspace", t);
    t.type("rubbish\x15" "echo killed\"\"line\r");
    suite.check(t.expect("killedline\r\n") && t.expect(kPrompt), "Ctrl-U kills the line", t);
    t.type("ho begin\"\"ning\x01" "ec\r");
    suite.check(t.expect("beginning\r\n") && t.expect(kPrompt), "Ctrl-A goes to the beginning", t);
    t.type("echo abd\"\"e\x1b[D\x1b[D\x1b[D\x1b[Dc\r");
    suite.check(t.expect("abcde\r\n") || t.expect("abcd"), "arrow keys move the cursor", t);
    t.expect(kPrompt);
    t.type("echo again $((40+2))\r");
    t.expect("again 42\r\n");
    t.expect(kPrompt);
    t.type("\x1b[A\r");
    suite.check(t.expect("again 42\r\n") && t.expect(kPrompt), "arrow up brings the last line", t);
    t.type("mkdir /tmp/uniquename\r");
    t.expect(kPrompt);
    t.type("cd /tmp/uniq\t\rpwd\r");
    suite.check(t.expect("\n/tmp/uniquename\r\n") && t.expect(kPrompt), "tab completes names", t);
    t.type("cd\r");
    t.expect(kPrompt);
}

void canonical_mode(Suite& suite, TerminalSession& t) {
    // The shell has given the terminal back to canonical mode when it runs the first command.
    t.type("echo no\"\"w; cat | tr a-z A-Z\r");
    t.expect("now\r\n");
    t.type("lower\r");
    // tr keeps its output back until the end of the input.
    t.type("moXX\x7f\x7fre wordd word\x17" "end\r\x04");
    suite.check(t.expect("LOWER") && t.expect("MORE WORDD END") && t.expect(kPrompt), "erase, word erase and Ctrl-D in canonical mode", t);
    t.type("stty -echo; echo no\"\"w; read -r secret; stty echo; echo \"<$secret>\"\r");
    t.expect("now\r\n");
    t.type("hidden\r");
    suite.check(t.expect("<hidden>") && t.expect(kPrompt), "no echo with stty -echo", t);
    t.type("stty -icanon min 1; echo no\"\"w; dd bs=1 count=3 2>/dev/null | od -An -c; stty icanon\r");
    t.expect("now\r\n");
    t.type("xyz");
    suite.check(t.expect("x   y   z") && t.expect(kPrompt), "bytes come at once without icanon", t);
}

void signals(Suite& suite, TerminalSession& t) {
    t.type("sleep 1000; echo status=$?\r");
    t.expect("=$?\r\n");
    usleep(500'000);
    t.type("\x03");
    bool is_interrupted = t.expect("^C") && t.expect(kPrompt);
    t.type("echo status=$?\r");
    suite.check(is_interrupted && t.expect("status=130") && t.expect(kPrompt), "Ctrl-C interrupts a program", t);
    t.type("half a comm\x03");
    suite.check(t.expect(kPrompt), "Ctrl-C drops the line", t);
    t.type("while :; do :; done\r");
    t.expect("done\r\n");
    usleep(500'000);
    t.type("\x03");
    suite.check(t.expect(kPrompt), "Ctrl-C ends a loop of the shell", t);
    t.type("sleep 1000\r");
    t.expect("1000\r\n");
    usleep(500'000);
    t.type("\x1c");
    bool has_quit = t.expect(kPrompt);
    t.type("echo status=$?\r");
    suite.check(has_quit && t.expect("status=131") && t.expect(kPrompt), "Ctrl-\\ quits a program", t);
    t.type("sh -c 'trap \"echo c\"\"aught; exit 0\" INT; echo re\"\"ady; while :; do sleep 0.1; done'\r");
    t.expect("ready");
    t.type("\x03");
    suite.check(t.expect("caught") && t.expect(kPrompt), "a handler for Ctrl-C runs", t);
    t.type("yes | head -n 20000000 > /dev/null\r");
    t.expect("null\r\n");
    usleep(300'000);
    t.type("\x03");
    suite.check(t.expect(kPrompt), "Ctrl-C ends a pipeline", t);
    t.type("yes\r");
    t.expect("y\r\ny\r\ny\r\n");
    t.type("\x03");
    suite.check(t.expect("^C") && t.expect(kPrompt), "Ctrl-C gets through a flood of output", t);
}

void job_control(Suite& suite, TerminalSession& t) {
    t.type("sleep 1000\r");
    t.expect("1000\r\n");
    usleep(500'000);
    t.type("\x1a");
    suite.check(t.expect("Stopped") && t.expect(kPrompt), "Ctrl-Z stops a program", t);
    t.type("jobs\r");
    suite.check(t.expect("Stopped") && t.expect("sleep 1000") && t.expect(kPrompt), "jobs lists it", t);
    t.type("bg\r");
    t.expect(kPrompt);
    t.type("jobs\r");
    suite.check(t.expect("Running") && t.expect(kPrompt), "bg lets it go on", t);
    t.type("fg\r");
    t.expect("sleep 1000\r\n");
    usleep(500'000);
    t.type("\x03");
    bool is_over = t.expect(kPrompt);
    t.type("jobs; echo no\"\"more\r");
    suite.check(is_over && t.expect("nomore") && t.expect(kPrompt), "fg brings it back, Ctrl-C ends it", t);
    t.type("cat &\r");
    t.expect(kPrompt);
    usleep(300'000);
    t.type("\r");
    suite.check(t.expect("tty input"), "a background program that reads is stopped", t);
    t.type("kill %1; kill -CONT %1; wait\r");
    t.expect(kPrompt);
    t.type("(sleep 0.3; echo from the back\"\"ground) &\r");
    suite.check(t.expect("from the background"), "a background program may write", t);
    t.type("\r");
    t.expect(kPrompt);
    t.type("sh\r");
    t.expect(kPrompt);
    t.type("sleep 1000\r");
    t.expect("1000\r\n");
    usleep(500'000);
    t.type("\x1a");
    bool is_stopped = t.expect("Stopped") && t.expect(kPrompt);
    t.type("kill %1; exit\r");
    if (!t.expect(kPrompt)) is_stopped = false;
    t.type("exit\r");
    t.type("echo back in the first she\"\"ll\r");
    suite.check(is_stopped && t.expect("first shell\r\n") && t.expect(kPrompt), "a shell in the shell has jobs of its own", t);
}

void window_size(Suite& suite, TerminalSession& t) {
    t.type("stty size\r");
    suite.check(t.expect("\n33 101\r\n") && t.expect(kPrompt), "the window size is the terminal's", t);
    t.resize(40, 90);
    bool has_changed = false;
    // The new size travels on another line than the keys.
    for (int attempt = 0; attempt < 20 && !has_changed; attempt++) {
        t.type("stty size\r");
        t.expect("stty size\r\n");
        has_changed = t.expect("40 90\r\n", 1s);
    }
    suite.check(has_changed, "it follows a resize", t);
    t.type("sh -c 'trap \"stty size; exit\" WINCH; echo wai\"\"ting; while :; do sleep 0.1; done'\r");
    t.expect("waiting");
    t.resize(20, 70);
    suite.check(t.expect("20 70") && t.expect(kPrompt), "a resize sends SIGWINCH", t);
    t.type("tty; test -t 0 && echo is a termi\"\"nal\r");
    suite.check(t.expect("/dev/") && t.expect("is a terminal") && t.expect(kPrompt), "the shell has a terminal", t);
}

void one_session(Suite& suite) {
    TerminalSession t(suite.command(), 33, 101);
    suite.check(t.expect(kPrompt, kBootTime), "the prompt comes", t);
    window_size(suite, t);
    line_editing(suite, t);
    canonical_mode(suite, t);
    signals(suite, t);
    job_control(suite, t);
    t.type("exit 5\r");
    suite.check(t.wait_for_end(30s) == 5, "exit ends the machine with the shell's status", t);
}

// A machine that ends in a way of its own.
void ending(Suite& suite, const char* name, const char* keys, int status) {
    TerminalSession t(suite.command(), 24, 80);
    bool is_up = t.expect(kPrompt, kBootTime);
    t.type(keys);
    suite.check(is_up && t.wait_for_end(30s) == status, name, t);
}

void rebooting(Suite& suite) {
    TerminalSession t(suite.command(), 24, 80);
    bool is_up = t.expect(kPrompt, kBootTime);
    t.type("touch /before; reboot\r");
    t.expect("reboot\r\n");
    bool is_up_again = t.expect("built-in shell", kBootTime) && t.expect(kPrompt, kBootTime);
    t.type("ls /before; exit 6\r");
    suite.check(is_up && is_up_again && t.expect("No such file") && t.wait_for_end(30s) == 6, "reboot starts the machine anew", t);
}

}  // namespace
}  // namespace gyre::interactive

int main(int argc, char** argv) {
    using namespace gyre::interactive;
    Suite suite({argv + 1, argv + argc});
    one_session(suite);
    ending(suite, "Ctrl-D at the prompt ends the machine", "\x04", 0);
    ending(suite, "poweroff", "poweroff\r", 0);
    ending(suite, "poweroff -f", "poweroff -f\r", 0);
    ending(suite, "halt", "halt\r", 0);
    ending(suite, "Ctrl-] q ends a machine that does not listen", "stty raw -echo; sleep 1000\r\x1dq", 0);
    rebooting(suite);
    return suite.finish();
}
