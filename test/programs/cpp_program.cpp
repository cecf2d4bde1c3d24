// SPDX-License-Identifier: MIT
//
// An ordinary C++ program of many parts, built with g++ and its whole library, static and dynamic:
// what users bring. Each part says TAP lines on its own; an argument names what is put before the
// cases' names.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

int failures = 0, number = 0;
std::string prefix;

void check(const char* name, bool is_good) {
    if (!is_good) ++failures;
    std::cout << (is_good ? "ok " : "not ok ") << ++number << " - " << prefix << name << std::endl;
}

struct Counted {
    static inline std::atomic<int> alive{0};
    Counted() { ++alive; }
    ~Counted() { --alive; }
};
[[gnu::noinline]] int dive(int depth) {
    Counted here;
    if (depth == 0) throw std::out_of_range("bottom");
    return dive(depth - 1) + 1;
}

void exceptions() {
    std::string what;
    try {
        dive(500);
    } catch (const std::logic_error& error) {
        what = error.what();
    }
    check("an exception unwinds 500 frames", what == "bottom" && Counted::alive == 0);
    bool is_caught = false;
    try {
        try {
            throw 42;
        } catch (int) {
            std::throw_with_nested(std::runtime_error("outer"));
        }
    } catch (const std::nested_exception& error) {
        try {
            error.rethrow_nested();
        } catch (int value) {
            is_caught = value == 42;
        }
    }
    check("nested exceptions", is_caught);
    bool is_bad_alloc = false;
    try {
        std::vector<char> much(size_t{1} << 60);
        is_bad_alloc = much.empty();
    } catch (const std::bad_alloc&) {
        is_bad_alloc = true;
    }
    check("bad_alloc", is_bad_alloc);
    // Each thread has its own state of unwinding.
    std::atomic<int> caught{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int k = 0; k < 20; ++k)
                try {
                    dive(20);
                } catch (const std::exception&) {
                    ++caught;
                }
        });
    for (auto& thread : threads)
        thread.join();
    check("exceptions in eight threads at once", caught == 160 && Counted::alive == 0);
}

thread_local std::string own = "fresh";

void threads() {
    std::mutex lock;
    long sum = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 16; ++i)
        all.emplace_back([&, i] {
            for (int k = 0; k < 1000; ++k) {
                std::lock_guard guard(lock);
                sum += i;
            }
        });
    for (auto& thread : all)
        thread.join();
    check("sixteen threads and a mutex", sum == 120000);

    std::condition_variable turn;
    int at = 0;
    std::thread other([&] {
        for (int k = 0; k < 200; ++k) {
            std::unique_lock guard(lock);
            turn.wait(guard, [&] { return at % 2 == 1; });
            ++at;
            turn.notify_one();
        }
    });
    for (int k = 0; k < 200; ++k) {
        std::unique_lock guard(lock);
        turn.wait(guard, [&] { return at % 2 == 0; });
        ++at;
        turn.notify_one();
    }
    other.join();
    check("a condition variable hands over 400 times", at == 400);

    std::unique_lock guard(lock);
    const auto before = std::chrono::steady_clock::now();
    const bool is_timeout = turn.wait_for(guard, 20ms) == std::cv_status::timeout;
    check("a timed wait ends in time",
          is_timeout && std::chrono::steady_clock::now() - before >= 20ms);
    guard.unlock();

    auto bad = std::async(std::launch::async, []() -> int { throw std::domain_error("far"); });
    bool is_carried = false;
    try {
        bad.get();
    } catch (const std::domain_error&) {
        is_carried = true;
    }
    check("a future carries an exception", is_carried);

    std::string seen;
    own = "main";
    std::thread([&] { seen = own; }).join();
    check("thread_local is each thread's own", seen == "fresh" && own == "main");

    std::once_flag once;
    std::atomic<int> count{0};
    std::shared_mutex readers;
    std::vector<std::jthread> more;
    for (int i = 0; i < 4; ++i)
        more.emplace_back([&] {
            std::call_once(once, [&] { ++count; });
            std::shared_lock shared(readers);
        });
    more.clear();
    check("call_once and shared_mutex", count == 1);
    check("hardware_concurrency", std::thread::hardware_concurrency() >= 1);
}

void streams() {
    std::stringstream text;
    text << std::hex << std::setw(8) << std::setfill('0') << 0xbeef << ' ' << std::fixed
         << std::setprecision(3) << 3.14159;
    check("formatted output", text.str() == "0000beef 3.142");
    double value = 0;
    std::string word;
    std::istringstream("2.5e3 word") >> value >> word;
    check("formatted input", value == 2500 && word == "word");

    const fs::path folder = fs::temp_directory_path() / ("cpp_program." + std::to_string(getpid()));
    fs::create_directories(folder / "a" / "b");
    {
        std::ofstream out(folder / "a" / "numbers");
        for (int i = 0; i < 10000; ++i)
            out << i << '\n';
    }
    long sum = 0;
    std::ifstream in(folder / "a" / "numbers");
    for (std::string line; std::getline(in, line);)
        sum += std::stol(line);
    check("a file of lines", sum == 49995000);
    fs::rename(folder / "a" / "numbers", folder / "a" / "b" / "moved");
    fs::copy(folder / "a", folder / "copy", fs::copy_options::recursive);
    size_t entries = 0;
    for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(folder))
        ++entries;
    check("std::filesystem", entries == 6 &&
                                 fs::file_size(folder / "copy" / "b" / "moved") == 48890 &&
                                 fs::remove_all(folder) == 7);
    std::error_code error;
    (void)fs::file_size("/nowhere", error);
    check("error codes", error == std::errc::no_such_file_or_directory);
}

jmp_buf back;

void system_things() {
    const auto now = std::chrono::system_clock::now();
    const auto seconds = std::chrono::system_clock::to_time_t(now);
    check("system_clock is of this age", seconds > 1700000000 && seconds - time(nullptr) <= 1);
    const auto before = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(10ms);
    check("steady_clock goes on", std::chrono::steady_clock::now() - before >= 10ms);

    std::random_device device;
    std::mt19937_64 numbers(device());
    std::vector<uint64_t> many(100000);
    std::generate(many.begin(), many.end(), numbers);
    std::sort(many.begin(), many.end());
    check("random_device and sort",
          std::is_sorted(many.begin(), many.end()) && many.front() != many.back());
    std::map<std::string, std::unique_ptr<int>> owners;
    for (int i = 0; i < 1000; ++i)
        owners[std::to_string(i)] = std::make_unique<int>(i);
    check("a map of owners", *owners.at("777") == 777);

    signal(SIGSEGV, [](int) { longjmp(back, 1); });
    volatile bool has_returned = false;
    if (setjmp(back) == 0)
        *reinterpret_cast<volatile int*>(8) = 1;
    else
        has_returned = true;
    signal(SIGSEGV, SIG_DFL);
    check("longjmp out of a handler", has_returned);

    std::cout.flush();
    const pid_t child = fork();
    if (child == 0) {
        {
            std::thread forgotten([] {});
        }  // a joinable thread is destroyed
        _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    check("terminate() aborts", WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) prefix = argv[1] + std::string(": ");
    exceptions();
    threads();
    streams();
    system_things();
    std::cout << "1.." << number << std::endl;
    return failures == 0 ? 0 : 1;
}
