// SPDX-License-Identifier: MIT
//
// Work that a task does for a program when it returns to user mode (bpf_task_work, Linux 6.18), and the
// program's own output streams (6.17). A map without special fields in the place of the task work's own
// crashes Linux 6.18's verifier and is not here.
#include "features.h"

struct task_struct;
struct bpf_task_work {
    __u64 opaque;
};
struct job {
    struct bpf_task_work work;
    int number;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, int);
    __type(value, struct job);
} jobs SEC(".maps"), others SEC(".maps");

extern int bpf_task_work_schedule_signal_impl(struct task_struct* task, struct bpf_task_work* work, void* map,
                                              int (*callback)(void*, int*, struct job*), void* aux)
    __attribute__((section(".ksyms")));
extern int bpf_task_work_schedule_resume_impl(struct task_struct* task, struct bpf_task_work* work, void* map,
                                              int (*callback)(void*, int*, struct job*), void* aux)
    __attribute__((section(".ksyms")));
extern int bpf_stream_vprintk_impl(int stream, const char* format, const void* args, __u32 len, void* aux)
    __attribute__((section(".ksyms")));
extern int bpf_copy_from_user_str(void* to, __u32 size, const void* from, __u64 flags)
    __attribute__((section(".ksyms")));

static struct job* job_at(void* map, int key) { return bpf_map_lookup_elem(map, &key); }

static __attribute__((noinline)) int counts(void* map, int* key, struct job* job) {
    job->number++;
    return 0;
}
static __attribute__((noinline)) int returns_more(void* map, int* key, struct job* job) {
    return job->number;  // loaded as a number without a sign
}
static __attribute__((noinline)) int returns_many(void* map, int* key, struct job* job) {
    return job->number & 0xffff;
}
static __attribute__((noinline)) int sleeps(void* map, int* key, struct job* job) {
    char text[8];
    return bpf_copy_from_user_str(text, sizeof(text), 0, 0) < 0;
}
static __attribute__((noinline)) int reads_beyond(void* map, int* key, struct job* job) {
    return ((int*)job)[64];
}

SEC("raw_tp") SINCE("6.18") int scheduled(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(task, &job->work, &jobs, counts, 0);
    return 0;
}
SEC("raw_tp") SINCE("6.18") int scheduled_on_resume(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_resume_impl(task, &job->work, &jobs, counts, 0);
    return 0;
}
SEC("raw_tp") REFUSED("the program must return") int any_result(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(task, &job->work, &jobs, returns_more, 0);
    return 0;
}
SEC("raw_tp") ACCEPTED int some_results(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(task, &job->work, &jobs, returns_many, 0);
    return 0;
}
SEC("raw_tp") ACCEPTED int may_sleep(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(task, &job->work, &jobs, sleeps, 0);
    return 0;
}
SEC("raw_tp") REFUSED("outside a map value") int callback_is_verified(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(task, &job->work, &jobs, reads_beyond, 0);
    return 0;
}
SEC("raw_tp") REFUSED("lies in another map") int of_another_map(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(task, &job->work, &others, counts, 0);
    return 0;
}
SEC("raw_tp") REFUSED("no task work of a map") int beside_the_work(void* context) {
    struct task_struct* task = (void*)bpf_get_current_task_btf();
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(task, (void*)&job->number, &jobs, counts, 0);
    return 0;
}
SEC("raw_tp") REFUSED("is null") int of_no_task(void* context) {
    struct job* job = job_at(&jobs, 0);
    if (job) bpf_task_work_schedule_signal_impl(0, &job->work, &jobs, counts, 0);
    return 0;
}
SEC("raw_tp") REFUSED("only its own") int work_read_as_data(void* context) {
    struct job* job = job_at(&jobs, 0);
    return job ? (int)job->work.opaque : 0;
}

