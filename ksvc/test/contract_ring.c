/* SPDX-License-Identifier: MIT */
/*
 * The contract suite (test/ring) against a way down of the library in place of the device: what
 * test/ring/ring.h promises, made of libksvc's C API. The rings that a case sees lie in plain memory;
 * ENTER hands entries on to the library and brings completions back, under the contract's rule of
 * back pressure. contract_main.c chooses the way and runs the cases.
 *
 * Left out is what only a device has: its descriptor, mappings, doorbell, wait page, eventfd, shared page
 * and workers of the program.
 */
#include "test/ring/ring.h"

#include <stdarg.h>

#include "ksvc/libksvc.h"

#define RINGS_MAX 4
#define NO_DESCRIPTOR (-100) /* and below: names of rings that cannot be polled */

/* What a ring of the library carries beside struct ring; found by its `fd`, the event descriptor. */
struct backed {
    struct ksvc_ring* library;
    struct ring* ring;
    uint32_t under_way; /* accepted by the library, final completion not yet in the case's ring */
};
static struct backed all[RINGS_MAX];
static int made;

static struct backed* backed_by(int fd)
{
    for (int index = 0; index < made; index++)
        if (all[index].ring->fd == fd) return &all[index];
    return NULL;
}

enum ksvc_way contract_way;

int open_device(void) { fail(__FILE__, __LINE__, "a library has no device to open"); }

static struct ksvc_ring_header* header(uint32_t entries, uint32_t entry_size)
{
    size_t bytes = KSVC_ENTRIES_OFFSET + (size_t)entries * entry_size;
    struct ksvc_ring_header* made_header = aligned_alloc(64, (bytes + 63) / 64 * 64);

    CHECK(made_header);
    memset(made_header, 0, bytes);
    made_header->magic = KSVC_RING_MAGIC;
    made_header->ring_size = entries;
    made_header->mask = entries - 1;
    made_header->entry_size = entry_size;
    made_header->version = KSVC_VERSION;
    made_header->entries_offset = KSVC_ENTRIES_OFFSET;
    return made_header;
}

void ring_make(struct ring* ring, uint32_t submit_entries, uint32_t complete_entries, int eventfd)
{
    int error;

    CHECK_EQUAL(eventfd, -1);
    CHECK(made < RINGS_MAX);
    memset(ring, 0, sizeof(*ring));
    all[made].ring = ring;
    error = ksvc_open(&all[made].library, complete_entries, contract_way);
    if (error) fail(__FILE__, __LINE__, "ksvc_open: %s", strerror(-error));
    ring->fd = ksvc_event_fd(all[made].library);
    if (ring->fd < 0) ring->fd = NO_DESCRIPTOR - made;
    made++;
    ring->params.out.features = KSVC_FEATURE_MULTI | KSVC_FEATURE_CANCEL;
    ring->submit = header(submit_entries, sizeof(struct ksvc_entry));
    ring->complete = header(complete_entries, sizeof(struct ksvc_completion));
    ring->entries = (void*)((char*)ring->submit + KSVC_ENTRIES_OFFSET);
    ring->completions = (void*)((char*)ring->complete + KSVC_ENTRIES_OFFSET);
}

void ring_workers(struct ring* ring, int count)
{
    (void)ring;
    (void)count; /* the library brings its own */
}

/* Slots of the case's completion ring that are neither filled nor promised. */
static uint32_t slots_left(const struct backed* backed)
{
    const struct ksvc_ring_header* complete = backed->ring->complete;

    return complete->ring_size - (uint32_t)(complete->tail - complete->head) - backed->under_way;
}

/* Brings completions from the library into the case's ring. */
static void bring(struct backed* backed)
{
    struct ring* ring = backed->ring;
    const struct ksvc_completion* next;

    while ((next = ksvc_next(backed->library))) {
        if (next->flags & KSVC_COMPLETION_MORE) {
            if (slots_left(backed) == 0) return;
        } else {
            CHECK(backed->under_way > 0); /* a completion that nobody waits for */
            backed->under_way--;
        }
        ring->completions[ring->complete->tail & ring->complete->mask] = *next;
        ring->complete->tail++;
        ksvc_advance(backed->library, 1);
    }
}

static uint32_t take(struct backed* backed, uint32_t most)
{
    struct ring* ring = backed->ring;
    uint32_t taken = 0;

    while (taken < most && ring->submit->head != ring->submit->tail && slots_left(backed)) {
        struct ksvc_entry* entry = ksvc_get_entry(backed->library);

        CHECK(entry); /* the library has as many slots as the case's ring */
        *entry = ring->entries[ring->submit->head & ring->submit->mask];
        ring->submit->head++;
        backed->under_way++;
        taken++;
    }
    return taken;
}

int ring_enter(struct ring* ring, uint32_t submit, uint32_t min_complete, int64_t timeout_ns)
{
    struct backed* backed = backed_by(ring->fd);
    uint32_t taken = take(backed, submit);
    int result = ksvc_submit(backed->library);
    int64_t end = timeout_ns < 0 ? 0 : now_ns() + timeout_ns;

    if (result >= 0) result = 0;
    bring(backed);
    while (result == 0 && ring->complete->tail - ring->complete->head < min_complete) {
        int64_t left = timeout_ns < 0 ? -1 : end > now_ns() ? end - now_ns() : 0;

        result = ksvc_wait(backed->library, 1, left);
        bring(backed);
    }
    if (taken || result == 0) return (int)taken;
    errno = -result;
    return -1;
}

uint32_t ring_waiting(struct ring* ring)
{
    bring(backed_by(ring->fd));
    return (uint32_t)(ring->complete->tail - ring->complete->head);
}

bool ring_pop(struct ring* ring, struct ksvc_completion* completion)
{
    if (ring_waiting(ring) == 0) return false;
    *completion = ring->completions[ring->complete->head++ & ring->complete->mask];
    return true;
}

/* The cases' ioctl: CANCEL is the library's, everything else the kernel's. */
int contract_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    const struct ksvc_cancel* cancel;
    struct backed* backed = backed_by(fd);
    int reached;

    va_start(arguments, request);
    cancel = va_arg(arguments, const struct ksvc_cancel*);
    va_end(arguments);
    if (request != KSVC_IOC_CANCEL || !backed) return (int)syscall(SYS_ioctl, fd, request, cancel);
    reached = ksvc_cancel_entry(backed->library, cancel->corr_id);
    if (reached >= 0) return reached;
    errno = -reached;
    return -1;
}
