// SPDX-License-Identifier: MIT
//
// The "hello" servers under wrk, in turns: libksvc's coroutines, hand-written liburing, plain epoll and
// nginx's `return 200`, each one process on a CPU of its own. The figure is requests per second of CPU time
// of the server (all its threads, from /proc/PID/task/*/schedstat), which a busy machine blurs least.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "cli/bench_rings.h"
#include "cli/process.h"

namespace gyre::cli {
namespace {

constexpr uint16_t kFirstPort = 18100;
constexpr std::chrono::milliseconds kStartPatience{3000};

struct Contender {
    const char* name;
    const char* program;  // in the folder of the servers; nullptr: nginx
};
constexpr Contender kContenders[] = {
    {"liburing", "http-liburing"},
    {"libksvc, coroutines", "http-server"},
    {"epoll", "http-epoll"},
    {"nginx, return 200", nullptr},
};

// One process, nothing written to disk, connections kept as the others keep them.
std::string nginx_configuration(const std::filesystem::path& scratch, uint16_t port) {
    const std::string folder = scratch.string();
    std::string text = "daemon off;\nmaster_process off;\nworker_processes 1;\npid " + folder + "/nginx.pid;\nerror_log /dev/null;\n"
        "events { worker_connections 2048; }\nhttp {\n  access_log off;\n  keepalive_requests 1000000000;\n  default_type text/plain;\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        text += "  " + std::string(kind) + "_temp_path " + folder + "/" + kind + ";\n";
    return text + "  server { listen 127.0.0.1:" + std::to_string(port) + "; location / { return 200 \"hello\\n\"; } }\n}\n";
}

// The first (or last) CPU that this process may use.
int outer_cpu(bool last) {
    cpu_set_t all;
    ::sched_getaffinity(0, sizeof all, &all);
    int found = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &all)) continue;
        found = cpu;
        if (!last) break;
    }
    return found;
}

void pin_to(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
}

class Server {
public:
    Server(const std::vector<std::string>& command, int cpu) {
        std::vector<char*> arguments;
        for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ != 0) return;
        pin_to(cpu);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    ~Server() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    bool answers_at(uint16_t port) const {
        const auto end = std::chrono::steady_clock::now() + kStartPatience;
        while (pid_ > 0 && ::kill(pid_, 0) == 0 && std::chrono::steady_clock::now() < end) {
            sockaddr_in there{};
            there.sin_family = AF_INET;
            there.sin_port = htons(port);
            there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const bool is_there = ::connect(fd, reinterpret_cast<sockaddr*>(&there), sizeof there) == 0;
            ::close(fd);
            if (is_there) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        }
        return false;
    }
    double cpu_seconds() const {
        double sum_ns = 0;
        std::error_code error;
        for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", error)) {
            double ns = 0;
            if (std::ifstream(task.path() / "schedstat") >> ns) sum_ns += ns;
        }
        return sum_ns / 1e9;
    }

private:
    pid_t pid_ = -1;
};

// Requests per CPU-second in one second under wrk.
Outcome<double> one_round(const std::vector<std::string>& command, uint16_t port, unsigned connections) {
    const Server server(command, outer_cpu(true));
    if (!server.answers_at(port)) return problem("the server " + command[0] + " does not come up");
    const double before = server.cpu_seconds();
    double requests = 0;
    ProcessRequest wrk;
    wrk.command = {"wrk", "-t1", "-c" + std::to_string(connections), "-d1s", "http://127.0.0.1:" + std::to_string(port) + "/"};
    wrk.timeout = std::chrono::seconds{30};
    wrk.on_line = [&](std::string_view line) {
        if (line.find(" requests in ") != line.npos) requests = std::strtod(std::string(line).c_str(), nullptr);
        if (line.find("Non-2xx") != line.npos) requests = -1;
    };
    cpu_set_t all;
    ::sched_getaffinity(0, sizeof all, &all);
    pin_to(outer_cpu(false));
    const auto ran = run_process(wrk);
    ::sched_setaffinity(0, sizeof all, &all);
    if (!ran) return problem("wrk cannot be run", "install wrk");
    const double used = server.cpu_seconds() - before;
    if (ran->status != 0 || requests <= 0 || used <= 0) return problem("wrk got no answer from " + command[0]);
    return requests / used;
}

}  // namespace

Outcome<BenchGroup> bench_http(const std::filesystem::path& servers, const std::filesystem::path& scratch, unsigned connections, unsigned rounds) {
    std::error_code error;
    std::filesystem::create_directories(scratch, error);
    BenchGroup group{.title = "HTTP hello, " + std::to_string(connections) + " connections", .unit = "requests per CPU-second", .is_more_better = true, .rows = {}};
    for (const Contender& contender : kContenders)
        group.rows.push_back({.name = contender.name, .beside = &contender == kContenders ? "" : kContenders[0].name, .values = {}});
    uint16_t port = static_cast<uint16_t>(kFirstPort + connections);
    for (unsigned round = 0; round < rounds; ++round) {
        for (size_t i = 0; i < std::size(kContenders); ++i) {
            ++port;
            std::vector<std::string> command;
            if (kContenders[i].program != nullptr) {
                command = {servers / kContenders[i].program, std::to_string(port)};
            } else {
                const auto file = scratch / "nginx.conf";
                if (auto written = write_file(file, nginx_configuration(scratch, port)); !written) return std::unexpected(written.error());
                command = {"/usr/sbin/nginx", "-c", file, "-p", scratch};
            }
            const auto figure = one_round(command, port, connections);
            if (!figure) return std::unexpected(figure.error());
            group.rows[i].values.push_back(*figure);
        }
    }
    return group;
}

}  // namespace gyre::cli
