// SPDX-License-Identifier: MIT
//
// What a program gets from security.capability when it is executed (capabilities(7)): the formula, root, set-user-ID,
// ambient capabilities, the bounding set, no_new_privs, nosuid, and AT_SECURE. Left out: user namespaces.
#include "mount_helpers.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

using namespace twin;

namespace {

constexpr uint64_t bit(int capability) { return uint64_t{1} << capability; }
// Two that even a container's root has.
constexpr int kOne = CAP_KILL, kOther = CAP_NET_BIND_SERVICE;

struct Sets {
    uint64_t effective, permitted, inheritable, ambient;
    unsigned long is_secure;
    unsigned uid, effective_uid;
};

void set_own(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const auto low = [](uint64_t set) { return static_cast<uint32_t>(set); };
    const auto high = [](uint64_t set) { return static_cast<uint32_t>(set >> 32); };
    const __user_cap_data_struct data[2] = {{low(effective), low(permitted), low(inheritable)},
                                            {high(effective), high(permitted), high(inheritable)}};
    CHECK_OK(syscall(SYS_capset, &header, data));
}
Sets own() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    CHECK_OK(syscall(SYS_capget, &header, data));
    const auto joined = [](uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; };
    Sets sets{joined(data[0].effective, data[1].effective), joined(data[0].permitted, data[1].permitted),
              joined(data[0].inheritable, data[1].inheritable), 0, getauxval(AT_SECURE), getuid(), geteuid()};
    for (int capability = 0; capability < 64; ++capability)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1) sets.ambient |= bit(capability);
    return sets;
}
uint64_t bounding() {
    uint64_t set = 0;
    for (int capability = 0; capability < 64; ++capability)
        if (prctl(PR_CAPBSET_READ, capability) == 1) set |= bit(capability);
    return set;
}

void copy_self_to(const char* path, mode_t mode = 0755) {
    const int from = open(self_path(), O_RDONLY), to = open(path, O_CREAT | O_WRONLY | O_EXCL, 0700);
    static char buffer[65536];
    for (ssize_t got; (got = read(from, buffer, sizeof buffer)) > 0;) CHECK_EQ(write(to, buffer, got), got);
    CHECK_OK(fchmod(to, mode));
    close(from);
    close(to);
}

constexpr uint32_t kEffective = VFS_CAP_FLAGS_EFFECTIVE;

int set_file(const char* path, uint64_t permitted, uint64_t inheritable, uint32_t flags) {
    const uint32_t words[5] = {VFS_CAP_REVISION_2 | flags, static_cast<uint32_t>(permitted), static_cast<uint32_t>(inheritable),
                               static_cast<uint32_t>(permitted >> 32), static_cast<uint32_t>(inheritable >> 32)};
    return setxattr(path, "security.capability", words, sizeof words, 0);
}
// The program "p" of the case's directory, with capabilities.
void make_program(uint64_t permitted, uint64_t inheritable, uint32_t flags) {
    CHECK_OK(chmod(".", 0755));
    copy_self_to("p");
    if (set_file("p", permitted, inheritable, flags) != 0) SKIP("this host gives files no capabilities: %s", errno_name(errno));
}

// Executes `path` after `prepare`, and returns what the program finds that it has; what the exec fails with goes to *error.
template <typename Prepare>
Sets execute(const char* path, Prepare prepare, int* error = nullptr) {
    int report[2];
    CHECK_OK(pipe(report));
    const int status = run([&] {
        prepare();
        char descriptor[16];
        snprintf(descriptor, sizeof descriptor, "%d", report[1]);
        execl(path, path, "--helper", "tell_capabilities", descriptor, nullptr);
        _exit(errno);
    });
    CHECK(WIFEXITED(status));
    if (error) *error = WEXITSTATUS(status);
    else CHECK_EXITED(status, 0);
    Sets sets{};
    close(report[1]);
    if (WEXITSTATUS(status) == 0) CHECK_EQ(read(report[0], &sets, sizeof sets), sizeof sets);
    close(report[0]);
    return sets;
}
const auto kAsUser = [] { become_user(); };

}  // namespace

namespace {

// The last argument names the descriptor.
int tell_capabilities(int argc, char** argv, char**) {
    const Sets sets = own();
    return write(atoi(argv[argc - 1]), &sets, sizeof sets) == sizeof sets ? 0 : 1;
}
const Helper kHelper("tell_capabilities", tell_capabilities);
// `#!./p --helper` puts the script's own name there.
const Helper kScriptHelper("./capability_script", tell_capabilities);

}  // namespace

