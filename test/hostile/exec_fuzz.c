// SPDX-License-Identifier: MIT
//
// Hostile programs: a small static program and a script, whose headers are damaged at random and then executed, thousands of
// times, by children without privileges. Whatever execve(2) makes of one - an error, a program that runs, one that dies at its
// first instruction - the kernel lives and nothing is left behind. Prints TAP.
//   exec_fuzz SECONDS [SEED]
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/accounting.h"

static const char kFolder[] = "/tmp/exec_fuzz", kInterpreter[] = "/tmp/exec_fuzz/interpreter";
enum { kHeaders = 4, kCode = 0x400, kFileBytes = 0x3000, kChildMs = 2000, kPatienceMs = 20000, kWorkers = 4 };

static uint64_t next(uint64_t* state) {  // xorshift64*
    uint64_t x = *state;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

static uint64_t odd_number(uint64_t* state) {
    static const uint64_t kOdd[] = {0, 1, 7, 0x38, 0x1000, 0xfff, 0x2fff, 0x3000, 0x3001, 0x7fffffff, 0x80000000, 0xffffffff,
        0x400000, 0x401000, 0x7fffffffe000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000,
        0xffffffff80000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ULL, ~0ULL - 0xfff, 0x4000000000000000};
    uint64_t r = next(state);
    switch (r % 4) {
        case 0: return kOdd[(r >> 8) % (sizeof(kOdd) / sizeof(kOdd[0]))];
        case 1: return 1ULL << (r >> 8) % 64;
        case 2: return (r >> 8) % 0x4000;
        default: return r >> 2;
    }
}

// exit(42), at kCode of each segment's page.
static const uint8_t kExit[] = {0xb8, 0x3c, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05};

static void make_program(uint8_t* image, int is_movable) {
    memset(image, 0, kFileBytes);
    const uint64_t base = is_movable ? 0 : 0x400000;
    Elf64_Ehdr* header = (Elf64_Ehdr*)image;
    memcpy(header->e_ident, "\177ELF\2\1\1", 7);
    header->e_type = is_movable ? ET_DYN : ET_EXEC;
    header->e_machine = EM_X86_64, header->e_version = 1;
    header->e_entry = base + kCode;
    header->e_phoff = sizeof(*header), header->e_ehsize = sizeof(*header);
    header->e_phentsize = sizeof(Elf64_Phdr), header->e_phnum = kHeaders;
    Elf64_Phdr* table = (Elf64_Phdr*)(image + sizeof(*header));
    table[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, base, base, 0x1000, 0x1000, 0x1000};
    table[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x1000, base + 0x1000, base + 0x1000, 0x800, 0x2800, 0x1000};
    table[2] = (Elf64_Phdr){PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16};
    table[3] = (Elf64_Phdr){PT_NULL, PF_R, 0x2000, 0, 0, 0, 0, 1};
    memcpy(image + kCode, kExit, sizeof(kExit));
    strcpy((char*)image + 0x2000, kInterpreter);
}

static void damage(uint8_t* image, uint64_t* state) {
    static const uint8_t kFields[] = {16, 18, 20, 24, 32, 40, 48, 52, 54, 56};
    Elf64_Phdr* table = (Elf64_Phdr*)(image + sizeof(Elf64_Ehdr));
    for (int count = 1 + (int)(next(state) % 4); count > 0; --count) {
        uint64_t r = next(state);
        switch (r % 8) {
            case 0: {
                uint64_t value = odd_number(state);
                uint8_t at = kFields[(r >> 8) % sizeof(kFields)];
                memcpy(image + at, &value, at >= 24 && at < 48 ? 8 : 2);
                break;
            }
            case 1: image[(r >> 8) % (sizeof(Elf64_Ehdr) + kHeaders * sizeof(Elf64_Phdr))] = (uint8_t)(r >> 32); break;
            case 2: table[3] = (Elf64_Phdr){PT_INTERP, PF_R, 0x2000, 0, 0, (r >> 8) % 3 ? sizeof(kInterpreter) : odd_number(state),
                                            sizeof(kInterpreter), 1}; break;
            case 3: table[3] = (Elf64_Phdr){PT_LOAD, (uint32_t)(r >> 8) % 8, odd_number(state) & ~0xfffull,
                                            odd_number(state) & ~0xfffull, 0, odd_number(state), odd_number(state), 0x1000}; break;
            default: {
                // One word of one program header.
                uint64_t value = odd_number(state);
                memcpy((uint8_t*)&table[(r >> 8) % kHeaders] + ((r >> 16) % 7) * 8, &value, (r >> 24) % 2 ? 8 : 4);
                break;
            }
        }
    }
}

static void make_script(uint8_t* image, size_t* size, uint64_t* state) {
    static const char* const kLines[] = {"#!", "#!\n", "#! \t\n", "#!/tmp/exec_fuzz/0\n", "#!/tmp/exec_fuzz/script\n",
        "#!/tmp/exec_fuzz/interpreter -x -y\n", "#!/", "#!/tmp/exec_fuzz/missing\n", "#!\0/tmp\n", "#!interpreter a", "#!.\n"};
    const char* line = kLines[next(state) % (sizeof(kLines) / sizeof(kLines[0]))];
    *size = next(state) % 600;
    memset(image, next(state) % 2 ? 'a' : ' ', *size);
    size_t length = strlen(line) < *size ? strlen(line) : *size;
    memcpy(image, line, length);
}

static void put(const char* name, const void* bytes, size_t size) {
    unlink(name);
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0755);
    (void)!write(fd, bytes, size);
    close(fd);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct Counts {
    long executed, ran, refused, died, hung;
};

static void work(int number, uint64_t seed, int64_t deadline, struct Counts* counts) {
    uint64_t state = seed | 1;
    uint8_t image[kFileBytes];
    char name[64];
    snprintf(name, sizeof(name), "%s/%d", kFolder, number);
    struct rlimit core = {0, 0}, memory = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_CORE, &core), setrlimit(RLIMIT_AS, &memory);
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    while (now_ms() < deadline) {
        size_t size = kFileBytes;
        uint64_t r = next(&state);
        if (r % 16 == 0) make_script(image, &size, &state);
        else {
            make_program(image, r % 2);
            if (r % 32 != 1) damage(image, &state);
            if ((r >> 8) % 8 == 0) size = (r >> 16) % kFileBytes;
        }
        put(name, image, size);
        pid_t child = fork();
        if (child < 0) continue;
        if (child == 0) {
            char* const arguments[] = {name, "argument", NULL};
            execv(name, arguments);
            _exit(100);
        }
        int status;
        const int64_t end = now_ms() + kChildMs;
        while (waitpid(child, &status, WNOHANG) != child) {
            if (now_ms() > end) kill(child, SIGKILL), ++counts->hung;
            usleep(100);
        }
        ++counts->executed;
        if (WIFSIGNALED(status)) ++counts->died;
        else if (WEXITSTATUS(status) == 42) ++counts->ran;
        else if (WEXITSTATUS(status) == 100) ++counts->refused;
    }
    _exit(0);
}

