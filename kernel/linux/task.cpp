// SPDX-License-Identifier: MIT
//
// See task.h. A task is made by fork.cpp and ended by exit.cpp; here is what others may ask of one.
#include "kernel/linux/task.h"

#include "kernel/linux/process_parts.h"

namespace gyre::linux {

Task::Task() = default;

// Runs in the reclaimer of epochs: the tables went at the task's end, so nothing here sleeps.
Task::~Task() = default;

void Task::last_reference_gone() {
    // Lookups by number read a task without a reference (pid_table.h), so it outlives the last one by an epoch.
    epoch::retire(node_, [](epoch::Node* node) {
        delete reinterpret_cast<Task*>(reinterpret_cast<char*>(node) - offsetof(Task, node_));
    });
}

bool Task::is_leader() const { return tid() == process_->pid(); }

Ref<Credentials> Task::credentials_reference() const {
    SpinGuard guard(lock_);
    return credentials_;
}

Ref<UserAccount> Task::account_reference() const {
    SpinGuard guard(lock_);
    return account_;
}

Ref<FileTable> Task::files_reference() const {
    SpinGuard guard(lock_);
    return files_;
}

Ref<FilesystemContext> Task::filesystem_reference() const {
    SpinGuard guard(lock_);
    return filesystem_;
}

// The old object is dropped after the lock: it goes out of scope with the parameter.
void Task::set_credentials(Ref<Credentials> credentials) {
    SpinGuard guard(lock_);
    std::swap(credentials_, credentials);
}

void Task::set_files(Ref<FileTable> files) {
    SpinGuard guard(lock_);
    std::swap(files_, files);
}

void Task::set_filesystem(Ref<FilesystemContext> filesystem) {
    SpinGuard guard(lock_);
    std::swap(filesystem_, filesystem);
}

}  // namespace gyre::linux
