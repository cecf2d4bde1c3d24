// SPDX-License-Identifier: MIT
//
// A Timer as an object: Signaled from its deadline on, until it is set again or cancelled.
#pragma once

#include "kernel/object/object.h"
#include "kernel/schedule/timer.h"

namespace gyre {

class TimerObject final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Timer;

    TimerObject() : Object(kKind), timer_(*this) {}
    ~TimerObject() override { timer_.cancel(); }

    // A moment of the monotonic clock; one that has passed signals soon.
    void set(int64_t deadline_ns) {
        cancel();
        timer_.arm(deadline_ns);
    }
    void cancel() {
        timer_.cancel();
        update_signals(Signals::Signaled, Signals::None);
    }

private:
    struct Armed final : Timer {
        explicit Armed(TimerObject& object) : Timer(&fire), owner(object) {}
        static void fire(Timer& timer) { static_cast<Armed&>(timer).owner.update_signals(Signals::None, Signals::Signaled); }
        TimerObject& owner;
    };
    Armed timer_;
};

}  // namespace gyre
