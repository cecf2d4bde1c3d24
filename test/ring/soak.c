/* SPDX-License-Identifier: MIT */
/*
 * Counts every operation end to end: `ring_soak SECONDS [RINGS [SEED]]`. Each ring has a thread
 * that throws a random mix of calls at it (inside, outside, chains, drains, cancellations; kicked
 * and awaited in every way) and judges each completion: exactly one for each entry, with the
 * result that the call must have, -ECANCELED only where somebody asked for it or a chain broke, no
 * successor before its predecessor, nothing across a DRAIN. What calls write is read back and
 * compared byte for byte.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <time.h>

#include "test/ring/ring.h"

#define RINGS_MAX 8
#define ENTRIES 64u
/* Entries that one thread can have under way or still remember. */
#define HISTORY 1024u
#define FILE_BYTES 4096u
/* Less than a pipe holds, so that no write blocks. */
#define PIPE_LOAD_MAX 32768u
/* After that an operation counts as lost. */
#define PATIENCE_MS 30000

enum { UNUSED, UNDER_WAY, DONE };

struct operation {
    uint64_t id;
    uint32_t nr;
    uint32_t flags;
    int64_t right;  /* the result when it runs */
    int64_t result; /* when DONE */
    int state;
    bool is_cancelled; /* somebody asked */
    char bytes[64];    /* what it reads into or writes from */
    uint64_t offset;
};

struct soak {
    struct ring ring;
    struct operation operations[HISTORY];
    struct timespec brief;
    struct pollfd poll;
    uint64_t state; /* of the random numbers */
    uint64_t next_id, oldest; /* all below `oldest` are done */
    uint64_t submitted, completed, cancelled, written, read_back;
    int pipe[2], file;
    uint64_t pipe_load;
    int64_t end_ns;
};

static uint64_t seed = 1;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

void fail(const char* file, int line, const char* format, ...)
{
    const char* name = strrchr(file, '/');
    va_list arguments;

    pthread_mutex_lock(&output); /* never given back: one failure is told */
    printf("not ok 1 - soak\n# %s:%d: ", name ? name + 1 : file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" (seed %llu)\n1..1\n", (unsigned long long)seed);
    fflush(stdout);
    _exit(1);
}

void skip(const char* reason) { fail(__FILE__, __LINE__, "%s", reason); }

static uint64_t draw(struct soak* soak, uint64_t bound)
{
    soak->state ^= soak->state << 13;
    soak->state ^= soak->state >> 7;
    soak->state ^= soak->state << 17;
    return soak->state % bound;
}

static struct operation* operation_of(struct soak* soak, uint64_t id)
{
    return &soak->operations[id % HISTORY];
}

static char byte_at(uint64_t offset) { return (char)(offset * 7 + offset / 256); }

/* Chooses a call and says what it must return. Arguments go to `a`. */
static void choose(struct soak* soak, struct operation* operation, uint64_t a[6])
{
    uint64_t length = 1 + draw(soak, sizeof(operation->bytes));

    memset(a, 0, 6 * sizeof(*a));
    operation->right = 0;
    operation->offset = draw(soak, FILE_BYTES - sizeof(operation->bytes));
    memset(operation->bytes, 0, sizeof(operation->bytes));
    switch (draw(soak, 10)) {
    case 0: operation->nr = SYS_getppid, operation->right = getppid(); return;
    case 1: operation->nr = SYS_close, a[0] = ~0ull, operation->right = -EBADF; return;
    case 2: operation->nr = SYS_nanosleep, a[0] = (uint64_t)(uintptr_t)&soak->brief; return;
    case 3: operation->nr = SYS_fdatasync, a[0] = (uint64_t)soak->file; return;
    case 4: /* nothing is ever ready */
        operation->nr = SYS_poll, a[0] = (uint64_t)(uintptr_t)&soak->poll, a[1] = 1, a[2] = 1;
        return;
    case 5: case 6:
        operation->nr = SYS_pread64, a[0] = (uint64_t)soak->file;
        a[1] = (uint64_t)(uintptr_t)operation->bytes, a[2] = length, a[3] = operation->offset;
        operation->right = (int64_t)length;
        return;
    case 7: case 8:
        if (soak->pipe_load + length > PIPE_LOAD_MAX) break;
        soak->pipe_load += length;
        operation->nr = SYS_write, a[0] = (uint64_t)soak->pipe[1];
        a[1] = (uint64_t)(uintptr_t)operation->bytes, a[2] = length;
        memset(operation->bytes, 'a' + (int)(length % 26), sizeof(operation->bytes));
        operation->right = (int64_t)length;
        return;
    default: break;
    }
    operation->nr = KSVC_NR_NOP;
}

