// SPDX-License-Identifier: MIT
//
// Makes the program's maps, loads it, reads the verdict, closes everything.
#include "cli/bpf_kernel.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace gyre::bpf {
namespace {

int bpf_call(int command, bpf_attr& attr) {
    return static_cast<int>(syscall(SYS_bpf, command, &attr, sizeof(attr)));
}

u64 address(const void* p) { return reinterpret_cast<u64>(p); }

struct Descriptors {
    std::vector<int> open;
    ~Descriptors() {
        for (int fd : open) {
            close(fd);
        }
    }
    int keep(int fd) {
        if (fd >= 0) {
            open.push_back(fd);
        }
        return fd;
    }
};

int load_btf(std::span<const u8> bytes, Descriptors& d) {
    if (bytes.empty()) {
        return -1;
    }
    bpf_attr attr = {};
    attr.btf = address(bytes.data());
    attr.btf_size = static_cast<u32>(bytes.size());
    int fd = d.keep(bpf_call(BPF_BTF_LOAD, attr));
    if (fd < 0 && getenv("GYRE_BPF_EXPLAIN") != nullptr) {
        std::vector<char> log(1u << 20);
        attr.btf_log_buf = address(log.data());
        attr.btf_log_size = static_cast<u32>(log.size());
        attr.btf_log_level = 1;
        bpf_call(BPF_BTF_LOAD, attr);
        std::string text(log.data());
        fprintf(stderr, "BTF: %s\n", text.substr(text.size() > 300 ? text.size() - 300 : 0).c_str());
    }
    return fd;
}

// Some four-byte integer among the types, to describe a key.
u32 int_type(std::span<const u8> bytes) {
    std::vector<u8> memory(4u << 20);
    Arena arena(memory);
    Btf btf;
    if (btf.open(bytes, arena) != nullptr) {
        return 0;
    }
    for (u32 id = 1; id < btf.type_count(); id++) {
        if (btf.type(id).kind() == BtfKind::Int && btf.type(id).size_or_type == 4) {
            return id;
        }
    }
    return 0;
}

// Kinds of map that the kernel makes only without types (as libbpf knows them).
bool takes_types(MapType type) {
    switch (type) {
        case MapType::PerfEventArray: case MapType::CgroupArray: case MapType::StackTrace:
        case MapType::ArrayOfMaps: case MapType::HashOfMaps: case MapType::Devmap:
        case MapType::DevmapHash: case MapType::Cpumap: case MapType::Xskmap: case MapType::Sockmap:
        case MapType::Sockhash: case MapType::Queue: case MapType::Stack: case MapType::ProgArray:
        case MapType::Ringbuf: case MapType::UserRingbuf: case MapType::Arena: return false;
        default: return true;
    }
}

bool needs_types(const Map& map) {
    switch (map.type) {
        case MapType::SkStorage: case MapType::InodeStorage: case MapType::TaskStorage:
        case MapType::CgrpStorage: return true;
        default: return !map.fields.empty();
    }
}

// What libbpf fills in for sizes that the source leaves open.
u32 entry_count(const Map& map) {
    if (map.type == MapType::PerfEventArray && map.max_entries == 0) {
        return static_cast<u32>(sysconf(_SC_NPROCESSORS_CONF));
    }
    if (map.type == MapType::Ringbuf || map.type == MapType::UserRingbuf) {
        u32 bytes = 4096;
        while (bytes < map.max_entries && bytes < 1u << 30) {
            bytes *= 2;
        }
        return bytes;
    }
    // Others that say nothing are sized by their users before they are made; these have no size.
    switch (map.type) {
        case MapType::SkStorage: case MapType::InodeStorage: case MapType::TaskStorage: case MapType::CgrpStorage:
        case MapType::CgroupStorage: case MapType::PercpuCgroupStorage: case MapType::Arena: return map.max_entries;
        default: return std::max(map.max_entries, 1u);
    }
}

int make_map(const Map& map, std::span<const u8> btf, int shared_btf, int inner, Descriptors& d) {
    bpf_attr attr = {};
    attr.map_type = static_cast<u32>(map.type);
    attr.key_size = map.key_size;
    // Some describe the records of a ring buffer as its values; the kernel wants none.
    const bool is_ring = map.type == MapType::Ringbuf || map.type == MapType::UserRingbuf;
    attr.value_size = is_ring ? 0 : map.value_size;
    attr.max_entries = entry_count(map);
    attr.map_flags = map.flags;
    if (map.type == MapType::Arena) {
        attr.map_extra = u64{1} << 44;  // where user programs would see it
    }
    if (inner >= 0) {
        attr.inner_map_fd = static_cast<u32>(inner);
    }
    int btf_fd = !takes_types(map.type) || !needs_types(map) ? -1
                 : shared_btf >= 0                           ? shared_btf
                                                             : load_btf(btf, d);
    if (btf_fd >= 0) {
        attr.btf_fd = static_cast<u32>(btf_fd);
        bool is_data = map.btf != nullptr && map.btf->type(map.value_type_id).kind() == BtfKind::Section;
        attr.btf_key_type_id = is_data ? 0 : map.key_type_id != 0 ? map.key_type_id : int_type(btf);
        attr.btf_value_type_id = map.value_type_id;
    }
    int fd = d.keep(bpf_call(BPF_MAP_CREATE, attr));
    if (fd >= 0 && !map.frozen_contents.empty()) {
        u32 key = 0;
        bpf_attr update = {};
        update.map_fd = static_cast<u32>(fd);
        update.key = address(&key);
        update.value = address(map.frozen_contents.data());
        bpf_call(BPF_MAP_UPDATE_ELEM, update);
        bpf_attr freeze = {};
        freeze.map_fd = static_cast<u32>(fd);
        bpf_call(BPF_MAP_FREEZE, freeze);
    }
    return fd;
}

bool uses_map(const Program& program, size_t index) {
    for (size_t i = 0; i + 1 < program.insns.size(); i++) {
        const Insn& insn = program.insns[i];
        if (!is_ld_imm64(insn)) continue;
        const bool is_map = insn.src() == kPseudoMapFd || insn.src() == kPseudoMapValue;
        if (is_map && insn.imm >= 0 && static_cast<size_t>(insn.imm) == index) return true;
        i++;
    }
    return false;
}

u64 number_after(const std::string& text, const char* words) {
    size_t at = text.rfind(words);
    return at == std::string::npos ? 0 : strtoull(text.c_str() + at + strlen(words), nullptr, 10);
}

}  // namespace

