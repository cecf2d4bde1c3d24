// SPDX-License-Identifier: MIT
//
// Writes the cases of the kernel's own test_verifier into a file, instead of loading them. The
// kernel's source is unpacked at test time and included here by path; libbpf's loading functions are
// replaced by ones that write down what they are given. Usage: selftest_dump OUTPUT
#define main test_verifier_main
#include "test_verifier.c"
#undef main

#include <fcntl.h>

#define MAX_RECORDED_MAPS 64

struct recorded_btf {
	unsigned char *bytes;
	unsigned int length;
};

struct recorded_map {
	unsigned int type, key_size, value_size, max_entries, flags;
	int btf, value_type_id, inner, fd;
};

static struct recorded_map recorded_maps[MAX_RECORDED_MAPS];
static int recorded_map_count;
static struct recorded_btf recorded_btfs[MAX_RECORDED_MAPS];
static int recorded_btf_count;
static struct bpf_test *current_test;
static int current_index;
static FILE *output;

enum { FIRST_MAP_FD = 1000, FIRST_BTF_FD = 2000 };

static void put(unsigned int value)
{
	fwrite(&value, 4, 1, output);
}

static void put_bytes(const void *bytes, unsigned int length)
{
	put(length);
	fwrite(bytes, 1, length, output);
}

int bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size,
		   __u32 max_entries, const struct bpf_map_create_opts *opts)
{
	struct recorded_map *map = &recorded_maps[recorded_map_count];

	if (recorded_map_count == MAX_RECORDED_MAPS)
		abort();
	map->type = type;
	map->key_size = key_size;
	map->value_size = value_size;
	map->max_entries = max_entries;
	map->flags = opts ? opts->map_flags : 0;
	map->btf = opts && opts->btf_fd >= FIRST_BTF_FD ? (int)opts->btf_fd - FIRST_BTF_FD : -1;
	map->value_type_id = opts ? (int)opts->btf_value_type_id : 0;
	map->inner = opts && opts->inner_map_fd >= FIRST_MAP_FD ?
		     (int)opts->inner_map_fd - FIRST_MAP_FD : -1;
	map->fd = FIRST_MAP_FD + recorded_map_count++;
	return map->fd;
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	return 0;
}

int bpf_btf_load(const void *data, size_t size, const struct bpf_btf_load_opts *opts)
{
	struct recorded_btf *btf = &recorded_btfs[recorded_btf_count];

	if (recorded_btf_count == MAX_RECORDED_MAPS)
		abort();
	btf->bytes = malloc(size);
	btf->length = size;
	memcpy(btf->bytes, data, size);
	return FIRST_BTF_FD + recorded_btf_count++;
}

static int map_index(int fd)
{
	return fd >= FIRST_MAP_FD && fd < FIRST_MAP_FD + recorded_map_count ? fd - FIRST_MAP_FD : -1;
}

int bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license,
		  const struct bpf_insn *insns, size_t count, const struct bpf_prog_load_opts *opts)
{
	struct bpf_insn *copy;
	size_t i;
	int k;

	if (!opts) {
		errno = 0;
		return 3000;	/* a program for a program array */
	}
	copy = malloc(count * sizeof(*copy) + 8);
	memcpy(copy, insns, count * sizeof(*copy));
	for (i = 0; i + 1 < count; i++) {
		if (copy[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (copy[i].src_reg == BPF_PSEUDO_MAP_FD || copy[i].src_reg == BPF_PSEUDO_MAP_VALUE)
				copy[i].imm = map_index(copy[i].imm);
			i++;
		}
	}
	put(0x45534143);
	put(current_index);
	put(current_test->result == ACCEPT || current_test->result == VERBOSE_ACCEPT ? 1 : 2);
	put(type);
	put(opts->expected_attach_type);
	put(opts->attach_btf_id);
	put(opts->prog_flags);
	put_bytes(current_test->descr, strlen(current_test->descr));
	put_bytes(current_test->errstr ? current_test->errstr : "",
		  current_test->errstr ? strlen(current_test->errstr) : 0);
	put_bytes(copy, count * sizeof(*copy));
	put_bytes(opts->func_info, opts->func_info_cnt * 8);
	if (opts->prog_btf_fd >= FIRST_BTF_FD)
		put_bytes(recorded_btfs[opts->prog_btf_fd - FIRST_BTF_FD].bytes,
			  recorded_btfs[opts->prog_btf_fd - FIRST_BTF_FD].length);
	else
		put_bytes("", 0);
	put(recorded_map_count);
	for (k = 0; k < recorded_map_count; k++) {
		struct recorded_map *map = &recorded_maps[k];

		put(map->type);
		put(map->key_size);
		put(map->value_size);
		put(map->max_entries);
		put(map->flags);
		put(map->value_type_id);
		put(map->inner);
		if (map->btf >= 0)
			put_bytes(recorded_btfs[map->btf].bytes, recorded_btfs[map->btf].length);
		else
			put_bytes("", 0);
	}
	free(copy);
	errno = ENOTSUPP;
	return -1;
}

int libbpf_probe_bpf_prog_type(enum bpf_prog_type type, const void *opts)
{
	return 1;
}

int main(int argc, char **argv)
{
	int passes = 0, errors = 0;
	unsigned int i;

	if (argc != 2 || !(output = fopen(argv[1], "wb")))
		return 2;
	if (!freopen("/dev/null", "w", stdout))
		return 2;
	(void)test_verifier_main;
	(void)do_test;
	bpf_semi_rand_init();
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		current_test = &tests[i];
		current_index = i;
		recorded_map_count = 0;
		recorded_btf_count = 0;
		do_test_single(&tests[i], false, &passes, &errors);
	}
	return fclose(output) ? 1 : 0;
}
