// SPDX-License-Identifier: MIT
//
// `gyre bench rings`: what a call costs by each tier of libksvc, beside the plain call and beside
// hand-written liburing, and what a web server gets done, in one run on one machine.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/paths.h"

namespace gyre::cli {

struct BenchRingsOptions {
    bool as_json = false;
    bool without_http = false;
    unsigned rounds = 41;       // each row's figure is the median of as many
    unsigned http_rounds = 7;   // rounds of one second for each server
    std::filesystem::path picture;  // an SVG; empty: build/bench-rings.svg
};

// A figure and the one that it is to be seen beside.
struct BenchRow {
    std::string name;
    std::string beside;         // another row's name; empty: this one is what others are compared with
    std::vector<double> values; // one a round

    double median() const;
    // To another row of the same rounds: the median of each round's ratio, for what a round meets hits both.
    double ratio_to(const BenchRow& other) const;
};

// Rows of one kind, in one picture.
struct BenchGroup {
    std::string title;
    std::string unit;
    bool is_more_better = false;
    std::vector<BenchRow> rows;

    const BenchRow* find(const std::string& name) const;
};

// Prints the table (or JSON) and writes the picture; 0, or 1 where this machine has no io_uring to compare with.
int bench_rings(const Paths& paths, const BenchRingsOptions& options);

// wrk against each server in turns: requests per CPU-second of the server. A problem where wrk or nginx is missing.
Outcome<BenchGroup> bench_http(const std::filesystem::path& servers, const std::filesystem::path& scratch, unsigned connections, unsigned rounds);

// The groups as bars, one above the other: an SVG that needs nothing else.
std::string draw_bars(const std::vector<BenchGroup>& groups, const std::string& heading = "What a call costs by libksvc");

}  // namespace gyre::cli