int main(int argc, char** argv) {
    const int seconds = argc > 1 ? atoi(argv[1]) : 20;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    struct Counts* counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(counts, 0, sizeof(*counts) * kWorkers);
    printf("TAP version 13\n1..3\n");
    fflush(stdout);
    Accounting before, after;
    accounting_read(&before);
    mkdir(kFolder, 0777);
    const int is_mounted = mount("tmpfs", kFolder, "tmpfs", 0, "mode=0777") == 0;
    chmod(kFolder, 0777);
    uint8_t image[kFileBytes];
    make_program(image, 1);
    char name[64];
    snprintf(name, sizeof(name), "%s/interpreter", kFolder);
    put(name, image, sizeof(image));
    snprintf(name, sizeof(name), "%s/script", kFolder);
    put(name, "#!/tmp/exec_fuzz/script\n", strlen("#!/tmp/exec_fuzz/script\n"));
    const int64_t deadline = now_ms() + seconds * 1000;
    pid_t workers[kWorkers];
    for (int i = 0; i < kWorkers; ++i) {
        workers[i] = fork();
        if (workers[i] == 0) work(i, (seed * 1000003 + (uint64_t)i) * 0x9e3779b97f4a7c15ULL, deadline, &counts[i]);
    }
    for (int i = 0; i < kWorkers; ++i)
        if (workers[i] > 0) waitpid(workers[i], NULL, 0);
    struct Counts all = {0};
    for (int i = 0; i < kWorkers; ++i) {
        all.executed += counts[i].executed, all.ran += counts[i].ran, all.refused += counts[i].refused;
        all.died += counts[i].died, all.hung += counts[i].hung;
    }
    if (is_mounted) umount2(kFolder, MNT_DETACH);
    rmdir(kFolder);
    printf("# %ld executed: %ld ran to their end, %ld were refused, %ld died, %ld were killed\n", all.executed, all.ran,
           all.refused, all.died, all.hung);
    printf("%s 1 - the kernel lives after %d seconds of hostile programs, seed %llu\n", all.executed > 0 ? "ok" : "not ok",
           seconds, (unsigned long long)seed);
    printf("%s 2 - some ran, some were refused, some died\n", all.ran && all.refused && all.died ? "ok" : "not ok");
    // One object: the counts' page. Every CPU keeps pages, stacks and half-filled slabs in hand, as with call_fuzz.
    const AccountingSlack slack = {.objects = 1, .pages = 128 * (1 + sysconf(_SC_NPROCESSORS_ONLN)), .heap_bytes = -1};
    accounting_verdict(3, &before, &after, accounting_comes_back(&before, &after, slack, kPatienceMs));
    return 0;
}
