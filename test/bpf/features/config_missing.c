// SPDX-License-Identifier: MIT
//
// An option that the kernel was built without, asked for as if it were always there: the whole object
// cannot be loaded (kernel.config, config.c).
#include "features.h"

#include <stdbool.h>

extern bool CONFIG_BPF_LSM __kconfig;

SEC("xdp") REFUSED("built without CONFIG_BPF_LSM") int missing(struct xdp_md* ctx) {
    return CONFIG_BPF_LSM ? XDP_DROP : XDP_PASS;
}
