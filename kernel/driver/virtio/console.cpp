// SPDX-License-Identifier: MIT
//
// The console device: bringing it up, and the talk with the host about ports; see console.h.
#include "kernel/driver/virtio/console.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "kernel/driver/virtio/hvc.h"
#include "kernel/driver/virtio/port_file.h"
#include "kernel/log/log.h"
#include "kernel/schedule/thread.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint64_t kFeatureSize = 1u << 0, kFeatureMultiport = 1u << 1;
constexpr uint16_t kControlInput = 2, kControlOutput = 3;
constexpr int64_t kSettleNs = 1'000'000'000;   // a host that says nothing for so long has nothing to say

struct DeviceConfig {  // struct virtio_console_config
    uint16_t columns, rows;
    uint32_t port_count;
    uint32_t emergency_write;
};
static_assert(sizeof(DeviceConfig) == 12);

PhysicalAddress physical_of(const void* direct) {
    return PhysicalAddress{reinterpret_cast<uintptr_t>(direct) - kDirectMapBase};
}
}  // namespace

Status ConsoleDevice::start(Transport& transport, uint32_t number) {
    auto* device = new (std::nothrow) ConsoleDevice(transport, number);
    if (!device) return fail(Error::NoMemory);
    if (const Status up = device->bring_up(); !up) {
        transport.give_up();  // the memory stays: the device may know it
        return up;
    }
    return {};
}

Status ConsoleDevice::bring_up() {
    const uint64_t features = TRY(transport_.start(kFeatureSize | kFeatureMultiport));
    has_ports_ = (features & kFeatureMultiport) != 0;
    has_size_ = (features & kFeatureSize) != 0;
    DeviceConfig config{};
    transport_.read_config(0, &config, sizeof config);
    TRY_VOID(transport_.connect_interrupt([](void* device) { static_cast<ConsoleDevice*>(device)->on_interrupt(); },
                                          this));
    TRY_VOID(set_up_ports(has_ports_ ? std::min(config.port_count, kMostPorts) : 1));
    if (has_ports_) TRY_VOID(set_up_control());
    transport_.finish_start();
    register_console_device(*this);
    if (!has_ports_) {
        ports_[0]->set_host_open(true);
        make_terminal(0);
        if (has_size_) resize(0, config.columns, config.rows);
        return {};
    }
    {
        SpinGuard guard(lock_);
        control_input_.publish();
    }
    send_control(0, ControlEvent::DeviceReady, 1);
    // What the host knows now it tells at once: a message is answered before it comes back. So the ports are there when
    // the first program looks for them.
    while (true) {
        const Status settled = control_waiting_.wait(
            Patience::until_ns(arch::clock_now_ns() + kSettleNs).uninterruptible(), [this] { return is_control_idle(); });
        if (!settled) return settled;
        if (!handle_control_messages()) break;
    }
    const Ref<Thread> thread =
        TRY(Thread::create({.name = "virtio-console", .entry = &run_control_thread, .argument = this}));
    thread->start();
    return {};
}

Status ConsoleDevice::set_up_ports(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
        Port* port = new (std::nothrow) Port(*this, i);
        if (!port) return fail(Error::NoMemory);
        const Status up = port->set_up_queues(transport_);
        if (!up && up.error() == Error::NotFound && i > 0) {  // fewer queues than ports
            delete port;
            break;
        }
        TRY_VOID(up);
        ports_[i] = port;
        port_count_ = i + 1;
    }
    return port_count_ > 0 ? Status() : fail(Error::NotSupported);
}

Status ConsoleDevice::set_up_control() {
    const Page* input = TRY(page_allocator::allocate(PageUse::Kernel, Zeroing::Yes));
    const Page* output = TRY(page_allocator::allocate(PageUse::Kernel, Zeroing::Yes));
    input_buffers_ = reinterpret_cast<ControlBuffer*>(input->bytes());
    static_assert(kPageSize / sizeof(ControlBuffer) == Virtqueue::kMostBuffers);
    SpinGuard guard(lock_);
    output_messages_ = reinterpret_cast<ControlMessage*>(output->bytes());
    TRY_VOID(control_input_.set_up(transport_, kControlInput));
    TRY_VOID(control_output_.set_up(transport_, kControlOutput));
    for (uint32_t i = 0; i < Virtqueue::kMostBuffers; ++i) {
        ControlBuffer* buffer = &input_buffers_[i];
        if (!control_input_.add(physical_of(buffer), sizeof *buffer, Virtqueue::Direction::FromDevice, buffer)) break;
    }
    return {};
}

// ---- interrupts

void ConsoleDevice::on_interrupt() {
    constexpr int kMostRounds = 16;
    for (int round = 0; round < kMostRounds; ++round) {
        const Transport::Reasons reasons = transport_.acknowledge_interrupt();
        if (!reasons.queues && !reasons.configuration) return;
        for (uint32_t i = 0; i < port_count_; ++i) ports_[i]->on_interrupt();
        control_waiting_.wake_all();
        if (round == 0 && reasons.queues && reasons.configuration) return;  // a message tells nothing more
    }
}

// ---- control

bool ConsoleDevice::is_control_idle() {
    SpinGuard guard(lock_);
    while (const auto used = control_output_.take_used())
        free_messages_ |= 1u << (static_cast<ControlMessage*>(used->token) - output_messages_);
    return control_input_.has_used() || free_messages_ == ~0u;
}

