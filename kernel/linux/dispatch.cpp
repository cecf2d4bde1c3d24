// SPDX-License-Identifier: MIT
//
// The table of calls by number, with a thunk for each that turns six words into typed arguments. Generated from
// abi/calls.tbl.
#include "kernel/linux/dispatch.h"

namespace gyre::linux {
namespace {

CallResult call_absent(CallContext&, const CallArguments&) { return fail(Error::NotImplemented); }

}  // namespace

#include "call_dispatch.inc"

}  // namespace gyre::linux
