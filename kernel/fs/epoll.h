// SPDX-License-Identifier: MIT
//
// epoll(7): a set of interests in files, and the list of those that may be ready. An object's
// signals put an item on the list; whether it is ready still is asked of the file when the list is
// read out. EPOLLEXCLUSIVE is taken as the manual allows: every set that asked for it may be told.
// An item does not keep its file open; it ends with the last reference to it (forget_file).
#pragma once

#include <atomic>
#include <cstdint>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include "kernel/fs/file.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/mutex.h"

namespace gyre {

class EpollFile;

// EPOLL* flags beside the events (poll.h).
namespace epoll_flags {
constexpr uint32_t kExclusive = 1u << 28, kWakeUp = 1u << 29, kOneShot = 1u << 30, kEdge = 1u << 31;
constexpr uint32_t kAll = kExclusive | kWakeUp | kOneShot | kEdge;
}  // namespace epoll_flags

struct EpollInterest {
    uint32_t events = 0;
    uint64_t data = 0;
};

class EpollItem final : public Observer {
public:
    EpollItem(EpollFile& owner, File& file, int descriptor, EpollInterest interest);
    ~EpollItem();
    // fs.epoll.max_user_watches: what a twenty-fifth of the memory holds.
    static uint64_t most();
    void on_signals(Object& object, Signals raised, Signals now) override;

    EpollFile& owner;
    File& file;
    const int descriptor;
    Object* observed = nullptr;
    std::atomic<uint32_t> events;  // written under the owner's set lock
    uint64_t data;
    bool is_listed = false;             // on the ready list; under its lock
    EpollItem* next_of_file = nullptr;  // File::epoll_items(), under the topology lock
    boost::intrusive::set_member_hook<> set_hook;
    boost::intrusive::list_member_hook<> ready_hook;
};

class EpollFile final : public File {
public:
    static inline constinit char kTypeTag = 0;
    const void* type_tag() const override { return &kTypeTag; }

    static constexpr int kMostNesting = 5;  // sets that watch sets, counted with the outermost

    explicit EpollFile(uint32_t flags);
    ~EpollFile() override;

    // epoll_ctl(2). Errors: Exists, NotFound, InvalidArgument, SymlinkLoop (sets would watch each
    // other in a circle, or too deep), NoSpace (all items together would take more than a part of
    // the memory, as max_user_watches), NoMemory.
    Status add(File& file, int descriptor, EpollInterest interest);
    Status modify(File& file, int descriptor, EpollInterest interest);
    Status remove(File& file, int descriptor);

    // Waits for events and gives each to `emit`, which may copy to user memory; a failure of it
    // ends the reading and the item stays. 0 when the time is over. Errors: Interrupted, and emit's
    // when nothing was given.
    using Emit = Status (*)(void* argument, size_t index, const EpollInterest& event);
    Result<size_t> wait(size_t most, Patience patience, Emit emit, void* argument);

    // Takes items off the list that are not ready any more, so that signals() tells the truth. May
    // sleep.
    void drop_stale();
    Signals signals() const override {
        return ready_count_.load(std::memory_order_acquire) != 0 ? Signals::Readable
                                                                 : Signals::None;
    }
    Result<uint64_t> seek(int64_t, int) override {
        return 0;
    }  // as Linux's: taken, and means nothing
    size_t describe(std::span<char> buffer) const override;
    // Calls body(descriptor, events, data) for each item (fdinfo).
    template <class Body>
    void for_each(Body&& body) {
        MutexGuard guard(set_lock_);
        for (const EpollItem& item : items_)
            body(item.descriptor, item.events.load(), item.data);
    }

private:
    friend class EpollItem;
    friend struct EpollTopology;
    struct Key {
        const File* file;
        int descriptor;
    };
    struct ByKey {
        using type = Key;
        Key operator()(const EpollItem& item) const { return {&item.file, item.descriptor}; }
    };
    struct KeyOrder {
        bool operator()(const Key& a, const Key& b) const {
            return a.file != b.file ? a.file < b.file : a.descriptor < b.descriptor;
        }
    };
    using Items = boost::intrusive::set<
        EpollItem,
        boost::intrusive::member_hook<EpollItem, boost::intrusive::set_member_hook<>,
                                      &EpollItem::set_hook>,
        boost::intrusive::key_of_value<ByKey>, boost::intrusive::compare<KeyOrder>,
        boost::intrusive::constant_time_size<false>>;
    using ReadyList = boost::intrusive::list<
        EpollItem,
        boost::intrusive::member_hook<EpollItem, boost::intrusive::list_member_hook<>,
                                      &EpollItem::ready_hook>,
        boost::intrusive::constant_time_size<false>>;

    void item_raised(EpollItem& item);
    void list_item(EpollItem& item);
    EpollItem* pop_item();
    void unlist_item(EpollItem& item);
    void look_at_item_locked(EpollItem& item);
    uint32_t events_of_locked(EpollItem& item) const;
    EpollItem* find_locked(File& file, int descriptor);
    void remove_item_locked(EpollItem& item);
    Result<size_t> harvest(size_t most, Emit emit, void* argument);

    Mutex set_lock_{LockRank::EpollSet};
    Items items_;  // changed under the topology lock and set_lock_, read under either
    SpinLock ready_lock_{LockRank::Observer};
    ReadyList ready_;
    std::atomic<uint32_t> ready_count_{0};
    WaitQueue waiters_;
    // Under the topology lock: sets on the longest way down and up, each counted with this one, as
    // of the generation.
    int level_ = 1, height_ = 1;
    uint64_t level_generation_ = 0, height_generation_ = 0;
};

namespace epoll {

// The last reference to the file is gone: every item for it ends. Called before the file's
// destructor. May sleep.
void forget_file(File& file);

}  // namespace epoll

}  // namespace gyre