void ConsoleDevice::send_control(uint32_t port, ControlEvent event, uint16_t value) {
    if (!has_ports_) return;
    const auto try_send = [&] {
        SpinGuard guard(lock_);
        while (const auto used = control_output_.take_used())
            free_messages_ |= 1u << (static_cast<ControlMessage*>(used->token) - output_messages_);
        if (free_messages_ == 0 || control_output_.is_full()) return false;
        const auto i = uint32_t(std::countr_zero(free_messages_));
        ControlMessage& message = output_messages_[i];
        message = {port, uint16_t(event), value};
        if (!control_output_.add(physical_of(&message), sizeof message, Virtqueue::Direction::ToDevice, &message))
            return false;
        free_messages_ &= ~(1u << i);
        control_output_.publish();
        return true;
    };
    const Patience patience = Patience::until_ns(arch::clock_now_ns() + kSettleNs).uninterruptible();
    if (!control_waiting_.wait(patience, try_send))
        log_error("virtio console: the host takes no control messages; port {} event {} is lost", port, uint32_t(event));
}

// True when there was one.
bool ConsoleDevice::handle_control_messages() {
    bool was_any = false;
    for (;;) {
        ControlBuffer copy;  // the device could change its own
        size_t length;
        {
            SpinGuard guard(lock_);
            const auto used = control_input_.take_used();
            if (!used) break;
            auto* buffer = static_cast<ControlBuffer*>(used->token);
            length = used->length;
            std::memcpy(&copy, buffer, sizeof copy);
            control_input_.add(physical_of(buffer), sizeof *buffer, Virtqueue::Direction::FromDevice, buffer);
            control_input_.publish();
        }
        was_any = true;
        if (length >= sizeof(ControlMessage)) handle_control(copy, length);
    }
    return was_any;
}

void ConsoleDevice::run_control_thread(void* argument) {
    auto* device = static_cast<ConsoleDevice*>(argument);
    for (;;) {
        (void)device->control_waiting_.wait(Patience::forever().uninterruptible(), [device] {
            SpinGuard guard(device->lock_);
            return device->control_input_.has_used();
        });
        device->handle_control_messages();
    }
}

void ConsoleDevice::handle_control(const ControlBuffer& buffer, size_t length) {
    const ControlMessage& message = buffer.message;
    if (message.port >= port_count_) return log_warning("virtio console: no port {}", message.port);
    Port& port = *ports_[message.port];
    switch (ControlEvent(message.event)) {
        case ControlEvent::PortAdd: return port_added(message.port);
        case ControlEvent::PortRemove: return port.set_removed();
        case ControlEvent::ConsolePort: return make_terminal(message.port);
        case ControlEvent::PortOpen: return port.set_host_open(message.value != 0);
        case ControlEvent::Resize: {
            struct {
                uint16_t columns, rows;
            } size;
            if (length < sizeof message + sizeof size) return;
            std::memcpy(&size, buffer.name, sizeof size);
            return resize(message.port, size.columns, size.rows);
        }
        case ControlEvent::PortName: {
            std::string_view name(buffer.name, std::min(length, sizeof buffer) - sizeof message);
            name = name.substr(0, name.find('\0'));
            return port_named(message.port, name);
        }
        case ControlEvent::DeviceReady:
        case ControlEvent::PortReady: break;  // ours to send
    }
}

void ConsoleDevice::port_added(uint32_t number) {
    if (is_added_[number]) return;
    is_added_[number] = true;
    if (const Status made = register_port_file(*ports_[number]); !made) {
        log_error("virtio console: port {} gets no file (error {})", number, uint32_t(made.error()));
        return send_control(number, ControlEvent::PortReady, 0);
    }
    send_control(number, ControlEvent::PortReady, 1);
}

void ConsoleDevice::port_named(uint32_t number, std::string_view name) {
    log_debug("virtio console: port {} is {}", number, name);
    if (name.empty() || name.size() > kMostNameBytes || name == "." || name == ".." ||
        name.find('/') != std::string_view::npos)
        return log_warning("virtio console: port {} has a name that no file can have", number);
    if (const Status named = register_port_name(*ports_[number], name); !named && named.error() != Error::Exists)
        log_error("virtio console: port {} gets no name (error {})", number, uint32_t(named.error()));
}

void ConsoleDevice::make_terminal(uint32_t number) {
    if (terminal_) return;  // one is enough; a further one stays an ordinary port
    auto terminal = HvcTerminal::create(*ports_[number]);
    if (terminal)
        terminal_ = *terminal;
    else
        log_error("virtio console: port {} is no terminal (error {})", number, uint32_t(terminal.error()));
}

void ConsoleDevice::resize(uint32_t number, uint16_t columns, uint16_t rows) {
    if (terminal_ && terminal_->port().number() == number) terminal_->set_window_size(columns, rows);
}

void ConsoleDevice::drain_until_ns(int64_t deadline_ns) {
    for (uint32_t i = 0; i < port_count_; ++i)
        while (ports_[i]->poll_output() > 0 && arch::clock_now_ns() < deadline_ns) Thread::yield();
}

}  // namespace gyre::driver::virtio
