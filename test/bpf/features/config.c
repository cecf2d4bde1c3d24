// SPDX-License-Identifier: MIT
//
// __kconfig externs are constants of the kernel: what is for other kernels is not walked. With
// kernel.config for the kernel's configuration. Left out: options of the running kernel (bpf_config.cpp).
#include "features.h"

#include <stdbool.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig;
extern unsigned long CONFIG_HZ __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern bool CONFIG_BPF_LSM __kconfig __weak;
extern enum libbpf_tristate CONFIG_IPV6 __kconfig;
extern char CONFIG_IPV6_AS_CHAR __kconfig __weak;
extern int CONFIG_BASE_SMALL __kconfig;
extern unsigned int CONFIG_PHYSICAL_START __kconfig;
extern char CONFIG_LOCALVERSION[5] __kconfig;

// An access that no kernel allows, so that walking here is a refusal.
static __attribute__((always_inline)) int never(struct xdp_md* ctx) { return *(volatile int*)((char*)ctx + 4000); }

SEC("xdp") ACCEPTED int version(struct xdp_md* ctx) {
    if (LINUX_KERNEL_VERSION < KERNEL_VERSION(6, 18, 0)) return never(ctx);
    return LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 19, 0) ? never(ctx) : XDP_PASS;
}
SEC("xdp") REFUSED("context") int wrong_version(struct xdp_md* ctx) {
    return LINUX_KERNEL_VERSION >= KERNEL_VERSION(6, 18, 0) ? never(ctx) : XDP_PASS;
}
SEC("xdp") ACCEPTED int cookie(struct xdp_md* ctx) { return LINUX_HAS_BPF_COOKIE ? XDP_PASS : never(ctx); }
SEC("xdp") ACCEPTED int number(struct xdp_md* ctx) { return CONFIG_HZ == 250 ? XDP_PASS : never(ctx); }
SEC("xdp") ACCEPTED int built_in(struct xdp_md* ctx) { return CONFIG_BPF_SYSCALL ? XDP_PASS : never(ctx); }
SEC("xdp") ACCEPTED int left_out(struct xdp_md* ctx) { return CONFIG_BPF_LSM ? never(ctx) : XDP_PASS; }
SEC("xdp") ACCEPTED int module(struct xdp_md* ctx) { return CONFIG_IPV6 == TRI_MODULE ? XDP_PASS : never(ctx); }
SEC("xdp") ACCEPTED int absent_char(struct xdp_md* ctx) { return CONFIG_IPV6_AS_CHAR ? never(ctx) : XDP_PASS; }
SEC("xdp") ACCEPTED int negative(struct xdp_md* ctx) { return CONFIG_BASE_SMALL == -3 ? XDP_PASS : never(ctx); }
SEC("xdp") ACCEPTED int hexadecimal(struct xdp_md* ctx) {
    return CONFIG_PHYSICAL_START == 0x1000000 ? XDP_PASS : never(ctx);
}
SEC("xdp") ACCEPTED int text_is_cut(struct xdp_md* ctx) {
    return CONFIG_LOCALVERSION[3] == 'a' && CONFIG_LOCALVERSION[4] == 0 ? XDP_PASS : never(ctx);
}
