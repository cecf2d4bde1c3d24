// SPDX-License-Identifier: MIT
//
// See user_account.h. The accounts in use are few, so they stand in one list.
#include "kernel/linux/user_account.h"

#include <boost/intrusive/list.hpp>

#include "kernel/sync/spin_lock.h"

namespace gyre::linux {
namespace {

using Accounts = boost::intrusive::list<
    UserAccount, boost::intrusive::member_hook<UserAccount, boost::intrusive::list_member_hook<>, &UserAccount::hook>,
    boost::intrusive::constant_time_size<false>>;

constinit SpinLock g_lock{LockRank::Leaf};
Accounts g_accounts;

Ref<UserAccount> find_locked(uint32_t uid) {
    for (UserAccount& account : g_accounts) {
        if (account.uid() != uid) continue;
        // One that is dying stays in the list for a moment; it is as good as gone.
        if (Ref<UserAccount> found = Ref<UserAccount>::try_from(&account)) return found;
    }
    return {};
}

}  // namespace

Result<Ref<UserAccount>> UserAccount::of(uint32_t uid) {
    {
        SpinGuard guard(g_lock);
        if (Ref<UserAccount> found = find_locked(uid)) return found;
    }
    auto* made = new (std::nothrow) UserAccount(uid);
    if (!made) return fail(Error::NoMemory);
    SpinGuard guard(g_lock);
    if (Ref<UserAccount> found = find_locked(uid)) {  // somebody was faster
        delete made;
        return found;
    }
    g_accounts.push_front(*made);
    return Ref<UserAccount>::adopt(made);
}

void UserAccount::last_reference_gone() {
    {
        SpinGuard guard(g_lock);
        g_accounts.erase(Accounts::s_iterator_to(*this));
    }
    delete this;
}

}  // namespace gyre::linux
