// SPDX-License-Identifier: MIT
//
// stub
#pragma once
namespace gyre { class File; }
namespace gyre::epoll { void forget_file(File& file); }
