// SPDX-License-Identifier: MIT
//
// An interactive session with the shell of a machine, through a pseudo-terminal: prompt, line editing,
// Ctrl-C, Ctrl-Z and job control, window size, switching off. Prints TAP. Arguments are further options
// for `gyre run`. What is typed is echoed, so that commands are written so that their output differs
// from their text ("a""b" for ab). No step waits for a while: what a program must have come to before the next key is
// looked up in the guest's /proc (in_front, until_it_is), however long it takes.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

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
        std::vector<std::string> words = {tool ? tool : "build/host/cli/gyre", "run", "--no-build", "--timeout", "800"};
        words.insert(words.end(), options_.begin(), options_.end());
        return words;
    }

private:
    std::vector<std::string> options_;
    int count_ = 0;
    bool has_failed_ = false;
};

// Defines in_front NAME STATE for the shell: says "[NAME in front]" once a program of that name is in that state (a letter of
// proc(5), or `.` for any) and in the foreground group of its terminal: fields 5 and 8 of /proc/PID/stat are the same. The
// one who looks is nobody's job and lives beside what is started next.
void define_in_front(TerminalSession& t) {
    t.type("in_front() { ( ( until grep -qs \"($1) $2 [0-9]* \\([0-9]*\\) [0-9-]* [0-9]* \\1 \" \\\r");
    t.expect("> ");
    t.type("/proc/[0-9]*/stat; do usleep 20000; done; echo \"[$1 in front]\" ) & ); }\r");
    t.expect(kPrompt);
}

// Runs the command, and comes back when its program has the terminal and sleeps.
bool start_and_sleep(TerminalSession& t, const char* program, const std::string& command) {
    t.type(std::string("in_front ") + program + " S; " + command + "\r");
    return t.expect(std::string("[") + program + " in front]");
}

// A command that ends when a program of that name is in that state.
std::string until_it_is(const char* program, char state) {
    return std::string("until grep -qs \"(") + program + ") " + state + "\" /proc/[0-9]*/stat; do usleep 20000; done";
}

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
    suite.check(t.expect("abcde\r\n"), "arrow keys move the cursor", t);
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
    bool is_up = start_and_sleep(t, "sleep", "sleep 1000; echo status=$?");
    t.type("\x03");
    bool is_interrupted = is_up && t.expect("^C") && t.expect(kPrompt);
    t.type("echo status=$?\r");
    suite.check(is_interrupted && t.expect("status=130") && t.expect(kPrompt), "Ctrl-C interrupts a program", t);
    t.type("half a comm\x03");
    suite.check(t.expect(kPrompt), "Ctrl-C drops the line", t);
    t.type("n=0; while :; do n=$((n+1)); [ $n = 99 ] && echo round and rou\"\"nd; done\r");
    is_up = t.expect("round and round\r\n");
    t.type("\x03");
    suite.check(is_up && t.expect(kPrompt), "Ctrl-C ends a loop of the shell", t);
    is_up = start_and_sleep(t, "sleep", "sleep 1000");
    t.type("\x1c");
    bool has_quit = is_up && t.expect(kPrompt);
    t.type("echo status=$?\r");
    suite.check(has_quit && t.expect("status=131") && t.expect(kPrompt), "Ctrl-\\ quits a program", t);
    t.type("sh -c 'trap \"echo c\"\"aught; exit 0\" INT; echo re\"\"ady; while :; do sleep 0.1; done'\r");
    t.expect("ready");
    t.type("\x03");
    suite.check(t.expect("caught") && t.expect(kPrompt), "a handler for Ctrl-C runs", t);
    t.type("in_front cat .; yes | cat > /dev/null\r");
    is_up = t.expect("[cat in front]");
    t.type("\x03");
    suite.check(is_up && t.expect(kPrompt), "Ctrl-C ends a pipeline", t);
    t.type("yes\r");
    t.expect("y\r\ny\r\ny\r\n");
    t.type("\x03");
    suite.check(t.expect("^C") && t.expect(kPrompt), "Ctrl-C gets through a flood of output", t);
}