SEC("tc") SINCE("6.17") int says(struct __sk_buff* skb) {
    static const char format[] = "%d of %d\n";
    __u64 args[2] = {1, 2};
    bpf_stream_vprintk_impl(1, format, args, sizeof(args), 0);
    return 0;
}
SEC("tc") REFUSED("is null") int says_without_arguments(struct __sk_buff* skb) {
    static const char format[] = "here\n";
    bpf_stream_vprintk_impl(2, format, 0, 0, 0);
    return 0;
}
SEC("tc") REFUSED("string") int format_on_stack(struct __sk_buff* skb) {
    char format[8] = "here\n";
    asm volatile("" : : "r"(format) : "memory");
    bpf_stream_vprintk_impl(2, format, 0, 0, 0);
    return 0;
}
SEC("tc") REFUSED("stack") int more_arguments_than_there_are(struct __sk_buff* skb) {
    static const char format[] = "%d of %d\n";
    __u64 args[2] = {1, 2};
    bpf_stream_vprintk_impl(1, format, args, 64, 0);
    return 0;
}

struct bpf_wq {
    __u64 opaque[2];
};
struct queued {
    struct bpf_wq queue;
    int number;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, int);
    __type(value, struct queued);
} queues SEC(".maps");

extern int bpf_wq_init(struct bpf_wq* queue, void* map, unsigned flags) __attribute__((section(".ksyms")));
extern int bpf_wq_set_callback_impl(struct bpf_wq* queue, int (*callback)(void*, int*, struct queued*),
                                    unsigned flags, void* aux) __attribute__((section(".ksyms")));
extern int bpf_wq_start(struct bpf_wq* queue, unsigned flags) __attribute__((section(".ksyms")));

static __attribute__((noinline)) int sleeps_in_thread(void* map, int* key, struct queued* value) {
    char text[8];
    value->number = bpf_copy_from_user_str(text, sizeof(text), 0, 0);
    return 0;
}
static __attribute__((noinline)) int returns_one(void* map, int* key, struct queued* value) { return 1; }

SEC("tc") ACCEPTED int queue_may_sleep(struct __sk_buff* skb) {
    int key = 0;
    struct queued* value = bpf_map_lookup_elem(&queues, &key);
    if (!value || bpf_wq_init(&value->queue, &queues, 0)) return 0;
    if (bpf_wq_set_callback_impl(&value->queue, sleeps_in_thread, 0, 0)) return 0;
    bpf_wq_start(&value->queue, 0);
    return 0;
}
SEC("tc") REFUSED("the program must return 0") int queue_returns_one(struct __sk_buff* skb) {
    int key = 0;
    struct queued* value = bpf_map_lookup_elem(&queues, &key);
    if (!value || bpf_wq_init(&value->queue, &queues, 0)) return 0;
    bpf_wq_set_callback_impl(&value->queue, returns_one, 0, 0);
    return 0;
}

struct job_map {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, int);
    __type(value, struct job);
} one SEC(".maps"), other SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 2);
    __type(key, int);
    __array(values, struct job_map);
} outer SEC(".maps") = {.values = {&one, &other}};
static void* map_at(int key) { return bpf_map_lookup_elem(&outer, &key); }

SEC("raw_tp") ACCEPTED int of_an_inner_map(void* context) {
    void* map = map_at(0);
    struct job* job = map ? job_at(map, 0) : 0;
    if (job) bpf_task_work_schedule_signal_impl((void*)bpf_get_current_task_btf(), &job->work, map, counts, 0);
    return 0;
}
SEC("raw_tp") REFUSED("lies in another map") int of_another_inner_map(void* context) {
    void *map = map_at(0), *wrong = map_at(1);
    struct job* job = map && wrong ? job_at(map, 0) : 0;
    if (job) bpf_task_work_schedule_signal_impl((void*)bpf_get_current_task_btf(), &job->work, wrong, counts, 0);
    return 0;
}
static __attribute__((noinline)) int schedules_itself(void* map, int* key, struct job* job) {
    bpf_task_work_schedule_signal_impl((void*)bpf_get_current_task_btf(), &job->work, map, schedules_itself, 0);
    return 0;
}
SEC("raw_tp") ACCEPTED int schedules_again(void* context) {
    struct job* job = job_at(&jobs, 0);
    if (job)
        bpf_task_work_schedule_signal_impl((void*)bpf_get_current_task_btf(), &job->work, &jobs, schedules_itself, 0);
    return 0;
}
