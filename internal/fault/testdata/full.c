/*
 * A disk that is full for PostgreSQL's tables while the file named by FULL_WHEN
 * exists: loaded before the C library (ld.so(8), LD_PRELOAD), it makes writing
 * below base/, where a cluster has its tables, fail with ENOSPC (pwrite(2)).
 * The write-ahead log has space, as on a disk of its own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int full(int fd)
{
	char link[64], path[4096];
	const char *when = getenv("FULL_WHEN");
	ssize_t n;

	if (when == NULL || access(when, F_OK) != 0)
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	return strstr(path, "/base/") != NULL;
}

/* Both names of each: which one is called is chosen when the server is built. */
#define WRITE(name, what, length) \
ssize_t name(int fd, what, length n, off64_t at) \
{ \
	static ssize_t (*next)(int, what, length, off64_t); \
	if (full(fd)) { \
		errno = ENOSPC; \
		return -1; \
	} \
	if (next == NULL) \
		next = (ssize_t (*)(int, what, length, off64_t))dlsym(RTLD_NEXT, #name); \
	return next(fd, data, n, at); \
}

WRITE(pwrite, const void *data, size_t)
WRITE(pwrite64, const void *data, size_t)
WRITE(pwritev, const struct iovec *data, int)
WRITE(pwritev64, const struct iovec *data, int)

#define ALLOCATE(name) \
int name(int fd, off64_t at, off64_t n) \
{ \
	static int (*next)(int, off64_t, off64_t); \
	if (full(fd)) \
		return ENOSPC; \
	if (next == NULL) \
		next = (int (*)(int, off64_t, off64_t))dlsym(RTLD_NEXT, #name); \
	return next(fd, at, n); \
}

ALLOCATE(posix_fallocate)
ALLOCATE(posix_fallocate64)
