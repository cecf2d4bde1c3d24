// SPDX-License-Identifier: MIT
//
// The devices of major number 1 that need no hardware: null(4), zero, full(4), random(4), urandom.
// kmsg is in kernel_log_device.cpp.
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernel/driver/character_device.h"
#include "kernel/driver/kernel_log_device.h"
#include "kernel/memory/user.h"
#include "kernel/random/random.h"
#include "kernel/schedule/thread.h"

namespace gyre::driver {

namespace {

constexpr uint32_t kMajor = 1;
constexpr Signals kAlwaysReady = Signals::Readable | Signals::Writable;

// What the three have in common: writes vanish, seeking changes nothing.
class SinkFile : public File {
public:
    SinkFile(Path path, uint32_t flags) : File(std::move(path), flags, kAlwaysReady) {}
    Result<size_t> write(IoCursor& from, Patience) override { return swallow(from); }
    Result<size_t> write_at(IoCursor& from, uint64_t, Patience) override { return swallow(from); }
    Result<size_t> read_at(IoCursor& to, uint64_t, Patience patience) override {
        return read(to, patience);
    }
    Result<uint64_t> seek(int64_t, int) override { return 0; }

private:
    static size_t swallow(IoCursor& from) {
        const size_t count = from.remaining();
        from.limit(0);
        return count;
    }
};

class NullFile final : public SinkFile {
public:
    using SinkFile::SinkFile;
    Result<size_t> read(IoCursor&, Patience) override { return 0; }
};

class ZeroFile : public SinkFile {
public:
    using SinkFile::SinkFile;
    Result<size_t> read(IoCursor& to, Patience) override {
        size_t done = 0;
        while (!to.is_done()) {
            const Result<size_t> put = to.put_zeroes(std::min<size_t>(to.remaining(), kPageSize));
            if (!put) {
                if (done) break;
                return put;
            }
            done += *put;
            if (*put == 0 || Thread::current().is_interrupted()) break;
            Thread::preemption_point();
        }
        return done;
    }
    // Mapping it is another way to ask for anonymous memory.
    Result<Ref<Vmo>> mappable(MapRequest& request) override {
        return Vmo::create(page_ceiling(request.length) + request.offset);
    }
};

class FullFile final : public ZeroFile {
public:
    using ZeroFile::ZeroFile;
    Result<size_t> write(IoCursor&, Patience) override { return fail(Error::NoSpace); }
    Result<size_t> write_at(IoCursor&, uint64_t, Patience) override { return fail(Error::NoSpace); }
};

// random and urandom are one: the generator is seeded before the first program runs.
class RandomFile final : public SinkFile {
public:
    using SinkFile::SinkFile;
    Result<size_t> read(IoCursor& to, Patience) override {
        size_t done = 0;
        while (!to.is_done()) {
            std::byte block[256];
            const size_t length = std::min(to.remaining(), sizeof(block));
            random_bytes({block, length});
            const Result<size_t> put = to.put(std::span<const std::byte>(block, length));
            if (!put) {
                if (done) break;
                return put;
            }
            done += *put;
            if (*put < length || Thread::current().is_interrupted()) break;
            Thread::preemption_point();
        }
        return done;
    }
    // Stirred in, but never believed to add entropy (random(4)).
    Result<size_t> write(IoCursor& from, Patience) override {
        size_t done = 0;
        while (!from.is_done()) {
            std::byte block[256];
            const size_t length = std::min(from.remaining(), sizeof(block));
            const Result<size_t> taken = from.take({block, length});
            if (!taken) {
                if (done) break;
                return taken;
            }
            random_stir({block, *taken});
            done += *taken;
            if (*taken < length || Thread::current().is_interrupted()) break;
            Thread::preemption_point();
        }
        return done;
    }
    Result<size_t> write_at(IoCursor& from, uint64_t, Patience patience) override {
        return write(from, patience);
    }
    Result<long> ioctl(linux::CallContext&, uint32_t command, uintptr_t argument) override {
        constexpr uint32_t kGetEntropyCount = 0x8004'5200;  // RNDGETENTCNT
        if (command != kGetEntropyCount) return fail(Error::InvalidArgument);
        TRY_VOID(UserOut<int32_t>(argument).write(256));
        return 0;
    }
};

template <class T>
Result<Ref<File>> open_as(const Path& path, uint32_t flags, uint64_t, void*) {
    return Ref<File>(TRY(make_ref<T>(path, flags)));
}

}  // namespace

Status register_memory_devices() {
    TRY_VOID(register_character_device(kMajor, 3, "null", 0666, &open_as<NullFile>));
    TRY_VOID(register_character_device(kMajor, 5, "zero", 0666, &open_as<ZeroFile>));
    TRY_VOID(register_character_device(kMajor, 7, "full", 0666, &open_as<FullFile>));
    TRY_VOID(register_character_device(kMajor, 8, "random", 0666, &open_as<RandomFile>));
    TRY_VOID(register_character_device(kMajor, 9, "urandom", 0666, &open_as<RandomFile>));
    return register_character_device(kMajor, 11, "kmsg", 0644, &open_kernel_log);
}

}  // namespace gyre::driver
