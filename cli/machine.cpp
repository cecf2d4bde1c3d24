// SPDX-License-Identifier: MIT
#include "cli/machine.h"

#include <charconv>

namespace gyre::cli {
namespace {

constexpr uint64_t kMostMemory = uint64_t{1} << 40;

// Four are used; every possible one costs the guest memory.
constexpr const char* kPortsDevice = ",id=ports,max_ports=8";

class CommandLine {
public:
    explicit CommandLine(std::string program) { words_.push_back(std::move(program)); }
    void add(std::string option) { words_.push_back(std::move(option)); }
    void add(std::string option, std::string value) {
        words_.push_back(std::move(option));
        words_.push_back(std::move(value));
    }
    std::vector<std::string> take() { return std::move(words_); }

private:
    std::vector<std::string> words_;
};

void add_port(CommandLine& line, const char* name, int descriptor) {
    if (descriptor == -1) return;
    line.add("-chardev", std::string("socket,id=") + name + ",fd=" + std::to_string(descriptor));
    line.add("-device", std::string("virtserialport,bus=ports.0,chardev=") + name + ",name=gyre." + name);
}

}  // namespace

std::vector<std::string> qemu_command(const MachineRequest& request) {
    const bool is_microvm = request.kind == MachineKind::Microvm;
    CommandLine line("qemu-system-x86_64");
    line.add("-nodefaults");
    line.add("-no-user-config");
    line.add("-machine", is_microvm ? "microvm" : "q35");
    if (is_microvm) line.add("-global", "virtio-mmio.force-legacy=false");
    line.add("-accel", request.cpus > 1 ? "tcg,thread=multi" : "tcg");
    line.add("-cpu", request.cpu);
    line.add("-smp", std::to_string(request.cpus));
    line.add("-m", "size=" + std::to_string(request.memory_bytes >> 10) + "k");
    line.add("-display", "none");
    if (!request.can_reboot) line.add("-no-reboot");
    line.add("-kernel", request.kernel.string());
    if (!request.initramfs.empty()) line.add("-initrd", request.initramfs.string());
    line.add("-append", request.kernel_arguments);
    line.add("-device", "isa-debug-exit,iobase=0xf4,iosize=4");
    const MachineChannels& channels = request.channels;
    if (channels.console != -1) {
        line.add("-chardev", "socket,id=console,fd=" + std::to_string(channels.console));
        line.add("-serial", "chardev:console");
    }
    if (channels.control != -1 || channels.output != -1)
        line.add("-device", std::string(is_microvm ? "virtio-serial-device" : "virtio-serial-pci") + kPortsDevice);
    add_port(line, "control", channels.control);
    add_port(line, "stdin", channels.input);
    add_port(line, "stdout", channels.output);
    add_port(line, "stderr", channels.errors);
    for (const std::string& word : request.extra) line.add(word);
    return line.take();
}

Outcome<uint64_t> parse_memory_size(std::string_view text) {
    uint64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
    auto wrong = [&] { return problem("'" + std::string(text) + "' is no size of memory", "Write 64M, 512M, 4G and the like.", kWrongUsage); };
    int shift = 0;
    if (unit.empty()) shift = number < 1'000'000 ? 20 : 0;
    else if (unit == "K" || unit == "k" || unit == "KiB") shift = 10;
    else if (unit == "M" || unit == "m" || unit == "MiB") shift = 20;
    else if (unit == "G" || unit == "g" || unit == "GiB") shift = 30;
    else return wrong();
    if (error != std::errc() || number == 0 || number > kMostMemory >> shift) return wrong();
    return number << shift;
}

Outcome<MachineKind> parse_machine_kind(std::string_view text) {
    if (text == "q35") return MachineKind::Q35;
    if (text == "microvm") return MachineKind::Microvm;
    return problem("there is no machine '" + std::string(text) + "'", "Machines are q35 and microvm.", kWrongUsage);
}

}  // namespace gyre::cli