void job_control(Suite& suite, TerminalSession& t) {
    bool is_up = start_and_sleep(t, "sleep", "sleep 1000");
    t.type("\x1a");
    suite.check(is_up && t.expect("Stopped") && t.expect(kPrompt), "Ctrl-Z stops a program", t);
    t.type("jobs\r");
    suite.check(t.expect("Stopped") && t.expect("sleep 1000") && t.expect(kPrompt), "jobs lists it", t);
    t.type("bg\r");
    t.expect(kPrompt);
    t.type("jobs\r");
    suite.check(t.expect("Running") && t.expect(kPrompt), "bg lets it go on", t);
    is_up = start_and_sleep(t, "sleep", "fg");
    t.type("\x03");
    bool is_over = is_up && t.expect(kPrompt);
    t.type("jobs; echo no\"\"more\r");
    suite.check(is_over && t.expect("nomore") && t.expect(kPrompt), "fg brings it back, Ctrl-C ends it", t);
    // The shell tells of it before the prompt that follows, which may be the one after "cat &" if there is one.
    t.type("cat & " + until_it_is("cat", 'T') + "\r");
    suite.check(t.expect("tty input") && t.expect(kPrompt), "a background program that reads is stopped", t);
    t.type("kill %1; kill -CONT %1; wait; echo it is go\"\"ne\r");
    t.expect("it is gone\r\n");
    t.expect(kPrompt);
    t.type("(sleep 0.3; echo from the back\"\"ground) &\r");
    suite.check(t.expect("from the background"), "a background program may write", t);
    t.type("wait; echo it is do\"\"ne\r");
    t.expect("it is done\r\n");
    t.expect(kPrompt);
    t.type("sh\r");
    t.expect(kPrompt);
    define_in_front(t);
    bool is_stopped = start_and_sleep(t, "sleep", "sleep 1000");
    t.type("\x1a");
    is_stopped = is_stopped && t.expect("Stopped") && t.expect(kPrompt);
    t.type("kill %1; exit\r");
    if (!t.expect("stopped jobs") || !t.expect(kPrompt)) is_stopped = false;
    t.type("exit\r");
    t.expect(kPrompt);
    t.type("echo back in the first she\"\"ll\r");
    suite.check(is_stopped && t.expect("first shell\r\n") && t.expect(kPrompt), "a shell in the shell has jobs of its own", t);
}

void window_size(Suite& suite, TerminalSession& t) {
    t.type("stty size\r");
    suite.check(t.expect("\n33 101\r\n") && t.expect(kPrompt), "the window size is the terminal's", t);
    t.resize(40, 90);
    bool has_changed = false;
    // The new size travels on another line than the keys.
    for (auto end = std::chrono::steady_clock::now() + kPatience; !has_changed && std::chrono::steady_clock::now() < end;) {
        t.type("stty size\r");
        has_changed = t.expect("stty size\r\n") && t.rest_of_line() == "40 90";
        t.expect(kPrompt);
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
    define_in_front(t);
    window_size(suite, t);
    line_editing(suite, t);
    canonical_mode(suite, t);
    signals(suite, t);
    job_control(suite, t);
    t.type("exit 5\r");
    suite.check(t.wait_for_end(kPatience) == 5, "exit ends the machine with the shell's status", t);
}

// A machine that ends in a way of its own.
void ending(Suite& suite, const char* name, const char* keys, int status) {
    TerminalSession t(suite.command(), 24, 80);
    bool is_up = t.expect(kPrompt, kBootTime);
    t.type(keys);
    suite.check(is_up && t.wait_for_end(kPatience) == status, name, t);
}

void escaping(Suite& suite) {
    TerminalSession t(suite.command(), 24, 80);
    bool is_up = t.expect(kPrompt, kBootTime);
    t.type("stty raw -echo; echo de\"\"af; sleep 1000\r");
    is_up = is_up && t.expect("deaf");
    t.type("\x1dq");
    suite.check(is_up && t.wait_for_end(kPatience) == 0, "Ctrl-] q ends a machine that does not listen", t);
}

void rebooting(Suite& suite) {
    TerminalSession t(suite.command(), 24, 80);
    bool is_up = t.expect(kPrompt, kBootTime);
    t.type("touch /before; reboot\r");
    t.expect("reboot\r\n");
    bool is_up_again = t.expect("built-in shell", kBootTime) && t.expect(kPrompt, kBootTime);
    t.type("ls /before; exit 6\r");
    suite.check(is_up && is_up_again && t.expect("No such file") && t.wait_for_end(kPatience) == 6, "reboot starts the machine anew", t);
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
    escaping(suite);
    rebooting(suite);
    return suite.finish();
}
