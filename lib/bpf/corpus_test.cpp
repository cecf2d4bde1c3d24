// SPDX-License-Identifier: MIT
//
// The fuzzers' corpora, among them all that once went wrong, without a fuzzer. Run from the top of the tree.
#include "lib/bpf/corpus_test.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace gyre::bpf {
namespace {

size_t run_all(const char* folder, int (*one)(const u8*, size_t)) {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::string("lib/bpf/corpus/") + folder)) {
        SCOPED_TRACE(entry.path().string());
        std::ifstream file(entry.path(), std::ios::binary);
        std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
        EXPECT_EQ(one(reinterpret_cast<const u8*>(bytes.data()), bytes.size()), 0);
        count++;
    }
    return count;
}

TEST(Corpus, Verifier) { EXPECT_GT(run_all("verifier", fuzz_verifier), 40u); }
TEST(Corpus, Objects) { EXPECT_GT(run_all("object", fuzz_object), 1u); }
TEST(Corpus, Types) { EXPECT_GT(run_all("types", fuzz_types), 4u); }

}  // namespace
}  // namespace gyre::bpf
