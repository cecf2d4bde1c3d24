// SPDX-License-Identifier: MIT
#include "cli/run_archive.h"

#include <unistd.h>

#include "cli/cpio_writer.h"
#include "cli/initramfs.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

// A Linux kernel leaves the names of the virtio ports to udev, which the base system does not have.
constexpr const char* kLinuxInit =
    "#!/bin/sh\n"
    "mount -t devtmpfs devtmpfs /dev\n"
    "mount -t sysfs sysfs /sys\n"
    "mkdir /dev/virtio-ports\n"
    "for port in /sys/class/virtio-ports/*; do\n"
    "    read -r name < $port/name && ln -s ../${port##*/} /dev/virtio-ports/$name\n"
    "done\n"
    "exec /init\n";

// A run that was killed leaves its file behind; the next one takes it away.
void remove_leftovers(const fs::path& folder) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const std::string owner = entry.path().stem().string();
        if (!fs::exists("/proc/" + owner)) fs::remove(entry.path(), ignored);
    }
}

}  // namespace

RunArchive::~RunArchive() {
    std::error_code ignored;
    if (!path.empty()) fs::remove(path, ignored);
}

Outcome<void> write_run_archive(const Paths& paths, GuestPlan plan, RunArchive& archive, bool for_linux) {
    auto base = base_initramfs(paths);
    if (!base) return std::unexpected(base.error());
    auto bytes = read_file(*base);
    if (!bytes) return std::unexpected(bytes.error());
    if (auto carried = carry_program(plan, fs::current_path(), names_in_archive(*bytes)); !carried) return carried;
    // The machine has the user's folder as soon as something of the user's is in it.
    if (!plan.additions.empty()) plan.directory = fs::current_path().string();
    CpioWriter writer(std::move(*bytes));
    if (auto written = write_plan(plan, writer); !written) return written;
    if (for_linux) writer.add_file(kLinuxInitPath, kLinuxInit, 0755);
    remove_leftovers(paths.build() / "run");
    archive.path = paths.build() / "run" / (std::to_string(getpid()) + ".cpio");
    return write_file(archive.path, std::move(writer).finish());
}

}  // namespace gyre::cli
