// SPDX-License-Identifier: MIT
#include "lib/base/format.h"

namespace gyre {
namespace {

class Writer {
public:
    explicit Writer(std::span<char> to) : to_(to) {}
    void put(char c) {
        if (length_ < to_.size()) to_[length_++] = c;
    }
    void put(std::string_view text) {
        for (char c : text) put(c);
    }
    void put_number(uint64_t value, unsigned base, unsigned digits, char fill) {
        char reversed[64];
        unsigned count = 0;
        do {
            reversed[count++] = "0123456789abcdef"[value % base];
            value /= base;
        } while (value != 0);
        for (unsigned i = count; i < digits; ++i) put(fill);
        while (count > 0) put(reversed[--count]);
    }
    size_t length() const { return length_; }

private:
    std::span<char> to_;
    size_t length_ = 0;
};

struct Options {
    unsigned width = 0;
    char fill = ' ';
    bool is_hexadecimal = false;
};

Options parse_options(std::string_view text) {
    Options options;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == 'x') options.is_hexadecimal = true;
        else if (c == '0' && options.width == 0) options.fill = '0';
        else if (c >= '0' && c <= '9' && options.width < 100) options.width = options.width * 10 + unsigned(c - '0');
    }
    return options;
}

void put_argument(Writer& writer, const FormatArgument& argument, const Options& options) {
    using Kind = FormatArgument::Kind;
    uint64_t number = argument.number();
    switch (argument.kind()) {
        case Kind::None: return writer.put("{}");
        case Kind::Text:
            writer.put(argument.text());
            for (size_t i = argument.text().size(); i < options.width; ++i) writer.put(' ');
            return;
        case Kind::Character: return writer.put(static_cast<char>(number));
        case Kind::Boolean: return writer.put(number ? "true" : "false");
        case Kind::Signed:
            if (!options.is_hexadecimal && static_cast<int64_t>(number) < 0) {
                writer.put('-');
                number = 0 - number;
            }
            break;
        case Kind::Unsigned: break;
    }
    writer.put_number(number, options.is_hexadecimal ? 16 : 10, options.width, options.fill);
}

}  // namespace

size_t format_list(std::span<char> to, std::string_view format, std::span<const FormatArgument> arguments) {
    Writer writer(to);
    size_t next = 0;
    for (size_t i = 0; i < format.size(); ++i) {
        const size_t end = format[i] == '{' ? format.find('}', i) : std::string_view::npos;
        if (end == std::string_view::npos) {
            writer.put(format[i]);
            continue;
        }
        put_argument(writer, next < arguments.size() ? arguments[next] : FormatArgument(),
                     parse_options(format.substr(i + 1, end - i - 1)));
        ++next;
        i = end;
    }
    return writer.length();
}

}  // namespace gyre