std::vector<int> make_kernel_maps(std::span<const Map* const> maps, std::span<const u8> btf) {
    std::vector<int> fds;
    for (const Map* map : maps) {
        Descriptors d;
        int fd = make_map(*map, btf, -1, -1, d);
        if (fd < 0) {
            return {};
        }
        std::erase(d.open, fd);
        fds.push_back(fd);
    }
    return fds;
}

u32 possible_cpu_count() {
    // "0-7": the last number counts.
    char text[256] = {};
    FILE* file = fopen("/sys/devices/system/cpu/possible", "re");
    if (file == nullptr) {
        return Target{}.cpu_count;
    }
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    size_t at = length;
    while (at > 0 && (text[at - 1] < '0' || text[at - 1] > '9')) {
        at--;
    }
    while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9') {
        at--;
    }
    return static_cast<u32>(strtoul(text + at, nullptr, 10)) + 1;
}

KernelVerdict ask_kernel(const Program& program, std::span<const u8> bare_btf,
                         std::span<const std::vector<u8>> map_btf, u32 prog_flags,
                         bool only_statistics, std::span<const int> made_maps) {
    KernelVerdict verdict;
    Descriptors d;
    std::vector<int> map_fds;
    int program_btf = load_btf(bare_btf, d);
    if (program_btf < 0 && !bare_btf.empty()) {
        verdict.error = errno;
        verdict.log = "the object's types were not taken";
        return verdict;
    }
    map_fds.assign(made_maps.begin(), made_maps.end());
    for (size_t i = map_fds.size(); i < program.maps.size(); i++) {
        int inner = -1;
        for (size_t k = 0; k < i; k++) {
            if (program.maps[k] == program.maps[i]->inner) {
                inner = map_fds[k];
            }
        }
        std::span<const u8> btf;
        if (i < map_btf.size()) {
            btf = map_btf[i];
        }
        if (inner < 0 && program.maps[i]->inner != nullptr) {
            inner = make_map(*program.maps[i]->inner, bare_btf, program_btf, -1, d);
        }
        // A type is the same only within one load of the types.
        int shared = std::ranges::equal(btf, bare_btf) ? program_btf : -1;
        int fd = make_map(*program.maps[i], btf, shared, inner, d);
        if (fd < 0 && uses_map(program, i)) {
            verdict.error = errno;
            verdict.log = std::string("the map ") + program.maps[i]->name + " was not made";
            return verdict;
        }
        map_fds.push_back(fd);
    }
    std::vector<Insn> insns(program.insns.begin(), program.insns.end());
    for (size_t i = 0; i + 1 < insns.size(); i++) {
        if (is_ld_imm64(insns[i])) {
            bool is_map = insns[i].src() == kPseudoMapFd || insns[i].src() == kPseudoMapValue;
            if (is_map && insns[i].imm >= 0 && static_cast<size_t>(insns[i].imm) < map_fds.size()) {
                insns[i].imm = map_fds[static_cast<size_t>(insns[i].imm)];
            }
            i++;
        }
    }
    std::vector<char> log(only_statistics ? 1u << 16 : 16u << 20);
    bpf_attr attr = {};
    attr.prog_type = static_cast<u32>(program.type);
    attr.insn_cnt = static_cast<u32>(insns.size());
    attr.insns = address(insns.data());
    const char* license = program.is_gpl ? "GPL" : "Proprietary";
    attr.license = address(license);
    attr.log_level = only_statistics ? 4 : 1 | 4;
    attr.log_size = static_cast<u32>(log.size());
    attr.log_buf = address(log.data());
    attr.prog_flags = prog_flags;
    attr.expected_attach_type = static_cast<u32>(program.attach);
    attr.attach_btf_id = program.attach_type_id;
    if (program.type == ProgramType::StructOps) {
        attr.expected_attach_type = program.attach_member;
    }

    if (program_btf >= 0) {
        attr.prog_btf_fd = static_cast<u32>(program_btf);
        attr.func_info_rec_size = sizeof(FunctionInfo);
        attr.func_info = address(program.functions.data());
        attr.func_info_cnt = static_cast<u32>(program.functions.size());
    }
    int fd = d.keep(bpf_call(BPF_PROG_LOAD, attr));
    int error = errno;
    if (fd < 0 && error == ENOSPC) {  // the log was too long for its buffer
        attr.log_level = 4;
        fd = d.keep(bpf_call(BPF_PROG_LOAD, attr));
        error = errno;
    }
    verdict.is_known = fd >= 0 || error != EPERM;
    verdict.is_accepted = fd >= 0;
    verdict.error = fd >= 0 ? 0 : error;
    std::string text(log.data());
    verdict.verification_us = number_after(text, "verification time ");
    verdict.insns_processed = number_after(text, "processed ");
    for (size_t line = 0; line < text.size(); line = std::min(text.find('\n', line), text.size() - 1) + 1) {
        char* end = nullptr;
        unsigned long n = strtoul(text.c_str() + line, &end, 10);
        if (end != text.c_str() + line && strncmp(end, ": (", 3) == 0) {
            verdict.followed.push_back(static_cast<u32>(n));
        }
    }
    verdict.log = text.size() > 1500 ? text.substr(text.size() - 1500) : text;
    return verdict;
}

}  // namespace gyre::bpf
