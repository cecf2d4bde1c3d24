/* SPDX-License-Identifier: MIT */
/* A ring of the device: mapped, entered, with workers where the kernel needs them. */
#include "test/ring/ring.h"

#include <fcntl.h>
#include <signal.h>

int open_device(void)
{
    int fd = open(KSVC_DEVICE_PATH, O_RDWR | O_CLOEXEC);

    if (fd < 0) fail(__FILE__, __LINE__, "open %s: %s", KSVC_DEVICE_PATH, strerror(errno));
    return fd;
}

struct ksvc_create_params parameters(uint32_t submit_entries, uint32_t complete_entries)
{
    struct ksvc_create_params params;

    memset(&params, 0, sizeof(params));
    params.submit_ring_entries = submit_entries;
    params.complete_ring_entries = complete_entries;
    params.eventfd = -1;
    return params;
}

static void* map(struct ring* ring, size_t bytes, int protection, uint64_t offset)
{
    void* address = mmap(NULL, bytes, protection, MAP_SHARED, ring->fd, (off_t)offset);

    if (address == MAP_FAILED)
        fail(__FILE__, __LINE__, "mmap at %#llx: %s", (unsigned long long)offset, strerror(errno));
    return address;
}

void ring_make(struct ring* ring, uint32_t submit_entries, uint32_t complete_entries, int eventfd)
{
    memset(ring, 0, sizeof(*ring));
    ring->fd = open_device();
    ring->params = parameters(submit_entries, complete_entries);
    ring->params.eventfd = eventfd;
    if (ioctl(ring->fd, KSVC_IOC_CREATE, &ring->params))
        fail(__FILE__, __LINE__, "CREATE: %s", strerror(errno));
    ring->submit_map = map(ring, ring->params.out.submit_map_bytes, PROT_READ | PROT_WRITE,
                           KSVC_MMAP_SUBMIT);
    ring->complete_map = map(ring, ring->params.out.complete_map_bytes, PROT_READ | PROT_WRITE,
                             KSVC_MMAP_COMPLETE);
    ring->shared = map(ring, KSVC_PAGE_BYTES, PROT_READ, KSVC_MMAP_SHARED);
    ring->doorbell = map(ring, KSVC_PAGE_BYTES, PROT_READ | PROT_WRITE, KSVC_MMAP_DOORBELL);
    ring->wait = map(ring, KSVC_PAGE_BYTES, PROT_READ, KSVC_MMAP_WAIT);
    ring->submit = ring->submit_map;
    ring->complete = ring->complete_map;
    ring->entries = (void*)((char*)ring->submit_map + ring->submit->entries_offset);
    ring->completions = (void*)((char*)ring->complete_map + ring->complete->entries_offset);
}

static void* work(void* argument)
{
    struct ring* ring = argument;
    struct ksvc_work work;

    memset(&work, 0, sizeof(work));
    for (;;) {
        if (ioctl(ring->fd, KSVC_IOC_WORK, &work) == 0) {
            long result = syscall((long)work.syscall_nr, work.args[0], work.args[1], work.args[2],
                                  work.args[3], work.args[4], work.args[5]);
            work.result = result == -1 ? -errno : result;
            continue;
        }
        if (errno == EINTR) continue;
        /* EACCES: a thread has a filter that this one lacks (filter.c). */
        if (errno != ESHUTDOWN && errno != EACCES && errno != EBADF && !ring->is_quiet)
            fail(__FILE__, __LINE__, "WORK: %s", strerror(errno));
        return NULL;
    }
}

void ring_workers(struct ring* ring, int count)
{
    sigset_t all, old;

    if (!(ring->params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (; count > 0; count--) {
        CHECK(ring->worker_count < WORKERS_MAX);
        CHECK_EQUAL(pthread_create(&ring->workers[ring->worker_count++], NULL, work, ring), 0);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct ring* ring_of_module(int workers)
{
    static struct ring ring;

    ring_make(&ring, 16, 16, -1);
    if (!(ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) skip("not the Linux module");
    ring_workers(&ring, workers);
    return &ring;
}

int ring_enter(struct ring* ring, uint32_t submit, uint32_t min_complete, int64_t timeout_ns)
{
    struct ksvc_enter enter;

    memset(&enter, 0, sizeof(enter));
    enter.submit_count = submit;
    enter.min_complete = min_complete;
    enter.timeout_ns = timeout_ns;
    return ioctl(ring->fd, KSVC_IOC_ENTER, &enter);
}

uint32_t ring_waiting(struct ring* ring)
{
    return (uint32_t)(ksvc_load_acquire(&ring->complete->tail) - ring->complete->head);
}

bool ring_pop(struct ring* ring, struct ksvc_completion* completion)
{
    uint64_t head = ring->complete->head;

    if (ksvc_load_acquire(&ring->complete->tail) == head) return false;
    *completion = ring->completions[head & ring->complete->mask];
    ksvc_store_release(&ring->complete->head, head + 1);
    return true;
}

struct ksvc_shared_page ring_look(struct ring* ring)
{
    struct ksvc_shared_page copy;

    for (;;) {
        uint32_t before = __atomic_load_n(&ring->shared->sequence, __ATOMIC_ACQUIRE);

        memcpy(&copy, (const void*)ring->shared, sizeof(copy));
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(before & 1) && ring->shared->sequence == before) return copy;
    }
}
