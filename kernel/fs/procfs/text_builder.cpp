// SPDX-License-Identifier: MIT
#include "kernel/fs/procfs/text_builder.h"

namespace gyre::procfs {

void TextBuilder::escaped(std::string_view text, std::string_view special) {
    for (const char c : text) {
        if (special.find(c) == std::string_view::npos) {
            character(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        const char octal[] = {'\\', char('0' + (byte >> 6)), char('0' + (byte >> 3 & 7)),
                              char('0' + (byte & 7))};
        this->text({octal, sizeof(octal)});
    }
}

}  // namespace gyre::procfs
