// SPDX-License-Identifier: MIT
//
// The virtio console device (VIRTIO 1.2, 5.3) with several ports: the first console port becomes /dev/hvc0, all others
// /dev/vportNpM and, when the host named them, /dev/virtio-ports/NAME.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernel/driver/virtio/port.h"
#include "kernel/driver/virtio/transport.h"
#include "kernel/driver/virtio/virtqueue.h"
#include "kernel/schedule/wait_queue.h"

namespace gyre {
class Terminal;
}

namespace gyre::driver::virtio {

class HvcTerminal;

enum class ControlEvent : uint16_t {
    DeviceReady, PortAdd, PortRemove, PortReady, ConsolePort, Resize, PortOpen, PortName,
};

struct ControlMessage {  // struct virtio_console_control
    uint32_t port;
    uint16_t event;
    uint16_t value;
};
static_assert(sizeof(ControlMessage) == 8);

class ConsoleDevice {
public:
    static constexpr uint32_t kMostPorts = 32;
    static constexpr size_t kMostNameBytes = 48;

    // Brings the device up and finds its ports; returns when the host has told all it knows at first. `number` is the N of
    // vportNpM. Errors: NotSupported, NoMemory, TimedOut.
    static Status start(Transport& transport, uint32_t number);

    // To the host. When the queue stays full for a second (the host is stuck) the message is lost, and the log says so.
    // Context: thread.
    void send_control(uint32_t port, ControlEvent event, uint16_t value);
    // Waits, polling, until all ports have sent everything or the moment has come.
    void drain_until_ns(int64_t deadline_ns);
    uint32_t number() const { return number_; }

private:
    struct ControlBuffer {
        ControlMessage message;
        char name[120];
    };
    static_assert(sizeof(ControlBuffer) == 128);

    ConsoleDevice(Transport& transport, uint32_t number) : transport_(transport), number_(number) {}
    Status bring_up();
    Status set_up_control();
    Status set_up_ports(uint32_t count);
    void on_interrupt();
    static void run_control_thread(void* device);
    bool handle_control_messages();
    void handle_control(const ControlBuffer& buffer, size_t length);
    void port_added(uint32_t number);
    void port_named(uint32_t number, std::string_view name);
    void make_terminal(uint32_t number);
    void resize(uint32_t number, uint16_t columns, uint16_t rows);
    bool is_control_idle();

    Transport& transport_;
    const uint32_t number_;
    bool has_ports_ = false;    // VIRTIO_CONSOLE_F_MULTIPORT
    bool has_size_ = false;     // VIRTIO_CONSOLE_F_SIZE
    uint32_t port_count_ = 0;
    std::array<Port*, kMostPorts> ports_{};              // written before the device runs, then constant
    std::array<bool, kMostPorts> is_added_{};            // the control thread's
    HvcTerminal* terminal_ = nullptr;

    SpinLock lock_{LockRank::DriverQueue};
    Virtqueue control_input_ GYRE_GUARDED_BY(lock_);
    Virtqueue control_output_ GYRE_GUARDED_BY(lock_);
    ControlBuffer* input_buffers_ = nullptr;
    ControlMessage* output_messages_ GYRE_GUARDED_BY(lock_) = nullptr;
    uint32_t free_messages_ GYRE_GUARDED_BY(lock_) = ~0u;  // one bit for each of output_messages_
    WaitQueue control_waiting_;   // the control thread, and who waits for a free message
};

// Makes the device known to drain_until_ns; by bring_up().
void register_console_device(ConsoleDevice& device);
// Finds the devices, MMIO and PCI. Context: bring-up thread.
void initialize();
// hvc0, null when there is none.
Terminal* console_terminal();
void drain_until_ns(int64_t deadline_ns);

}  // namespace gyre::driver::virtio
