// SPDX-License-Identifier: MIT
//
// Fuzzing the cpio reader: whatever the bytes, it ends, moves forward, and hands out views that lie
// inside.
#include <cstdint>
#include <cstdlib>

#include "lib/cpio/cpio.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span archive(reinterpret_cast<const std::byte*>(data), size);
    gyre::cpio::Reader reader(archive);
    const auto* const begin = reinterpret_cast<const char*>(data);
    size_t last = 0;
    for (;;) {
        const auto next = reader.next();
        if (!next) {
            // Damage stays damage.
            if (reader.next()) std::abort();
            return 0;
        }
        if (!next->has_value()) {
            if (reader.offset() != size) std::abort();
            return 0;
        }
        const gyre::cpio::Entry& entry = **next;
        if (reader.offset() <= last || reader.offset() > size) std::abort();
        last = reader.offset();
        if (entry.name.empty() || entry.name.data() < begin ||
            entry.name.data() + entry.name.size() > begin + size)
            std::abort();
        const auto* const content = reinterpret_cast<const char*>(entry.content.data());
        if (content < begin || content + entry.content.size() > begin + size) std::abort();
    }
}
