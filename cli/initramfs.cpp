// SPDX-License-Identifier: MIT
#include "cli/initramfs.h"

#include <unistd.h>

#include <cstring>
#include <vector>

#include "cli/cpio_writer.h"
#include "cli/process.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBusybox = "/bin/busybox";

// True when `made` is newer than everything that it is made of.
bool is_current(const fs::path& made, const std::vector<fs::path>& parts) {
    std::error_code error;
    auto time = fs::last_write_time(made, error);
    if (error) return false;
    auto is_newer = [&](const fs::path& part) {
        auto part_time = fs::last_write_time(part, error);
        return error || part_time >= time;
    };
    for (const fs::path& part : parts) {
        if (is_newer(part)) return false;
        for (const auto& entry : fs::recursive_directory_iterator(part, error))
            if (is_newer(entry.path())) return false;
    }
    return true;
}

Outcome<std::vector<std::string>> busybox_links() {
    std::vector<std::string> links;
    ProcessRequest request{.command = {kBusybox, "--list-full"},
                           .timeout = std::chrono::seconds(10),
                           .on_line = [&](std::string_view line) { links.emplace_back(line); }};
    auto result = run_process(request);
    if (!result) return std::unexpected(result.error());
    if (result->status != 0 || links.empty())
        return problem("'/bin/busybox --list-full' does not list its applets", "Install the package busybox-static.");
    return links;
}

}  // namespace

Outcome<fs::path> base_initramfs(const Paths& paths) {
    const fs::path archive = paths.build() / "initramfs" / "base.cpio";
    const fs::path init = paths.guest() / "gyre_init";
    const fs::path files = paths.root / "user" / "rootfs";
    if (is_current(archive, {init, files, kBusybox, "/proc/self/exe"})) return archive;

    auto links = busybox_links();
    if (!links) return std::unexpected(links.error());
    CpioWriter writer;
    for (const char* folder : {"/dev", "/proc", "/sys", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/etc", "/var/log",
                               "/var/tmp", "/run/gyre", "/mnt"})
        writer.add_directory(folder);
    writer.add_directory("/tmp", 01777);
    writer.add_directory("/root", 0700);
    // What process 1 has for standard descriptors before it mounts devtmpfs.
    writer.add_character_device("/dev/console", 0600, 5, 1);
    writer.add_character_device("/dev/null", 0666, 1, 3);
    if (auto added = writer.add_from_host(files, "/"); !added) return std::unexpected(added.error());
    if (auto added = writer.add_from_host(init, "/init"); !added) return std::unexpected(added.error());
    if (auto added = writer.add_from_host(kBusybox, "/bin/busybox"); !added) return std::unexpected(added.error());
    for (const std::string& link : *links)
        if (link != "bin/busybox") writer.add_symlink("/" + link, "/bin/busybox");

    // Under a name of its own first: another gyre may be doing the same.
    fs::path draft = archive;
    draft += "." + std::to_string(getpid());
    if (auto written = write_file(draft, writer.bytes()); !written) return std::unexpected(written.error());
    std::error_code error;
    fs::rename(draft, archive, error);
    if (error) return problem("cannot write '" + archive.string() + "': " + error.message());
    return archive;
}

}  // namespace gyre::cli
