// SPDX-License-Identifier: MIT
//
// The default router: a table that a probe fills at start-up from what page, backend and the class
// of each call allow; and a static one whose table the program writes itself.
#pragma once

#include <array>

#include "ksvc/concepts.h"

namespace ksvc {

class ProbingRouter {
public:
    // Asks page and backend about every number once.
    template <class Page, class Backend>
    void probe(const Page& page, Backend& backend) {
        for (uint32_t nr = 0; nr < kCallLimit; ++nr) learn(nr, page.answers(nr), backend.can_run(nr));
        kernel_runs_nop_ = backend.can_run(KSVC_NR_NOP);
        nop_ = kernel_runs_nop_ ? Tier::Kernel : Tier::Trap;  // no trap does nothing: answered on the spot
    }

    [[gnu::always_inline]] Tier route(const Entry& entry) const {
        if (entry.syscall_nr >= kCallLimit)  // unknown: the kernel says ENOSYS
            return entry.syscall_nr == KSVC_NR_NOP                            ? nop_
                   : entry.syscall_nr == kReceiveChosen && kernel_runs_nop_ ? Tier::Kernel
                                                                              : Tier::Pool;
        const Row& row = rows_[entry.syscall_nr];
        if (row.depends_on_arguments && is_about_caller(entry)) return Tier::Trap;
        return row.tier;
    }
    Tier tier(uint32_t nr) const {
        if (nr == KSVC_NR_NOP) return nop_;
        return nr < kCallLimit ? rows_[nr].tier : Tier::Pool;
    }
    Tier below(const Entry& entry) const;
    // EINVAL: this call cannot go by that tier here.
    Result<void> force(uint32_t nr, Tier tier);
    bool can_go(uint32_t nr, Tier tier) const;

private:
    struct Row {
        Tier tier = Tier::Pool;
        bool depends_on_arguments = false;
        bool page_answers = false;
        bool kernel_runs = false;
    };
    void learn(uint32_t nr, bool page_answers, bool kernel_runs);
    std::array<Row, kCallLimit> rows_;
    Tier nop_ = Tier::Trap;
    bool kernel_runs_nop_ = false;
};

// The program's own choice, nothing probed: everything by `otherwise` until set() says more. Wrong
// choices are answered by the kernel, not hidden.
class StaticRouter {
public:
    explicit StaticRouter(Tier otherwise = Tier::Pool) { table_.fill(otherwise); }
    template <class Page, class Backend>
    void probe(const Page&, Backend&) {}

    constexpr StaticRouter& set(uint32_t nr, Tier tier) {
        (nr < kCallLimit ? table_[nr] : nop_) = tier;
        return *this;
    }
    Tier route(const Entry& entry) const { return tier(entry.syscall_nr); }
    Tier tier(uint32_t nr) const {
        if (nr >= kCallLimit) return nop_;
        return class_of(nr) == CallClass::Never ? Tier::None : table_[nr];
    }
    Tier below(const Entry& entry) const { return is_about_caller(entry) ? Tier::Trap : Tier::Pool; }
    Result<void> force(uint32_t nr, Tier tier) {
        set(nr, tier);
        return {};
    }

private:
    std::array<Tier, kCallLimit> table_{};
    Tier nop_ = Tier::Kernel;
};

}  // namespace ksvc
