/* A disk without room, for PostgreSQL's tables: while the flag exists, no file below base/ grows.
 *
 * What is there can be rewritten, and the write-ahead log goes on, as on a tablespace of its own that is
 * full. Loaded with LD_PRELOAD; FULL_DISK_FLAG names the flag.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int no_room(int fd, off_t end)
{
    char link[64], path[4096];
    struct stat now;
    const char *flag = getenv("FULL_DISK_FLAG");
    if (!flag || access(flag, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/base/") && fstat(fd, &now) == 0 && end > now.st_size;
}

#define REAL(name, ret, ...) \
    static ret (*real)(__VA_ARGS__); \
    if (!real) real = (ret (*)(__VA_ARGS__)) dlsym(RTLD_NEXT, name)

static ssize_t one(const char *name, int fd, const void *data, size_t size, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, name);
    if (no_room(fd, at + (off_t)size)) { errno = ENOSPC; return -1; }
    return real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return one("pwrite", fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return one("pwrite64", fd, data, size, at);
}

static ssize_t many(const char *name, int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t) = dlsym(RTLD_NEXT, name);
    off_t end = at;
    for (int i = 0; i < count; i++) end += (off_t)parts[i].iov_len;
    if (no_room(fd, end)) { errno = ENOSPC; return -1; }
    return real(fd, parts, count, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return many("pwritev", fd, parts, count, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at)
{
    return many("pwritev64", fd, parts, count, at);
}

int posix_fallocate(int fd, off_t at, off_t size)
{
    REAL("posix_fallocate", int, int, off_t, off_t);
    return no_room(fd, at + size) ? ENOSPC : real(fd, at, size);
}

int posix_fallocate64(int fd, off_t at, off_t size)
{
    REAL("posix_fallocate64", int, int, off_t, off_t);
    return no_room(fd, at + size) ? ENOSPC : real(fd, at, size);
}