static bool add(struct soak* soak)
{
    struct operation* operation = operation_of(soak, soak->next_id);
    uint64_t dice = draw(soak, 64), a[6];

    if (soak->next_id - soak->oldest >= HISTORY / 2) return false;
    if (soak->ring.tail - ksvc_load_acquire(&soak->ring.submit->head) >= ENTRIES) return false;
    operation->id = soak->next_id;
    operation->state = UNDER_WAY;
    operation->is_cancelled = false;
    operation->flags = dice < 10   ? KSVC_ENTRY_LINKED
                       : dice < 12 ? KSVC_ENTRY_DRAIN
                       : dice < 18 ? KSVC_ENTRY_OUTSIDE
                       : dice < 19 ? KSVC_ENTRY_LINKED | KSVC_ENTRY_OUTSIDE
                       : dice < 20 ? KSVC_ENTRY_LINKED | KSVC_ENTRY_DRAIN
                                   : 0;
    choose(soak, operation, a);
    ring_push(&soak->ring, operation->id, operation->nr, operation->flags, a[0], a[1], a[2], a[3],
              a[4], a[5]);
    soak->next_id++;
    soak->submitted++;
    return true;
}

static void drain_pipe(struct soak* soak)
{
    char bytes[4096];
    ssize_t length;

    while ((length = read(soak->pipe[0], bytes, sizeof(bytes))) > 0) {
        soak->read_back += (uint64_t)length;
        soak->pipe_load -= (uint64_t)length;
    }
}

static void judge(struct soak* soak, const struct ksvc_completion* completion)
{
    struct operation* operation = operation_of(soak, completion->corr_id);
    struct operation* before = operation_of(soak, completion->corr_id - 1);
    bool is_linked = before->state != UNUSED && before->id + 1 == completion->corr_id &&
                     (before->flags & KSVC_ENTRY_LINKED);
    uint64_t id;

    if (operation->id != completion->corr_id || operation->state != UNDER_WAY)
        fail(__FILE__, __LINE__, "completion of %llu, which is not under way",
             (unsigned long long)completion->corr_id);
    CHECK_EQUAL(completion->flags, 0);
    if (is_linked && before->state != DONE)
        fail(__FILE__, __LINE__, "%llu completes before its predecessor",
             (unsigned long long)operation->id);
    if ((operation->flags & KSVC_ENTRY_DRAIN) && operation->id != soak->oldest)
        fail(__FILE__, __LINE__, "a DRAIN completes before one of those before it");
    for (id = soak->oldest; id < operation->id; id++)
        if (operation_of(soak, id)->state == UNDER_WAY &&
            (operation_of(soak, id)->flags & KSVC_ENTRY_DRAIN))
            fail(__FILE__, __LINE__, "completed before a DRAIN before it");
    operation->state = DONE;
    operation->result = completion->result;
    soak->completed++;
    while (soak->oldest < soak->next_id && operation_of(soak, soak->oldest)->state == DONE)
        soak->oldest++;
    if (is_linked && before->result < 0) {
        CHECK_EQUAL(completion->result, -ECANCELED);
    } else if (completion->result == -ECANCELED) {
        CHECK(operation->is_cancelled);
    } else if (completion->result != operation->right) {
        fail(__FILE__, __LINE__, "call %u with flags %u gave %lld, not %lld", operation->nr,
             operation->flags, (long long)completion->result, (long long)operation->right);
    }
    if (completion->result == -ECANCELED) soak->cancelled++;
    if (operation->nr == SYS_write) {
        if (completion->result > 0)
            soak->written += (uint64_t)completion->result;
        else
            soak->pipe_load -= (uint64_t)operation->right;
    }
    if (operation->nr == SYS_pread64)
        for (int64_t index = 0; index < completion->result; index++)
            CHECK_EQUAL(operation->bytes[index], byte_at(operation->offset + (uint64_t)index));
}

static void kick(struct soak* soak)
{
    uint32_t waiting = (uint32_t)(soak->ring.tail - ksvc_load_acquire(&soak->ring.submit->head));

    if (draw(soak, 2)) {
        *soak->ring.doorbell = 1;
    } else if (ring_enter(&soak->ring, waiting, 0, 0) < 0) {
        fail(__FILE__, __LINE__, "ENTER: %s", strerror(errno));
    }
}

