// SPDX-License-Identifier: MIT
//
// Pipes without processes: content, capacity, readiness, waiting.
#include "kernel/fs/pipe.h"

#include <cstring>

#include "kernel/schedule/thread.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

Result<size_t> put(File& file, std::string_view text) {
    IoCursor cursor = IoCursor::kernel(std::as_bytes(std::span(text)));
    return file.write(cursor, Patience::none());
}
Result<size_t> get(File& file, std::span<char> to, Patience patience = Patience::none()) {
    IoCursor cursor = IoCursor::kernel(std::as_writable_bytes(to));
    return file.read(cursor, patience);
}

KERNEL_TEST(pipe_gives_back_what_was_written_in_order) {
    PipeEnds ends = TEST_TRY(make_pipe(0));
    EXPECT(put(*ends.writer, "hello ") == size_t{6});
    EXPECT(put(*ends.writer, "world") == size_t{5});
    char text[32];
    EXPECT(get(*ends.reader, std::span(text, 3)) == size_t{3});
    EXPECT(get(*ends.reader, std::span(text + 3, 29)) == size_t{8});
    EXPECT(std::memcmp(text, "hello world", 11) == 0);
    EXPECT(get(*ends.reader, text).error() == Error::WouldBlock);
    ends.writer.reset();
    EXPECT(get(*ends.reader, text) == size_t{0});
}

KERNEL_TEST(pipe_is_full_after_its_capacity_and_says_so) {
    PipeEnds ends = TEST_TRY(make_pipe(0));
    static char page[kPageSize];
    for (uint32_t i = 0; i < Pipe::kDefaultSlots; ++i) {
        EXPECT(any(ends.writer->signals() & Signals::Writable));
        EXPECT(put(*ends.writer, {page, sizeof(page)}) == sizeof(page));
    }
    EXPECT(!any(ends.writer->signals() & Signals::Writable));
    EXPECT(put(*ends.writer, "x").error() == Error::WouldBlock);
    EXPECT(get(*ends.reader, std::span(page, 100)) == size_t{100});
    EXPECT(!any(ends.writer->signals() & Signals::Writable));  // no whole page is free
    EXPECT(get(*ends.reader, page) == sizeof(page));
    EXPECT(any(ends.writer->signals() & Signals::Writable));
}

KERNEL_TEST(pipe_packets_keep_their_borders) {
    PipeEnds ends = TEST_TRY(make_pipe(open_flags::kDirect));
    EXPECT(put(*ends.writer, "one") == size_t{3});
    EXPECT(put(*ends.writer, "second") == size_t{6});
    char text[32];
    EXPECT(get(*ends.reader, std::span(text, 2)) == size_t{2});  // the rest of the first is lost
    EXPECT(get(*ends.reader, text) == size_t{6});
    EXPECT(std::memcmp(text, "second", 6) == 0);
}

KERNEL_TEST(pipe_ends_see_each_other_go) {
    PipeEnds ends = TEST_TRY(make_pipe(0));
    EXPECT(ends.reader->signals() == Signals::None);
    EXPECT(ends.writer->signals() == Signals::Writable);
    Ref<File> reader = ends.reader;
    ends.reader.reset();
    EXPECT(!any(ends.writer->signals() & Signals::Failed));
    reader.reset();
    EXPECT(any(ends.writer->signals() & Signals::Failed));
    EXPECT(put(*ends.writer, "x").error() == Error::BrokenPipe);
}

struct Writer {
    Ref<File> file;
    std::atomic<bool> is_done{false};
};

KERNEL_TEST(pipe_reader_sleeps_until_a_writer_comes) {
    PipeEnds ends = TEST_TRY(make_pipe(0));
    Writer writer{ends.writer};
    Ref<Thread> thread = TEST_TRY(Thread::create({
        .name = "pipe writer",
        .entry =
            [](void* argument) {
                auto& self = *static_cast<Writer*>(argument);
                (void)Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + 5'000'000));
                EXPECT(put(*self.file, "late") == size_t{4});
                self.file.reset();
                self.is_done.store(true);
                Thread::exit();
            },
        .argument = &writer,
    }));
    thread->start();
    char text[8];
    EXPECT(get(*ends.reader, text, Patience::until_ns(arch::clock_now_ns() + 2'000'000'000)) ==
           size_t{4});
    while (!writer.is_done.load())
        Thread::yield();
}

KERNEL_TEST(pipe_splice_gives_back_what_is_not_taken) {
    PipeEnds ends = TEST_TRY(make_pipe(0));
    EXPECT(put(*ends.writer, "abcdef") == size_t{6});
    auto& pipe = file_cast<PipeFile>(*ends.reader)->pipe();
    const auto take_two = [](void*, std::span<const std::byte> piece) -> Result<size_t> {
        return std::min<size_t>(piece.size(), 2);
    };
    EXPECT(pipe.splice_out(6, Patience::none(), take_two, nullptr) == size_t{2});
    char text[8];
    EXPECT(get(*ends.reader, text) == size_t{4});
    EXPECT(std::memcmp(text, "cdef", 4) == 0);
}

}  // namespace
}  // namespace gyre
