// SPDX-License-Identifier: MIT
//
// The items of epolls: adding, changing, removing, and the rule that sets do not watch each other
// in a circle. The topology lock orders all of that in the whole system; waiting and reading out do
// not take it.
#include <algorithm>
#include <new>

#include "kernel/fs/epoll.h"
#include "kernel/fs/poll.h"
#include "kernel/memory/page.h"

namespace gyre {

namespace {
constinit std::atomic<uint64_t> g_item_count{0};
}

uint64_t EpollItem::most() {
    return page_allocator::statistics().total_pages / 25 * (kPageSize / sizeof(EpollItem));
}

EpollItem::EpollItem(EpollFile& owner, File& file, int descriptor, EpollInterest interest)
    : owner(owner),
      file(file),
      descriptor(descriptor),
      events(interest.events),
      data(interest.data) {
    g_item_count.fetch_add(1, std::memory_order_relaxed);
}
EpollItem::~EpollItem() {
    g_item_count.fetch_sub(1, std::memory_order_relaxed);
}

// Which set watches which. Every function: the topology lock held.
struct EpollTopology {
    static constinit Mutex lock;
    static constinit uint64_t generation;

    // Sets on the longest way down from `set`, counted with it; beyond kMostNesting when `sought`
    // is found or it is too deep.
    static int level_of(EpollFile& set, const EpollFile& sought, int most) {
        if (&set == &sought || most == 0) return EpollFile::kMostNesting + 1;
        if (set.level_generation_ == generation) return set.level_;
        int level = 1;
        for (EpollItem& item : set.items_)
            if (EpollFile* below = file_cast<EpollFile>(item.file))
                level = std::max(level, 1 + level_of(*below, sought, most - 1));
        if (level <= EpollFile::kMostNesting) {
            set.level_ = level;
            set.level_generation_ = generation;
        }
        return level;
    }

    static int height_of(EpollFile& set, int most) {
        if (most == 0) return EpollFile::kMostNesting + 1;
        if (set.height_generation_ == generation) return set.height_;
        int height = 1;
        for (EpollItem* item = set.epoll_items().load(); item; item = item->next_of_file)
            height = std::max(height, 1 + height_of(item->owner, most - 1));
        set.height_ = height;
        set.height_generation_ = generation;
        return height;
    }

    // The set watches something of the level below; those above it move up with it, and with them
    // the order of their locks.
    static void raise_level(EpollFile& set, int level) {
        if (set.level_ >= level || level > EpollFile::kMostNesting) return;
        set.level_ = level;
        set.set_signal_rank(LockRank(static_cast<int>(LockRank::EpollSignals1) + level - 1));
        for (EpollItem* item = set.epoll_items().load(); item; item = item->next_of_file)
            raise_level(item->owner, level + 1);
    }

    static Status check_watch(EpollFile& watcher, EpollFile& target) {
        ++generation;
        const int level = level_of(target, watcher, EpollFile::kMostNesting);
        if (level > EpollFile::kMostNesting ||
            level + height_of(watcher, EpollFile::kMostNesting) > EpollFile::kMostNesting)
            return fail(Error::SymlinkLoop);
        raise_level(watcher, level + 1);
        return {};
    }

    static void link_to_file(EpollItem& item) {
        item.next_of_file = item.file.epoll_items().load(std::memory_order_relaxed);
        item.file.epoll_items().store(&item, std::memory_order_release);
    }
    static void unlink_from_file(EpollItem& item) {
        EpollItem* first = item.file.epoll_items().load(std::memory_order_relaxed);
        if (first == &item) {
            item.file.epoll_items().store(item.next_of_file, std::memory_order_release);
            return;
        }
        while (first->next_of_file != &item)
            first = first->next_of_file;
        first->next_of_file = item.next_of_file;
    }

    static void forget_file(File& file) {
        MutexGuard guard(lock);
        while (EpollItem* item = file.epoll_items().load(std::memory_order_acquire)) {
            MutexGuard set(item->owner.set_lock_);
            item->owner.remove_item_locked(*item);
        }
    }
};

constinit Mutex EpollTopology::lock{LockRank::EpollTopology};
constinit uint64_t EpollTopology::generation = 0;

EpollItem* EpollFile::find_locked(File& file, int descriptor) {
    const auto found = items_.find(Key{&file, descriptor});
    return found == items_.end() ? nullptr : &*found;
}

void EpollFile::remove_item_locked(EpollItem& item) {
    item.observed->remove_observer(item);  // from here on nobody lists it anew
    unlist_item(item);
    EpollTopology::unlink_from_file(item);
    items_.erase(Items::s_iterator_to(item));
    delete &item;
}

EpollFile::~EpollFile() {
    MutexGuard topology(EpollTopology::lock);
    MutexGuard set(set_lock_);
    while (!items_.empty())
        remove_item_locked(*items_.begin());
}

Status EpollFile::add(File& file, int descriptor, EpollInterest interest) {
    MutexGuard topology(EpollTopology::lock);
    if (find_locked(file, descriptor)) return fail(Error::Exists);
    if (EpollFile* target = file_cast<EpollFile>(file))
        TRY_VOID(EpollTopology::check_watch(*this, *target));
    if (g_item_count.load(std::memory_order_relaxed) >= EpollItem::most())
        return fail(Error::NoSpace);
    EpollItem* item = new (std::nothrow) EpollItem(*this, file, descriptor, interest);
    if (!item) return fail(Error::NoMemory);
    item->observed = &file.observed();
    MutexGuard set(set_lock_);
    items_.insert(*item);
    EpollTopology::link_to_file(*item);
    item->observed->add_observer(*item);
    look_at_item_locked(*item);
    return {};
}

Status EpollFile::modify(File& file, int descriptor, EpollInterest interest) {
    MutexGuard set(set_lock_);
    EpollItem* item = find_locked(file, descriptor);
    if (!item) return fail(Error::NotFound);
    if (item->events.load(std::memory_order_relaxed) & epoll_flags::kExclusive)
        return fail(Error::InvalidArgument);
    item->data = interest.data;
    // The signals that come before this store find the old events; those of now are looked at
    // below.
    item->events.store(interest.events, std::memory_order_seq_cst);
    look_at_item_locked(*item);
    return {};
}

Status EpollFile::remove(File& file, int descriptor) {
    MutexGuard topology(EpollTopology::lock);
    MutexGuard set(set_lock_);
    EpollItem* item = find_locked(file, descriptor);
    if (!item) return fail(Error::NotFound);
    remove_item_locked(*item);
    return {};
}

void epoll::forget_file(File& file) {
    EpollTopology::forget_file(file);
}

}  // namespace gyre