static void wait_for_some(struct soak* soak)
{
    uint32_t under_way = (uint32_t)(soak->next_id - soak->oldest);
    struct pollfd entry = {soak->ring.fd, POLLIN, 0};

    if (under_way == 0) return;
    switch (draw(soak, 4)) {
    case 0: return;
    case 1: (void)*soak->ring.wait; return;
    case 2: CHECK(poll(&entry, 1, PATIENCE_MS) == 1); return;
    default:
        if (ring_enter(&soak->ring, ENTRIES, 1, PATIENCE_MS * 1000000ll) < 0)
            fail(__FILE__, __LINE__, "lost: %u under way, %s", under_way, strerror(errno));
    }
}

static void cancel_one(struct soak* soak)
{
    struct ksvc_cancel cancel = {.corr_id = soak->next_id - 1 - draw(soak, 32)};
    struct operation* operation = operation_of(soak, cancel.corr_id);

    if (cancel.corr_id >= soak->next_id || operation->id != cancel.corr_id) return;
    operation->is_cancelled = true;
    if (ioctl(soak->ring.fd, KSVC_IOC_CANCEL, &cancel) < 0)
        CHECK(errno == ENOENT || errno == EALREADY);
}

static void* run(void* argument)
{
    struct soak* soak = argument;
    struct ksvc_completion completion;

    while (now_ns() < soak->end_ns) {
        for (uint64_t burst = draw(soak, 48); burst > 0 && add(soak); burst--) {
        }
        kick(soak);
        if (draw(soak, 8) == 0) cancel_one(soak);
        wait_for_some(soak);
        while (ring_pop(&soak->ring, &completion)) judge(soak, &completion);
        drain_pipe(soak);
    }
    while (soak->oldest < soak->next_id) {
        completion = ring_next(&soak->ring);
        judge(soak, &completion);
    }
    drain_pipe(soak);
    return NULL;
}

static void prepare(struct soak* soak, uint64_t number, int64_t end_ns)
{
    static const int workers[] = {1, 2, 4};
    char bytes[FILE_BYTES], name[] = "/tmp/soak.XXXXXX";

    for (uint64_t offset = 0; offset < FILE_BYTES; offset++) bytes[offset] = byte_at(offset);
    soak->file = mkstemp(name);
    CHECK_EQUAL(write(soak->file, bytes, FILE_BYTES), FILE_BYTES);
    unlink(name);
    CHECK_EQUAL(pipe2(soak->pipe, O_NONBLOCK), 0);
    CHECK_EQUAL(fcntl(soak->pipe[1], F_SETFL, 0), 0);
    soak->brief.tv_nsec = 50000;
    soak->poll = (struct pollfd){-1, POLLIN, 0};
    soak->state = (seed + number) * 0x9E3779B97F4A7C15ull | 1;
    soak->next_id = soak->oldest = 100;
    soak->end_ns = end_ns;
    ring_make(&soak->ring, ENTRIES, number % 2 ? 32 : 128, -1);
    ring_workers(&soak->ring, workers[number % 3]);
}

int main(int count, char** arguments)
{
    static struct soak soaks[RINGS_MAX];
    pthread_t threads[RINGS_MAX];
    int seconds = count > 1 ? atoi(arguments[1]) : 5;
    int rings = count > 2 ? atoi(arguments[2]) : 3;
    int64_t end_ns = now_ns() + seconds * 1000000000ll;
    uint64_t completed = 0, cancelled = 0;

    seed = count > 3 ? strtoull(arguments[3], NULL, 0) : (uint64_t)now_ns();
    if (rings < 1 || rings > RINGS_MAX) return 2;
    printf("TAP version 13\n# seed %llu\n", (unsigned long long)seed);
    for (int index = 0; index < rings; index++) prepare(&soaks[index], (uint64_t)index, end_ns);
    for (int index = 0; index < rings; index++)
        CHECK_EQUAL(pthread_create(&threads[index], NULL, run, &soaks[index]), 0);
    for (int index = 0; index < rings; index++) {
        pthread_join(threads[index], NULL);
        CHECK_EQUAL(soaks[index].submitted, soaks[index].completed);
        CHECK_EQUAL(soaks[index].written, soaks[index].read_back);
        CHECK(soaks[index].completed > 0);
        completed += soaks[index].completed;
        cancelled += soaks[index].cancelled;
    }
    printf("ok 1 - soak: nothing lost, doubled or wrong\n# %d rings, %llu operations, "
           "%llu of them cancelled\n1..1\n",
           rings, (unsigned long long)completed, (unsigned long long)cancelled);
    return 0;
}
