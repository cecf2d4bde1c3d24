// SPDX-License-Identifier: MIT
//
// Advisory locks. One spin lock guards all lists: locking files is rare and short, and the search
// for deadlocks needs a view over all of them. New nodes are allocated before it is taken, because
// changing a range may split one lock in two.
#include "kernel/fs/file_locks.h"

#include <algorithm>
#include <new>
#include <utility>

#include "kernel/schedule/wait_queue.h"

namespace gyre {

namespace {

struct LockNode {
    FileLockRequest lock;
    LockNode* next = nullptr;
};

}  // namespace

struct FileLockList {
    Inode* inode = nullptr;
    LockNode* first = nullptr;  // by start within one owner's locks
    WaitQueue changed;
    FileLockList* next = nullptr;  // of all lists
    FileLockList* previous = nullptr;
};

namespace {

// A record lock that waits, and for whom.
struct Blocked {
    const void* owner;
    const void* holder;
    Blocked* next;
};

constinit SpinLock g_lock{LockRank::FileLocks};
constinit FileLockList* g_lists = nullptr;
constinit Blocked* g_blocked = nullptr;

bool is_record(LockFamily family) {
    return family != LockFamily::Flock;
}

bool is_same_owner(const FileLockRequest& a, const FileLockRequest& b) {
    return a.family == b.family && a.owner == b.owner;
}

bool is_conflict(const FileLockRequest& held, const FileLockRequest& wanted) {
    if (is_record(held.family) != is_record(wanted.family) || is_same_owner(held, wanted))
        return false;
    if (held.type == LockType::Read && wanted.type == LockType::Read) return false;
    return held.start <= wanted.end && wanted.start <= held.end;
}

const LockNode* find_conflict_locked(const FileLockList& list, const FileLockRequest& wanted) {
    for (const LockNode* node = list.first; node; node = node->next)
        if (is_conflict(node->lock, wanted)) return node;
    return nullptr;
}

// Spare nodes for one change; what is left is freed with it.
struct Spares {
    LockNode* nodes = nullptr;
    ~Spares() {
        while (nodes)
            delete std::exchange(nodes, nodes->next);
    }
    Status fill(int count) {
        for (; count > 0; --count) {
            auto* node = new (std::nothrow) LockNode{};
            if (!node) return fail(Error::NoMemory);
            put(node);
        }
        return {};
    }
    void put(LockNode* node) { node->next = std::exchange(nodes, node); }
    LockNode* take() { return std::exchange(nodes, nodes->next); }
};

// Takes the owner's locks out of [start, end]: shortens, splits, removes.
void cut_locked(FileLockList& list, const FileLockRequest& request, Spares& spares) {
    for (LockNode** link = &list.first; LockNode* node = *link;) {
        FileLockRequest& held = node->lock;
        if (!is_same_owner(held, request) || held.end < request.start || request.end < held.start) {
            link = &node->next;
            continue;
        }
        const bool has_left = held.start < request.start;
        const bool has_right = held.end > request.end;
        if (has_left && has_right) {
            LockNode* right = spares.take();
            right->lock = held;
            right->lock.start = request.end + 1;
            right->next = node->next;
            held.end = request.start - 1;
            node->next = right;
            return;
        }
        if (has_left) {
            held.end = request.start - 1;
            link = &node->next;
        } else if (has_right) {
            held.start = request.end + 1;
            link = &node->next;
        } else {
            *link = node->next;
            spares.put(node);
        }
    }
}

void insert_locked(FileLockList& list, const FileLockRequest& request, Spares& spares) {
    FileLockRequest merged = request;
    // Neighbours of the same owner and type become one lock.
    for (LockNode** link = &list.first; LockNode* node = *link;) {
        const FileLockRequest& held = node->lock;
        const bool touches = is_same_owner(held, merged) && held.type == merged.type &&
                             (held.end == UINT64_MAX || held.end + 1 >= merged.start) &&
                             (merged.end == UINT64_MAX || merged.end + 1 >= held.start);
        if (!touches) {
            link = &node->next;
            continue;
        }
        merged.start = std::min(merged.start, held.start);
        merged.end = std::max(merged.end, held.end);
        *link = node->next;
        spares.put(node);
    }
    LockNode* node = spares.take();
    node->lock = merged;
    LockNode** link = &list.first;
    while (*link && (*link)->lock.start < merged.start)
        link = &(*link)->next;
    node->next = *link;
    *link = node;
}

// Whether waiting for `holder` would close a circle back to `owner`. Each owner waits for one other
// at a time per blocked thread; the walk is bounded so that a long chain cannot hold the lock for
// ever (as Linux's).
bool would_deadlock_locked(const void* owner, const void* holder) {
    constexpr int kMostSteps = 10;
    for (int step = 0; step < kMostSteps; ++step) {
        if (holder == owner) return true;
        const Blocked* blocked = g_blocked;
        while (blocked && blocked->owner != holder)
            blocked = blocked->next;
        if (!blocked) return false;
        holder = blocked->holder;
    }
    return false;
}

void unblock_locked(Blocked& blocked) {
    for (Blocked** link = &g_blocked; *link; link = &(*link)->next)
        if (*link == &blocked) {
            *link = blocked.next;
            return;
        }
}

Result<FileLockList*> list_of(Inode& inode) {
    if (FileLockList* list = inode.file_locks().load(std::memory_order_acquire)) return list;
    auto* made = new (std::nothrow) FileLockList;
    if (!made) return fail(Error::NoMemory);
    made->inode = &inode;
    FileLockList* expected = nullptr;
    if (!inode.file_locks().compare_exchange_strong(expected, made, std::memory_order_acq_rel)) {
        delete made;
        return expected;
    }
    SpinGuard guard(g_lock);
    made->next = g_lists;
    if (g_lists) g_lists->previous = made;
    g_lists = made;
    return made;
}

// Error::WouldBlock: somebody is in the way.
Status try_once(FileLockList& list, const FileLockRequest& request, Blocked* blocked) {
    Spares spares;
    TRY_VOID(spares.fill(2));
    SpinGuard guard(g_lock);
    if (request.type != LockType::Unlock) {
        if (const LockNode* conflict = find_conflict_locked(list, request)) {
            if (blocked) {
                if (would_deadlock_locked(request.owner, conflict->lock.owner))
                    return fail(Error::Deadlock);
                blocked->holder = conflict->lock.owner;
            }
            return fail(Error::WouldBlock);
        }
    }
    cut_locked(list, request, spares);
    if (request.type != LockType::Unlock) insert_locked(list, request, spares);
    return {};
}

}  // namespace

namespace file_locks {

Status set(Inode& inode, const FileLockRequest& request, Patience patience) {
    if (request.type == LockType::Unlock && !inode.file_locks().load(std::memory_order_acquire))
        return {};
    FileLockList& list = *TRY(list_of(inode));
    Status outcome;
    if (request.family == LockFamily::Flock && request.type != LockType::Unlock) {
        // flock(2): changing the kind of lock first lets the old one go, and waits as if it were
        // new.
        FileLockRequest none = request;
        none.type = LockType::Unlock;
        bool is_changed = false;
        {
            SpinGuard guard(g_lock);
            for (const LockNode* node = list.first; node; node = node->next)
                if (is_same_owner(node->lock, request)) {
                    if (node->lock.type == request.type) return {};
                    is_changed = true;
                }
        }
        if (is_changed) {
            TRY_VOID(try_once(list, none, nullptr));
            list.changed.wake_all();
        }
    }
    Blocked blocked{request.owner, nullptr, nullptr};
    bool is_blocked = false;
    const bool checks_deadlock = request.family == LockFamily::Record && !patience.is_none();
    const Status waited = list.changed.wait(patience, [&] {
        outcome = try_once(list, request, checks_deadlock ? &blocked : nullptr);
        const bool must_wait = !outcome && outcome.error() == Error::WouldBlock;
        if (must_wait && checks_deadlock && !is_blocked) {
            SpinGuard guard(g_lock);
            blocked.next = g_blocked;
            g_blocked = &blocked;
            is_blocked = true;
        }
        return !must_wait;
    });
    if (is_blocked) {
        SpinGuard guard(g_lock);
        unblock_locked(blocked);
    }
    if (!waited) return waited;
    if (outcome && (request.type != LockType::Write || request.family != LockFamily::Flock))
        list.changed.wake_all();
    return outcome;
}

std::optional<FileLockRequest> test(Inode& inode, const FileLockRequest& request) {
    const FileLockList* list = inode.file_locks().load(std::memory_order_acquire);
    if (!list) return std::nullopt;
    SpinGuard guard(g_lock);
    const LockNode* conflict = find_conflict_locked(*list, request);
    if (!conflict) return std::nullopt;
    return conflict->lock;
}

void release(Inode& inode, LockFamily family, const void* owner) {
    FileLockList* list = inode.file_locks().load(std::memory_order_acquire);
    if (!list) return;
    Spares removed;
    {
        SpinGuard guard(g_lock);
        for (LockNode** link = &list->first; LockNode* node = *link;) {
            if (node->lock.family != family || node->lock.owner != owner) {
                link = &node->next;
                continue;
            }
            *link = node->next;
            removed.put(node);
        }
    }
    if (removed.nodes) list->changed.wake_all();
}

void for_each(Visitor visitor, void* argument) {
    SpinGuard guard(g_lock);
    for (const FileLockList* list = g_lists; list; list = list->next)
        for (const LockNode* node = list->first; node; node = node->next)
            visitor(argument, *list->inode, node->lock);
}

}  // namespace file_locks

void free_file_locks(FileLockList* list) {
    if (!list) return;
    {
        SpinGuard guard(g_lock);
        if (list->previous)
            list->previous->next = list->next;
        else
            g_lists = list->next;
        if (list->next) list->next->previous = list->previous;
    }
    Spares removed;
    removed.nodes = list->first;
    delete list;
}

}  // namespace gyre
