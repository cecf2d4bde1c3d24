// SPDX-License-Identifier: MIT
#include "kernel/object/port.h"

#include <new>

namespace gyre {

// A wait belongs to the port's list (one reference) until it is taken or cancelled, and to wait_for() while that sets it up.
class Port::Wait final : public Observer, public RefCounted {
public:
    Wait(Port& port, Ref<Object> object, Signals wanted, uint64_t key) : port_(port), object_(std::move(object)), wanted_(wanted) {
        item_.packet.key = key;
        item_.wait = this;
    }
    void on_signals(Object&, Signals raised, Signals) override { note(raised); }

    // The first time counts. Context: any.
    void note(Signals raised) {
        if (!any(raised & wanted_)) return;
        {
            SpinGuard guard(port_.lock_);
            if (!item_.all_hook.is_linked() || item_.ready_hook.is_linked()) return;
            item_.packet.signals = raised & wanted_;
            port_.ready_.push_back(item_);
        }
        port_.waiters_.wake_one();
    }
    Object& object() { return *object_; }
    Item& item() { return item_; }

private:
    Port& port_;
    const Ref<Object> object_;
    const Signals wanted_;
    Item item_;
};

void Port::unlink_locked(Item& item) {
    if (item.ready_hook.is_linked()) ready_.erase(ReadyList::s_iterator_to(item));
    if (item.wait) waits_.erase(AllList::s_iterator_to(item));
    else --queued_;
}

// Out of both lists, no lock held.
void Port::destroy(Item* item) {
    if (!item->wait) {
        delete item;
        return;
    }
    const auto wait = Ref<Wait>::adopt(item->wait);
    wait->object().remove_observer(*wait);
}

Port::~Port() {
    for (;;) {
        Item* item = nullptr;
        {
            SpinGuard guard(lock_);
            if (!waits_.empty()) item = &waits_.front();
            else if (!ready_.empty()) item = &ready_.front();
            else return;
            unlink_locked(*item);
        }
        destroy(item);
    }
}

Status Port::queue(uint64_t key, uint64_t payload) {
    Item* item = new (std::nothrow) Item();
    if (!item) return fail(Error::NoMemory);
    item->packet = {key, Signals::None, payload};
    {
        SpinGuard guard(lock_);
        if (queued_ < kMostPackets) {
            ++queued_;
            ready_.push_back(*item);
            item = nullptr;
        }
    }
    if (item) {
        delete item;
        return fail(Error::WouldBlock);
    }
    waiters_.wake_one();
    return {};
}

Result<PortPacket> Port::wait(Patience patience) {
    Item* item = nullptr;
    TRY_VOID(waiters_.wait(patience, [&] {
        SpinGuard guard(lock_);
        if (item) return true;
        if (ready_.empty()) return false;
        item = &ready_.front();
        unlink_locked(*item);
        return true;
    }));
    const PortPacket packet = item->packet;
    destroy(item);
    return packet;
}

Status Port::wait_for(Ref<Object> object, Signals wanted, uint64_t key) {
    const Ref<Wait> wait = TRY(make_ref<Wait>(*this, object, wanted, key));
    {
        SpinGuard guard(lock_);
        waits_.push_back(Ref<Wait>(wait).leak()->item());
    }
    object->add_observer(*wait);
    wait->note(object->signals());
    // Taken or cancelled before it observed: then nobody else removes it.
    bool is_gone;
    {
        SpinGuard guard(lock_);
        is_gone = !wait->item().all_hook.is_linked();
    }
    if (is_gone) object->remove_observer(*wait);
    return {};
}

bool Port::cancel(const Object& object, uint64_t key) {
    bool has_found = false;
    for (;;) {
        Item* found = nullptr;
        {
            SpinGuard guard(lock_);
            for (Item& item : waits_)
                if (&item.wait->object() == &object && item.packet.key == key) {
                    found = &item;
                    break;
                }
            if (found) unlink_locked(*found);
        }
        if (!found) return has_found;
        has_found = true;
        destroy(found);
    }
}

}  // namespace gyre
