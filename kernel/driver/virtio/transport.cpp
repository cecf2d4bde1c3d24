// SPDX-License-Identifier: MIT
#include "kernel/driver/virtio/transport.h"

namespace gyre::driver::virtio {

Result<uint64_t> Transport::start(uint64_t wanted) {
    using namespace device_status;
    constexpr int64_t kResetNs = 100'000'000;
    set_status(0);
    const int64_t deadline = arch::clock_now_ns() + kResetNs;
    while (status() != 0)  // a device may take a moment to reset (4.1.4.3.2)
        if (arch::clock_now_ns() > deadline) return fail(Error::NotSupported);
    set_status(kAcknowledge);
    set_status(kAcknowledge | kDriver);
    const uint64_t offered = features();
    if (!(offered & kFeatureVersion1)) return fail(Error::NotSupported);
    const uint64_t agreed = offered & (wanted | kFeatureVersion1);
    set_features(agreed);
    set_status(kAcknowledge | kDriver | kFeaturesOk);
    if (!(status() & kFeaturesOk)) return fail(Error::NotSupported);
    return agreed;
}

}  // namespace gyre::driver::virtio
