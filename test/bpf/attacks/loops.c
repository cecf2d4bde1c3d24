// SPDX-License-Identifier: MIT
//
// Loops that never end, though each round uses up a part of some budget: an iterator's, or that of
// may_goto. Linux 6.18 accepts those marked so.
#include "attack.h"

#define MAKE(at) "r1 = r10; r1 += " #at "; r2 = 0; r3 = 1000; call %[bpf_iter_num_new];"
#define NEXT(at) "r1 = r10; r1 += " #at "; call %[bpf_iter_num_next];"
#define END(at) "r1 = r10; r1 += " #at "; call %[bpf_iter_num_destroy];"
#define TOSS "call %[bpf_get_prandom_u32];"
#define KERNEL                                                                         \
    __imm(bpf_get_prandom_u32), __imm(bpf_iter_num_new), __imm(bpf_iter_num_next), \
        __imm(bpf_iter_num_destroy)

extern int bpf_iter_num_new(struct bpf_iter_num* it, int start, int end) __ksym;
extern int* bpf_iter_num_next(struct bpf_iter_num* it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num* it) __ksym;

// The budget belongs to one run of the function: the caller's loop has none. Linux accepts it.
FUNCTION int may_leave_early(void) {
    asm volatile("1: may_goto 3f;" TOSS "if r0 != 5 goto 2f; goto 1b; 2: r0 = 1; exit;"
                 "3: r0 = 0; exit;" ::KERNEL : __clobber_all);
}

SEC("tc") REFUSED ASSEMBLY void may_goto_in_a_function(void) {
    asm volatile("1: call may_leave_early; if r0 != 0 goto 1b; r0 = 0; exit;" ::: __clobber_all);
}

SEC("tc") ACCEPTED ASSEMBLY void may_goto_around_a_function(void) {
    asm volatile("1: may_goto 2f; call may_leave_early; if r0 != 0 goto 1b; 2: r0 = 0; exit;" ::
                     : __clobber_all);
}

// The iterator is made anew on one way, and the path ends where the other way has been. Linux
// accepts it.
SEC("tc") REFUSED ASSEMBLY void iterator_made_anew_on_one_way(void) {
    asm volatile(MAKE(-8) "1:" NEXT(-8) "if r0 == 0 goto 3f;" TOSS "if r0 == 7 goto 2f;"
                 "4: r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5; r1 = 1; r2 = 2; r3 = 3; goto 1b;"
                 "2:" END(-8) MAKE(-8) "goto 4b; 3:" END(-8) "r0 = 0; exit;" ::KERNEL
                 : __clobber_all);
}

SEC("tc") REFUSED ASSEMBLY void iterator_made_anew_in_each_round(void) {
    asm volatile("9:" MAKE(-8) "1:" NEXT(-8) "if r0 == 0 goto 3f;" TOSS "if r0 == 7 goto 1b;"
                 END(-8) "goto 9b; 3:" END(-8) "r0 = 0; exit;" ::KERNEL : __clobber_all);
}

// Each of two iterators is made anew whenever the other one moves. Linux accepts it.
SEC("tc") REFUSED ASSEMBLY void iterators_that_renew_each_other(void) {
    asm volatile(MAKE(-8) MAKE(-16)
                 "1:" NEXT(-8) "if r0 == 0 goto 3f; 2:" TOSS "if r0 == 7 goto 4f;"
                 END(-16) MAKE(-16) "goto 1b; 4:" NEXT(-16) "if r0 == 0 goto 3f;"
                 END(-8) MAKE(-8) "goto 2b; 3:" END(-8) END(-16) "r0 = 0; exit;" ::KERNEL
                 : __clobber_all);
}

SEC("tc") ACCEPTED ASSEMBLY void iterator_in_an_iteration(void) {
    asm volatile(MAKE(-8) "1:" NEXT(-8) "if r0 == 0 goto 3f;" MAKE(-16)
                 "2:" NEXT(-16) "if r0 == 0 goto 4f;" TOSS "if r0 == 7 goto 2b;"
                 "4:" END(-16) TOSS "if r0 == 8 goto 3f; goto 1b; 3:" END(-8) "r0 = 0; exit;"
                 ::KERNEL : __clobber_all);
}

SEC("tc") ACCEPTED int iterations_one_after_the_other(void* context) {
    int sum = 0, i, j;
    bpf_for(i, 0, 100) {
        if (bpf_get_prandom_u32() & 1) {
            continue;
        }
        bpf_for(j, 0, i) sum += j;
        bpf_for(j, 0, i) {
            sum ^= j;
            if (sum == 9) {
                break;
            }
        }
    }
    bpf_for(i, 0, 100) sum += i;
    return sum;
}

// A counter that a loop with a budget of its own puts back.
SEC("tc") REFUSED ASSEMBLY void counter_put_back(void) {
    asm volatile("r6 = 0; 1: r6 += 1;" TOSS "if r0 != 5 goto 2f; r6 = 0; 2: if r6 < 100 goto 1b;"
                 "r0 = 0; exit;" ::KERNEL : __clobber_all);
}

// The outer iteration counts on an iterator that an inner, counted loop makes anew.
SEC("tc") REFUSED ASSEMBLY void counted_loop_renews_the_outer_iterator(void) {
    asm volatile(MAKE(-8) "1:" NEXT(-8) "if r0 == 0 goto 3f; r6 = 0;"
                 "2:" END(-8) MAKE(-8) "r6 += 1; if r6 < 50 goto 2b; goto 1b; 3:" END(-8)
                 "r0 = 0; exit;" ::KERNEL : __clobber_all);
}

// One way round takes no step; it joins another in the middle, from code that was laid out before.
#define WORK "r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5; r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5;"
SEC("tc") REFUSED ASSEMBLY void a_way_without_a_step(void) {
    asm volatile("r6 = 0; goto 1f; 9: r7 = 1; goto 3f;"
                 "1: r7 = 0;" TOSS "if r0 == 1 goto 9b; r6 += 1;" TOSS "if r0 == 2 goto 4f;"
                 "3: r7 = 0;" WORK WORK WORK TOSS "if r0 == 5 goto 5f; r1 = 1; 5: r1 = 2; goto 6f;"
                 "4:" WORK WORK WORK "6: r0 = 0; if r6 < 100 goto 1b; r0 = 0; exit;" ::KERNEL
                 : __clobber_all);
}
SEC("tc") ACCEPTED ASSEMBLY void a_step_on_each_way(void) {
    asm volatile("r6 = 0; goto 1f; 9: r6 += 2; goto 3f;"
                 "1: r7 = 0;" TOSS "if r0 == 1 goto 9b; r6 += 1;" TOSS "if r0 == 2 goto 4f;"
                 "3: r7 = 0;" WORK TOSS "if r0 == 5 goto 5f; r1 = 1; 5: r1 = 2; goto 6f;"
                 "4:" WORK "6: r0 = 0; if r6 < 100 goto 1b; r0 = 0; exit;" ::KERNEL
                 : __clobber_all);
}
