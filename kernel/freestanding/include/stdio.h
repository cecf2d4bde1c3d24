// SPDX-License-Identifier: MIT
// libc++ wants these names to exist.
#pragma once
#include <stdarg.h>
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct GyreNoFile FILE;
typedef long fpos_t;
#define EOF (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define BUFSIZ 1024
extern FILE *stdin, *stdout, *stderr;
int remove(const char*);
int rename(const char*, const char*);
int snprintf(char*, size_t, const char*, ...);
int vsnprintf(char*, size_t, const char*, va_list);
#ifdef __cplusplus
}
#endif
