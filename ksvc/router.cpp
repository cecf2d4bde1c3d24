// SPDX-License-Identifier: MIT
//
// How the probe's findings become a route, and which routes may be forced.
#include "ksvc/router.h"

namespace ksvc {

void ProbingRouter::learn(uint32_t nr, bool page_answers, bool kernel_runs) {
    const CallClass kind = class_of(nr);
    Row& row = rows_[nr];
    row.depends_on_arguments = kind == CallClass::Arguments;
    row.page_answers = page_answers;
    row.kernel_runs = kernel_runs;
    if (kind == CallClass::Never) {
        row.tier = Tier::None;
    } else if (page_answers) {
        row.tier = Tier::SharedPage;
    } else if (kernel_runs) {
        row.tier = Tier::Kernel;
    } else {
        row.tier = kind == CallClass::Caller ? Tier::Trap : Tier::Pool;
    }
}

Tier ProbingRouter::below(const Entry& entry) const {
    return is_about_caller(entry) ? Tier::Trap : Tier::Pool;
}

bool ProbingRouter::can_go(uint32_t nr, Tier tier) const {
    if (nr == KSVC_NR_NOP)
        return tier == Tier::Pool || tier == Tier::Trap || (tier == Tier::Kernel && kernel_runs_nop_);
    if (nr >= kCallLimit) return tier == Tier::Pool || tier == Tier::Trap;
    const CallClass kind = class_of(nr);
    if (kind == CallClass::Never) return tier == Tier::None;
    switch (tier) {
        case Tier::SharedPage: return rows_[nr].page_answers;
        case Tier::Kernel: return rows_[nr].kernel_runs;
        case Tier::Pool: return kind != CallClass::Caller;
        case Tier::Trap: return true;
        case Tier::None: return false;
    }
    return false;
}

Result<void> ProbingRouter::force(uint32_t nr, Tier tier) {
    if (!can_go(nr, tier)) return fail(EINVAL);
    if (nr == KSVC_NR_NOP) {
        nop_ = tier;
    } else if (nr < kCallLimit) {
        rows_[nr].tier = tier;
    }
    return {};
}

}  // namespace ksvc