TEST(file_capabilities, given_to_a_user) {
    make_program(bit(kOne), 0, kEffective);
    const Sets sets = execute("./p", kAsUser);
    CHECK_EQ(sets.uid, 1000);
    CHECK_EQ(sets.permitted, bit(kOne));
    CHECK_EQ(sets.effective, bit(kOne));
    CHECK_EQ(sets.inheritable, 0);
    CHECK_EQ(sets.ambient, 0);
    CHECK_EQ(sets.is_secure, 1);
    // The next program does not have them.
    CHECK_OK(removexattr("p", "security.capability"));
    CHECK_EQ(execute("./p", kAsUser).permitted, 0);
    CHECK_EQ(execute("./p", kAsUser).is_secure, 0);
}
TEST(file_capabilities, permitted_alone) {
    make_program(bit(kOne) | bit(kOther), 0, 0);
    const Sets sets = execute("./p", kAsUser);
    CHECK_EQ(sets.permitted, bit(kOne) | bit(kOther));
    CHECK_EQ(sets.effective, 0);
    CHECK_EQ(sets.is_secure, 1);
}
TEST(file_capabilities, inherited) {
    make_program(0, bit(kOne), kEffective);
    const Sets without = execute("./p", kAsUser);
    CHECK_EQ(without.permitted, 0);
    CHECK_EQ(without.is_secure, 1);  // the flag alone
    const Sets with = execute("./p", [] {
        set_own(own().effective, own().permitted, bit(kOne) | bit(kOther));
        become_user();
        set_own(0, 0, bit(kOne) | bit(kOther));
    });
    CHECK_EQ(with.permitted, bit(kOne));
    CHECK_EQ(with.effective, bit(kOne));
    CHECK_EQ(with.inheritable, bit(kOne) | bit(kOther));
}
TEST(file_capabilities, bounded) {
    make_program(bit(kOne) | bit(kOther), 0, kEffective);
    const auto prepare = [] {
        CHECK_OK(prctl(PR_CAPBSET_DROP, kOther));
        become_user();
    };
    int error = 0;
    execute("./p", prepare, &error);
    CHECK_EQ(error, EPERM);  // it expects them to be there
    CHECK_OK(set_file("p", bit(kOne) | bit(kOther), 0, 0));
    CHECK_EQ(execute("./p", prepare).permitted, bit(kOne));
    // The bounding set does not touch what is inherited.
    CHECK_OK(set_file("p", 0, bit(kOther), kEffective));
    const Sets inherited = execute("./p", [] {
        set_own(own().effective, own().permitted, bit(kOther));
        CHECK_OK(prctl(PR_CAPBSET_DROP, kOther));
        become_user();
        set_own(0, 0, bit(kOther));
    });
    CHECK_EQ(inherited.permitted, bit(kOther));
}
TEST(file_capabilities, no_new_privileges) {
    make_program(bit(kOne), 0, kEffective);
    const Sets sets = execute("./p", [] {
        become_user();
        CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    });
    CHECK_EQ(sets.permitted, 0);
    CHECK_EQ(sets.effective, 0);
    CHECK_EQ(sets.is_secure, 1);
    // Root without capabilities stays so, too.
    CHECK_OK(removexattr("p", "security.capability"));
    const auto drop = [] { set_own(bit(kOne), bit(kOne), 0); };
    CHECK_EQ(execute("./p", drop).permitted, bounding());
    const Sets root = execute("./p", [&] {
        drop();
        CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    });
    CHECK_EQ(root.permitted, bit(kOne));
    CHECK_EQ(root.effective, bit(kOne));
}
TEST(file_capabilities, of_root) {
    make_program(bit(kOne), 0, 0);
    const Sets root = execute("./p", [] {});
    CHECK_EQ(root.permitted, bounding());
    CHECK_EQ(root.effective, bounding());
    CHECK_EQ(root.is_secure, 0);
    // SECBIT_NOROOT: root is a user like any other.
    const auto as_user_zero = [] { CHECK_OK(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0)); };
    const Sets plain = execute("./p", as_user_zero);
    CHECK_EQ(plain.permitted, bit(kOne));
    CHECK_EQ(plain.effective, 0);
    CHECK_OK(removexattr("p", "security.capability"));
    CHECK_EQ(execute("./p", as_user_zero).permitted, 0);
}
TEST(file_capabilities, of_a_set_user_id_program) {
    make_program(bit(kOne), 0, kEffective);
    CHECK_OK(chmod("p", 04755));
    const Sets sets = execute("./p", kAsUser);
    CHECK_EQ(sets.uid, 1000);
    CHECK_EQ(sets.effective_uid, 0);
    CHECK_EQ(sets.permitted, bit(kOne));  // not all, as without
    CHECK_EQ(sets.effective, bit(kOne));
    CHECK_EQ(sets.is_secure, 1);
    CHECK_OK(removexattr("p", "security.capability"));
    CHECK_EQ(execute("./p", kAsUser).permitted, bounding());
}
TEST(file_capabilities, end_ambient_ones) {
    make_program(bit(kOne), 0, 0);
    const auto with_ambient = [] {
        CHECK_OK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
        CHECK_OK(setgid(1000));
        CHECK_OK(setuid(1000));
        set_own(bit(kOther), bit(kOther), bit(kOther));
        CHECK_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kOther, 0, 0));
    };
    const Sets sets = execute("./p", with_ambient);
    CHECK_EQ(sets.ambient, 0);
    CHECK_EQ(sets.permitted, bit(kOne));
    CHECK_EQ(sets.inheritable, bit(kOther));
    CHECK_OK(removexattr("p", "security.capability"));
    const Sets without = execute("./p", with_ambient);
    CHECK_EQ(without.ambient, bit(kOther));
    CHECK_EQ(without.permitted, bit(kOther));
    CHECK_EQ(without.effective, bit(kOther));
    CHECK_EQ(without.is_secure, 0);
}
TEST(file_capabilities, with_a_root_of_their_own) {
    make_program(bit(kOne), 0, 0);
    uint32_t words[6] = {VFS_CAP_REVISION_3 | kEffective, static_cast<uint32_t>(bit(kOther)), 0, 0, 0, 1234};
    if (setxattr("p", "security.capability", words, sizeof words, 0) != 0) SKIP("no third version here: %s", errno_name(errno));
    CHECK_EQ(execute("./p", kAsUser).permitted, 0);  // for another namespace's root
    uint32_t back[8] = {};
    CHECK_EQ(getxattr("p", "security.capability", back, sizeof back), 24);
    CHECK_EQ(back[5], 1234);
    words[5] = 0;
    CHECK_OK(setxattr("p", "security.capability", words, sizeof words, 0));
    CHECK_EQ(execute("./p", kAsUser).effective, bit(kOther));
    CHECK_EQ(getxattr("p", "security.capability", nullptr, 0), 20);
    CHECK_EQ(getxattr("p", "security.capability", back, sizeof back), 20);
    CHECK_EQ(back[0], VFS_CAP_REVISION_2 | kEffective);
    CHECK_EQ(back[1], words[1]);
}
TEST(file_capabilities, of_a_script_count_for_nothing) {
    make_program(bit(kOne), 0, kEffective);
    CHECK_OK(removexattr("p", "security.capability"));
    write_file("capability_script", "#!./p --helper\n", 0755);
    CHECK_OK(set_file("capability_script", bit(kOne), 0, kEffective));
    CHECK_EQ(execute("./capability_script", kAsUser).permitted, 0);
    CHECK_EQ(execute("./capability_script", kAsUser).is_secure, 0);
    // The interpreter's do.
    CHECK_OK(set_file("p", bit(kOther), 0, kEffective));
    CHECK_EQ(execute("./capability_script", kAsUser).permitted, bit(kOther));
}
TEST(file_capabilities, on_a_mount_without_set_id) {
    own_mounts();
    make_tmpfs("d", nullptr, MS_NOSUID);
    CHECK_OK(chdir("d"));
    make_program(bit(kOne), 0, kEffective);
    CHECK_EQ(execute("./p", kAsUser).permitted, 0);
    CHECK_EQ(execute("./p", kAsUser).is_secure, 0);
    CHECK_OK(chdir(".."));
    CHECK_OK(umount2("d", 0));
}
TEST(file_capabilities, go_with_a_write) {
    make_program(bit(kOne), 0, kEffective);
    const int fd = open("p", O_WRONLY | O_APPEND);
    CHECK_EQ(write(fd, "x", 1), 1);
    close(fd);
    CHECK_EQ(execute("./p", kAsUser).permitted, 0);
    CHECK_OK(set_file("p", bit(kOne), 0, kEffective));
    CHECK_OK(chown("p", 1000, 1000));
    CHECK_EQ(execute("./p", kAsUser).permitted, 0);
}
