// SPDX-License-Identifier: MIT
//
// Groups of figures as horizontal bars: the row that others are compared with in grey, a bar that is better
// in green, one within 5 % in blue, a worse one in orange; the figure and the ratio stand at its end.
#include <algorithm>
#include <format>
#include <utility>

#include "cli/bench_rings.h"

namespace gyre::cli {
namespace {

constexpr int kWidth = 920;
constexpr int kLabelWidth = 230;
constexpr int kBarWidth = 400;
constexpr int kRowHeight = 24;
constexpr int kGroupGap = 46;
constexpr double kAlike = 0.05;

std::string escape(const std::string& text) {
    std::string out;
    for (char c : text) {
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else out += c;
    }
    return out;
}

const char* color_of(const BenchGroup& group, const BenchRow& row, const BenchRow* other) {
    if (other == nullptr) return "#9aa3ad";
    const double ratio = group.is_more_better ? 1 / row.ratio_to(*other) : row.ratio_to(*other);
    return ratio < 1 - kAlike ? "#2e9e6b" : ratio <= 1 + kAlike ? "#3b78c9" : "#d98032";
}

std::string grouped(double value) {
    std::string digits = std::format("{:.0f}", value);
    for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), ",");
    return digits;
}

std::string draw_group(const BenchGroup& group, int y) {
    std::string out = std::format("<text x=\"24\" y=\"{}\" class=\"title\">{}</text><text x=\"{}\" y=\"{}\" class=\"unit\">{} ({} is better)</text>\n", y,
                                  escape(group.title), kLabelWidth + 24, y, escape(group.unit), group.is_more_better ? "more" : "less");
    double most = 0;
    for (const BenchRow& row : group.rows) most = std::max(most, row.median());
    for (const BenchRow& row : group.rows) {
        y += kRowHeight;
        const BenchRow* other = group.find(row.beside);
        const double width = most > 0 ? std::max(2.0, kBarWidth * row.median() / most) : 2.0;
        std::string figure = row.median() >= 10000 ? grouped(row.median()) : std::format("{:.{}f}", row.median(), row.median() < 10 ? 2 : 1);
        if (other != nullptr) figure += std::format("  ({:.{}f} \u00d7)", row.ratio_to(*other), row.ratio_to(*other) < 0.05 ? 3 : 2);
        out += std::format("<text x=\"{}\" y=\"{}\" class=\"label\">{}</text>", kLabelWidth + 14, y - 3, escape(row.name));
        out += std::format("<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\" fill=\"{}\"/>", kLabelWidth + 24, y - 16, width, kRowHeight - 6, color_of(group, row, other));
        out += std::format("<text x=\"{:.1f}\" y=\"{}\" class=\"figure\">{}</text>\n", kLabelWidth + 32 + width, y - 3, figure);
    }
    return out;
}

std::string draw_legend(int y) {
    constexpr std::pair<const char*, const char*> kEntries[] = {
        {"#9aa3ad", "compared with"}, {"#2e9e6b", "better"}, {"#3b78c9", "within 5 %"}, {"#d98032", "worse"}};
    std::string out;
    int x = kLabelWidth + 24;
    for (const auto& [color, text] : kEntries) {
        out += std::format("<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{}\"/><text x=\"{}\" y=\"{}\" class=\"unit\">{}</text>", x, y - 10,
                           color, x + 18, y, text);
        x += 130;
    }
    return out + "\n";
}

}  // namespace

std::string draw_bars(const std::vector<BenchGroup>& groups, const std::string& heading) {
    std::string body;
    int y = 96;
    for (const BenchGroup& group : groups) {
        body += draw_group(group, y);
        y += kRowHeight * static_cast<int>(group.rows.size()) + kGroupGap;
    }
    return std::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n"
               "<style>.title{{font-weight:600;font-size:14px;fill:#1d2733}}.unit{{fill:#66717d}}.label{{text-anchor:end;fill:#1d2733}}.figure{{fill:#1d2733}}"
               ".head{{font-weight:700;font-size:18px;fill:#1d2733}}</style>\n"
               "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n<text x=\"24\" y=\"36\" class=\"head\">{2}</text>\n",
               kWidth, y, escape(heading)) +
           draw_legend(62) + body + "</svg>\n";
}

}  // namespace gyre::cli
