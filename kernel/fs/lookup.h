// SPDX-License-Identifier: MIT
//
// From a path to a place: path_resolution(7). The walk runs lock-free under an epoch with plain
// pointers; it takes references only at its end, or before it has to sleep (a directory whose
// entries appear on demand, a magic link). A rename that happens meanwhile makes it start again.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/fs/dentry.h"
#include "kernel/fs/mount.h"
#include "kernel/memory/user.h"
#include "kernel/object/credentials.h"

namespace gyre {

// Whose view a path is resolved in.
struct LookupContext {
    Path root;
    Path base;  // where relative paths start; may be empty when the path is absolute
    const Credentials& credentials;
};

// A path copied from a program, once. The walk reads it in words of 8 bytes, so there are 8 bytes
// after the end.
class PathText {
public:
    static constexpr size_t kMostBytes = 4096;  // PATH_MAX, with the zero
    PathText() = default;
    PathText(const PathText&) = delete;
    PathText& operator=(const PathText&) = delete;
    ~PathText() { delete[] heap_; }
    // Errors: BadAddress, NameTooLong, NoMemory. An empty path is no error here.
    Status read(UserString path);
    Status set(std::string_view path);
    const char* text() const { return text_; }
    size_t length() const { return length_; }
    bool is_empty() const { return length_ == 0; }
    bool is_absolute() const { return text_[0] == '/'; }
    std::string_view view() const { return {text_, length_}; }

private:
    static constexpr size_t kInlineBytes = 248;
    const char* text_ = inline_;
    char* heap_ = nullptr;
    size_t length_ = 0;
    char inline_[kInlineBytes + 8];
};

enum class LookupFlag : uint32_t {
    None = 0,
    Follow = 1,  // a symbolic link as the last component
    MustBeDirectory = 2,
    NoCrossMounts = 4,  // openat2's RESOLVE_NO_XDEV
    NoMagicLinks = 8,
    NoLinks = 16,
    Beneath = 32,
    InRoot = 64,
};
constexpr LookupFlag operator|(LookupFlag a, LookupFlag b) {
    return LookupFlag(uint32_t(a) | uint32_t(b));
}
constexpr bool has(LookupFlag all, LookupFlag one) {
    return (uint32_t(all) & uint32_t(one)) != 0;
}

enum class LastKind : uint8_t { Name, Dot, DotDot, Root };

class PathWalker {
public:
    static constexpr uint32_t kMostLinks = 40;  // as Linux: then SymlinkLoop
    PathWalker(const LookupContext& context, const char* text, LookupFlag flags)
        : context_(context), flags_(flags), rest_(text) {}
    ~PathWalker();
    PathWalker(const PathWalker&) = delete;
    PathWalker& operator=(const PathWalker&) = delete;

    // Errors as path_resolution(7), and Stale: start again with a new walker.
    Status to_end();
    Status to_parent();
    // After to_parent(): where the last component is to be looked for, and the component.
    std::string_view last() const { return last_; }
    LastKind last_kind() const { return last_kind_; }
    bool has_trailing_slash() const { return must_be_directory_; }
    // After to_parent() found that the last component is a symbolic link: goes on to the parent of
    // what it names.
    Status follow_last(Dentry& link);
    // Takes references to where the walk stands. Errors: Stale.
    Result<Path> take();

private:
    struct Text {
        const char* rest;
        Inode* link;  // a reference to the link whose text this is, or null
        char* owned;  // text made for us, or null
    };
    Status walk(bool stops_at_last);
    Status step(std::string_view name, uint32_t hash, const char* next, bool is_last);
    Status go_up();
    void cross_mounts(Mount*& mount, Dentry*& dentry) const;
    Status follow(Dentry& link, const char* next);
    Status jump_to_root();
    Status hold();
    Result<Dentry*> fetch(std::string_view name);
    void pop_text();
    static void release(Text& text);

    const LookupContext& context_;
    const LookupFlag flags_;
    Mount* mount_ = nullptr;
    Dentry* dentry_ = nullptr;
    Path held_;            // keeps the place alive since the last sleep
    Ref<Dentry> fetched_;  // keeps the newest entry made on demand alive
    const char* rest_;
    Inode* current_link_ = nullptr;
    char* current_owned_ = nullptr;
    uint32_t sequence_ = 0;
    uint32_t links_followed_ = 0;
    uint32_t depth_ = 0;
    bool must_be_directory_ = false;
    bool is_started_ = false;
    LastKind last_kind_ = LastKind::Root;
    std::string_view last_;
    Text outer_[kMostLinks];  // texts to go on with when the current one ends; the first `depth_`
                              // are valid
};

// The whole walk, with its restarts.
Result<Path> look_up(const LookupContext& context, const PathText& path, LookupFlag flags);

// The entry of one directory, made on demand where the file system does so. Errors: NotFound, ...
// May sleep.
Result<Ref<Dentry>> fetch_entry(Dentry& directory, std::string_view name);

// A mount's covered place: the topmost thing mounted on `path`.
Path topmost(const Path& path);

// The path text of a place as seen from `root`, written to the end of `buffer`; the view is into
// it. Unreachable places get what Linux gives: "(unreachable)" in front when asked for, and "
// (deleted)" behind removed names.
enum class PathStyle : uint8_t { Plain, GetCwd };
Result<std::string_view> path_text(const Path& place, const Path& root, std::span<char> buffer,
                                   PathStyle style);

}  // namespace gyre
