/* SPDX-License-Identifier: MIT */
/* The linker leads calls of malloc() and so on here (--wrap). */
#include "allocation.h"

#include <errno.h>
#include <stdlib.h>

/* The names are the linker's. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
void __wrap_free(void *old);

static _Thread_local long live;
static _Thread_local bool armed, failed;
static _Thread_local unsigned int left;

long allocation_live(void)
{
	return live;
}

void allocation_fail_after(unsigned int count)
{
	armed = true;
	failed = false;
	left = count;
}

bool allocation_end(void)
{
	armed = false;
	return failed;
}

static bool fails(void)
{
	if (!armed || left-- != 0)
		return false;
	armed = false;
	failed = true;
	errno = ENOMEM;
	return true;
}

static void *count_new(void *memory)
{
	live += memory != NULL;
	return memory;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : count_new(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : count_new(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails())
		return NULL;
	return old == NULL ? count_new(__real_realloc(old, size)) : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	if (fails())
		return NULL;
	return old == NULL ? count_new(__real_reallocarray(old, count, size))
			   : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : count_new(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : count_new(__real_strndup(text, len));
}

void __wrap_free(void *old)
{
	live -= old != NULL;
	__real_free(old);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
