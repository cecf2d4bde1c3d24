// SPDX-License-Identifier: MIT
//
// Tier 0 pages. The device's page is kept current by the kernel. Where there is no device, the
// library fills a page itself, but only with what cannot go stale behind its back: the process id
// (the page is wiped by fork, MADV_WIPEONFORK). Everything else would need the program's promise
// that it changes identity only through refresh(): that is the cached page.
#pragma once

#include "ksvc/concepts.h"

namespace ksvc {

// Nothing by Tier 0.
class NoPage {
public:
    bool answers(uint32_t) const { return false; }
    std::optional<int64_t> answer(const Entry&) const { return {}; }
};

class FilledPage {
public:
    bool answers(uint32_t nr) const;
    std::optional<int64_t> answer(const Entry& entry) const;
};

// Pid, parent, group, session and the six ids as of the last refresh() or fork. For programs that
// promise to call refresh() after set*id, setpgid and setsid, and that can live with a parent that
// has been replaced since.
class CachedPage {
public:
    CachedPage();
    bool answers(uint32_t nr) const;
    std::optional<int64_t> answer(const Entry& entry) const;
    static void refresh();
};

// The page of /dev/ksvc, mapped once per process; answers nothing where there is no device.
class DevicePage {
public:
    DevicePage();
    bool answers(uint32_t nr) const;
    std::optional<int64_t> answer(const Entry& entry) const;
};

static_assert(SharedPage<NoPage> && SharedPage<FilledPage> && SharedPage<CachedPage> && SharedPage<DevicePage>);

}  // namespace ksvc
