// SPDX-License-Identifier: MIT
//
// COM1 by polling: the console before drivers run and after they cannot any more (panic). kernel/driver/serial_16550 takes the
// port over in between.
#pragma once

#include <string_view>

namespace gyre::early_serial {

void initialize();
// Turns \n into \r\n. Context: any.
void write(std::string_view text);

}  // namespace gyre::early_serial
