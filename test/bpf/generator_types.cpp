// SPDX-License-Identifier: MIT
//
// The types of generated programs, and those of the kernel functions that they call: written here, so that
// programs are the same on every machine and nothing is looked for among a real kernel's many types.
#include <string.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "test/bpf/generator.h"

namespace gyre::bpf {
namespace {

class TypeWriter {
public:
    u32 number(std::string_view name, u32 bytes, bool is_signed = false) {
        return add(name, 1, 0, bytes, {(is_signed ? 1u << 24 : 0) | bytes * 8});
    }
    u32 pointer(u32 to) { return add({}, 2, 0, to, {}); }
    u32 constant(u32 of) { return add({}, 10, 0, of, {}); }
    struct Member {
        std::string_view name;
        u32 type;
        u32 bit = 0;
    };
    u32 structure(std::string_view name, u32 bytes, std::initializer_list<Member> members) {
        const u32 id = add(name, 4, static_cast<u32>(members.size()), bytes, {});
        for (const Member& m : members) {
            words_.insert(words_.end(), {text(m.name), m.type, m.bit});
        }
        return id;
    }
    u32 prototype(u32 result, std::initializer_list<Member> parameters) {
        const u32 id = add({}, 13, static_cast<u32>(parameters.size()), result, {});
        for (const Member& p : parameters) {
            words_.insert(words_.end(), {text(p.name), p.type});
        }
        return id;
    }
    u32 function(std::string_view name, u32 prototype, bool is_global) {
        return add(name, 12, is_global ? 1 : 0, prototype, {});
    }

    std::vector<u8> finish() const {
        const u32 bytes = static_cast<u32>(words_.size() * sizeof(u32));
        const u32 header[] = {0x0001eb9f, 24, 0, bytes, bytes, static_cast<u32>(strings_.size())};
        std::vector<u8> out(sizeof(header) + bytes + strings_.size());
        memcpy(out.data(), header, sizeof(header));
        memcpy(out.data() + sizeof(header), words_.data(), bytes);
        memcpy(out.data() + sizeof(header) + bytes, strings_.data(), strings_.size());
        return out;
    }

private:
    u32 text(std::string_view name) {
        if (name.empty()) {
            return 0;
        }
        const u32 at = static_cast<u32>(strings_.size());
        strings_.append(name);
        strings_.push_back('\0');
        return at;
    }
    u32 add(std::string_view name, u32 kind, u32 count, u32 size_or_type, std::initializer_list<u32> more) {
        words_.insert(words_.end(), {text(name), kind << 24 | count, size_or_type});
        words_.insert(words_.end(), more);
        return ++last_;
    }

    std::vector<u32> words_;
    std::string strings_ = std::string(1, '\0');
    u32 last_ = 0;
};

}  // namespace

std::vector<u8> generated_types() {
    TypeWriter w;
    const u32 number = w.number("number", 4);            // kNumberType
    const u32 prototype = w.prototype(number, {});       // kPrototype
    w.function("main", prototype, true);                 // kMainType
    w.function("part", prototype, false);                // kStaticType
    const u32 lock = w.structure("bpf_spin_lock", 4, {{"val", number}});
    // kLockedType; the rest of it needs no names.
    w.structure("locked", kMapValueBytes, {{"lock", lock, 0}, {"count", number, 32}});
    return w.finish();
}

std::vector<u8> generated_kernel_types() {
    TypeWriter w;
    const u32 s32_type = w.number("int", 4, true);
    const u32 u32_type = w.number("unsigned int", 4);
    const u32 u64_type = w.number("unsigned long", 8);
    const u32 numbers = w.pointer(w.structure("bpf_iter_num", 8, {{"__opaque", u64_type}}));
    const u32 buffer_type = w.structure("bpf_dynptr", 16, {{"low", u64_type, 0}, {"high", u64_type, 64}});
    const u32 new_buffer = w.pointer(buffer_type);
    const u32 buffer = w.pointer(w.constant(buffer_type));
    const u32 task = w.pointer(w.structure("task_struct", 8, {{"pid", s32_type}}));
    const u32 packet = w.pointer(w.structure("__sk_buff", 4, {{"len", u32_type}}));
    const u32 xdp = w.pointer(w.structure("xdp_md", 4, {{"data", u32_type}}));
    const u32 number_pointer = w.pointer(s32_type);
    const u32 any_pointer = w.pointer(0);
    u32 next = 0;
    auto define = [&](std::string_view name, u32 result, std::initializer_list<TypeWriter::Member> parameters) {
        next = w.function(name, w.prototype(result, parameters), true);
    };
    // In the order of GeneratedFunction: a prototype, then the function.
    define("bpf_iter_num_new", s32_type, {{"it", numbers}, {"start", s32_type}, {"end", s32_type}});
    define("bpf_iter_num_next", number_pointer, {{"it", numbers}});
    define("bpf_iter_num_destroy", 0, {{"it", numbers}});
    define("bpf_rcu_read_lock", 0, {});
    define("bpf_rcu_read_unlock", 0, {});
    define("bpf_preempt_disable", 0, {});
    define("bpf_preempt_enable", 0, {});
    define("bpf_task_from_pid", task, {{"pid", s32_type}});
    define("bpf_task_acquire", task, {{"p", task}});
    define("bpf_task_release", 0, {{"p", task}});
    define("bpf_dynptr_from_skb", s32_type, {{"s", packet}, {"flags", u64_type}, {"ptr__uninit", new_buffer}});
    define("bpf_dynptr_from_xdp", s32_type, {{"x", xdp}, {"flags", u64_type}, {"ptr__uninit", new_buffer}});
    define("bpf_dynptr_slice", any_pointer,
           {{"p", buffer}, {"offset", u64_type}, {"buffer__opt", any_pointer}, {"buffer__szk", u64_type}});
    define("bpf_dynptr_slice_rdwr", any_pointer,
           {{"p", buffer}, {"offset", u64_type}, {"buffer__opt", any_pointer}, {"buffer__szk", u64_type}});
    define("bpf_dynptr_adjust", s32_type, {{"p", buffer}, {"start", u64_type}, {"end", u64_type}});
    define("bpf_dynptr_size", u64_type, {{"p", buffer}});
    define("bpf_dynptr_is_null", s32_type, {{"p", buffer}});
    return w.finish();
}

}  // namespace gyre::bpf
