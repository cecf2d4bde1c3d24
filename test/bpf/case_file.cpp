// SPDX-License-Identifier: MIT
//
// Reads the file of recorded cases (case_file.h).
#include "test/bpf/case_file.h"

#include <string.h>

#include <fstream>
#include <iterator>

namespace gyre::bpf {
namespace {

constexpr u32 kCaseMagic = 0x45534143;

struct Reader {
    const std::vector<u8>& bytes;
    size_t at = 0;
    bool good = true;

    u32 word() {
        u32 v = 0;
        if (at + 4 > bytes.size()) {
            good = false;
            return 0;
        }
        memcpy(&v, bytes.data() + at, 4);
        at += 4;
        return v;
    }
    std::vector<u8> block() {
        u32 n = word();
        if (at + n > bytes.size()) {
            good = false;
            return {};
        }
        std::vector<u8> v(bytes.begin() + static_cast<long>(at),
                          bytes.begin() + static_cast<long>(at + n));
        at += n;
        return v;
    }
};

std::string text_of(const std::vector<u8>& v) { return std::string(v.begin(), v.end()); }

template <class T>
std::vector<T> array_of(const std::vector<u8>& v) {
    std::vector<T> out(v.size() / sizeof(T));
    memcpy(static_cast<void*>(out.data()), v.data(), out.size() * sizeof(T));
    return out;
}

void put(std::vector<u8>& bytes, size_t at, u32 v) { memcpy(bytes.data() + at, &v, 4); }
u32 get(const std::vector<u8>& bytes, size_t at) {
    u32 v = 0;
    memcpy(&v, bytes.data() + at, 4);
    return v;
}

// The suite of 6.1 writes its types by hand, and kernels since 6.4 refuse them: tags of kernel pointers are
// named otherwise, and the structures lie in a module. The same with structures that every kernel has.
std::vector<u8> modernized(std::vector<u8> bytes, const Btf& btf) {
    const size_t types = get(bytes, 4) + get(bytes, 8);
    const size_t strings = get(bytes, 4) + get(bytes, 16);
    auto rename = [&](std::string_view old, std::string_view name) {
        for (size_t at = strings; at + old.size() < bytes.size(); at++) {
            const bool begins = at == strings || bytes[at - 1] == 0;
            if (begins && memcmp(bytes.data() + at, old.data(), old.size()) == 0 && bytes[at + old.size()] == 0) {
                memset(bytes.data() + at, 0, old.size());
                memcpy(bytes.data() + at, name.data(), name.size());
            }
        }
    };
    auto append = [&](std::string_view name) {
        const u32 at = static_cast<u32>(bytes.size() - strings);
        bytes.insert(bytes.end(), name.begin(), name.end());
        bytes.push_back(0);
        put(bytes, 20, static_cast<u32>(bytes.size() - strings));
        return at;
    };
    rename("prog_test_ref_kfunc", "task_struct");
    rename("prog_test_member", "cgroup");
    const u32 untrusted = append("kptr_untrusted");
    const u32 referenced = append("kptr");
    for (u32 id = 1; id < btf.type_count(); id++) {
        if (btf.type(id).kind() != BtfKind::TypeTag) {
            continue;
        }
        if (btf.name(id) == "kptr") {
            put(bytes, types + btf.offset_of(id), untrusted);
        } else if (btf.name(id) == "kptr_ref") {
            put(bytes, types + btf.offset_of(id), referenced);
        }
    }
    return bytes;
}

std::unique_ptr<RecordedMap> read_map(Reader& in, const Btf* kernel_btf, Arena& arena,
                                      bool is_for_kernel, std::string& broken) {
    auto m = std::make_unique<RecordedMap>();
    m->map.type = static_cast<MapType>(in.word());
    m->map.key_size = in.word();
    m->map.value_size = in.word();
    m->map.max_entries = in.word();
    m->map.flags = in.word();
    m->value_type_id = in.word();
    m->inner = static_cast<int>(in.word());
    m->btf_bytes = in.block();
    if (!m->btf_bytes.empty()) {
        m->btf = std::make_unique<Btf>();
        if (const char* problem = m->btf->open(m->btf_bytes, arena)) {
            broken = problem;
            return m;
        }
        if (is_for_kernel) {
            m->btf_bytes = modernized(m->btf_bytes, *m->btf);
            if (const char* problem = m->btf->open(m->btf_bytes, arena)) {
                broken = problem;
                return m;
            }
        }
        m->map.btf = m->btf.get();
        m->map.value_type_id = m->value_type_id;
        if (const char* problem = find_special_fields(*m->btf, m->value_type_id, kernel_btf, arena,
                                                      m->map.fields)) {
            broken = problem;
        }
    }
    return m;
}

}  // namespace

std::vector<std::unique_ptr<RecordedCase>> read_cases(const char* path, const Btf* kernel_btf,
                                                      Arena& arena, bool is_for_kernel) {
    std::ifstream file(path, std::ios::binary);
    std::vector<u8> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::vector<std::unique_ptr<RecordedCase>> cases;
    Reader in{bytes};
    while (in.good && in.at < bytes.size()) {
        auto c = std::make_unique<RecordedCase>();
        if (in.word() != kCaseMagic) {
            return {};
        }
        c->index = in.word();
        c->expects_accept = in.word() == 1;
        c->program.type = static_cast<ProgramType>(in.word());
        c->program.attach = static_cast<AttachType>(in.word());
        c->program.attach_type_id = in.word();
        c->flags = in.word();
        c->name = text_of(in.block());
        c->expected_text = text_of(in.block());
        c->insns = array_of<Insn>(in.block());
        c->functions = array_of<FunctionInfo>(in.block());
        c->btf_bytes = in.block();
        u32 maps = in.word();
        for (u32 k = 0; k < maps && in.good; k++) {
            c->maps.push_back(read_map(in, kernel_btf, arena, is_for_kernel, c->broken));
        }
        if (!in.good) {
            return {};
        }
        if (!c->btf_bytes.empty()) {
            c->btf = std::make_unique<Btf>();
            if (const char* problem = c->btf->open(c->btf_bytes, arena)) {
                c->broken = problem;
            }
        }
        for (auto& m : c->maps) {
            if (m->inner >= 0) {
                m->map.inner = &c->maps[static_cast<size_t>(m->inner)]->map;
            }
            c->map_pointers.push_back(&m->map);
        }
        Program& p = c->program;
        p.name = c->name.c_str();
        p.insns = c->insns;
        p.functions = c->functions;
        p.btf = c->btf.get();
        p.maps = c->map_pointers;
        p.needs_strict_alignment = (c->flags & 1) != 0;  // BPF_F_STRICT_ALIGNMENT
        p.is_sleepable = (c->flags & 16) != 0;           // BPF_F_SLEEPABLE
        cases.push_back(std::move(c));
    }
    return cases;
}

}  // namespace gyre::bpf
