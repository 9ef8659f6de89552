/* Stands between a process and its files below one folder: writes down what changes them, and makes
 * the n-th such call fail. Loaded with LD_PRELOAD, driven through ctypes (disk.py).
 *
 * Record: u8 what, u64 offset, u32 length of path, u32 length of data, path, data (little endian).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE = 2, SYNC = 3, RENAME = 4, UNLINK = 5, CREATE = 6 };
#define MOST_FILES 4096

static pthread_mutex_t gate = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char folder[PATH_MAX];
static char *paths[MOST_FILES];
static int log_to = -1;
static long calls, fail_at, fail_for;
static int fail_with;

#define REAL(name, ret, ...) \
    static ret (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, name)

void disk_watch(const char *path) { snprintf(folder, sizeof folder, "%s", path); }

void disk_record(int to) { log_to = to; }

/* Calls number at .. at + many - 1 from now on fail; at = 0: none. */
void disk_fail(long at, long many, int with)
{
    pthread_mutex_lock(&gate);
    calls = 0;
    fail_at = at;
    fail_for = many;
    fail_with = with;
    pthread_mutex_unlock(&gate);
}

long disk_calls(void) { return calls; }

static int watched(const char *path)
{
    size_t length = strlen(folder);
    return length && path && strncmp(path, folder, length) == 0
           && (path[length] == '/' || path[length] == 0); /* the folder itself is synced, too */
}

static const char *path_of(int fd) { return fd >= 0 && fd < MOST_FILES ? paths[fd] : NULL; }

static int must_fail(void)
{
    calls++;
    if (fail_at && calls >= fail_at && calls < fail_at + fail_for) {
        errno = fail_with;
        return 1;
    }
    return 0;
}

static ssize_t put(const void *data, size_t length)
{
    REAL("write", ssize_t, int, const void *, size_t);
    return real(log_to, data, length);
}

static void note(uint8_t what, const char *path, uint64_t offset, const void *data, uint32_t length)
{
    if (log_to < 0)
        return;
    uint32_t name = strlen(path);
    char head[17];
    head[0] = what;
    memcpy(head + 1, &offset, 8);
    memcpy(head + 9, &name, 4);
    memcpy(head + 13, &length, 4);
    int kept = errno;
    if (put(head, sizeof head) < 0 || put(path, name) < 0 || (length && put(data, length) < 0))
        abort();
    errno = kept;
}

static void took(int fd, const char *path, int flags, int was_there)
{
    if (fd < 0 || fd >= MOST_FILES)
        return;
    free(paths[fd]);
    paths[fd] = NULL;
    if (!watched(path))
        return;
    paths[fd] = strdup(path);
    if (!was_there)
        note(CREATE, path, 0, NULL, 0);
    else if (flags & O_TRUNC)
        note(TRUNCATE, path, 0, NULL, 0);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        REAL(#name, int, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest); \
        pthread_mutex_lock(&gate); \
        int was_there = access(path, F_OK) == 0; \
        int fd = -1; \
        if (!(watched(path) && flags & (O_CREAT | O_TRUNC) && must_fail())) { \
            fd = real(path, flags, mode); \
            took(fd, path, flags, was_there); \
        } \
        pthread_mutex_unlock(&gate); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

int close(int fd)
{
    REAL("close", int, int);
    pthread_mutex_lock(&gate);
    if (fd >= 0 && fd < MOST_FILES) {
        free(paths[fd]);
        paths[fd] = NULL;
    }
    int done = real(fd);
    pthread_mutex_unlock(&gate);
    return done;
}

ssize_t write(int fd, const void *data, size_t length)
{
    REAL("write", ssize_t, int, const void *, size_t);
    if (!path_of(fd))
        return real(fd, data, length);
    pthread_mutex_lock(&gate);
    ssize_t done = -1;
    if (!must_fail()) {
        off_t at = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
        done = real(fd, data, length);
        if (done > 0)
            note(WRITE, paths[fd], at, data, done);
    }
    pthread_mutex_unlock(&gate);
    return done;
}

#define PWRITE(name, offset_t) \
    ssize_t name(int fd, const void *data, size_t length, offset_t at) \
    { \
        REAL(#name, ssize_t, int, const void *, size_t, offset_t); \
        if (!path_of(fd)) \
            return real(fd, data, length, at); \
        pthread_mutex_lock(&gate); \
        ssize_t done = -1; \
        if (!must_fail()) { \
            done = real(fd, data, length, at); \
            if (done > 0) \
                note(WRITE, paths[fd], at, data, done); \
        } \
        pthread_mutex_unlock(&gate); \
        return done; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_FILE(name, what, params, args, ...) \
    int name params \
    { \
        REAL(#name, int, __VA_ARGS__); \
        if (!path_of(fd)) \
            return real args; \
        pthread_mutex_lock(&gate); \
        int done = -1; \
        if (!must_fail() && (done = real args) == 0) \
            note(what, paths[fd], at, NULL, 0); \
        pthread_mutex_unlock(&gate); \
        return done; \
    }
#define at 0
ON_FILE(fsync, SYNC, (int fd), (fd), int)
ON_FILE(fdatasync, SYNC, (int fd), (fd), int)
#undef at
ON_FILE(ftruncate, TRUNCATE, (int fd, off_t at), (fd, at), int, off_t)
ON_FILE(ftruncate64, TRUNCATE, (int fd, off64_t at), (fd, at), int, off64_t)

int rename(const char *from, const char *to)
{
    REAL("rename", int, const char *, const char *);
    if (!watched(from))
        return real(from, to);
    pthread_mutex_lock(&gate);
    int done = -1;
    if (!must_fail() && (done = real(from, to)) == 0)
        note(RENAME, from, 0, to, strlen(to));
    pthread_mutex_unlock(&gate);
    return done;
}

int unlink(const char *path)
{
    REAL("unlink", int, const char *);
    if (!watched(path))
        return real(path);
    pthread_mutex_lock(&gate);
    int done = -1;
    if (!must_fail() && (done = real(path)) == 0)
        note(UNLINK, path, 0, NULL, 0);
    pthread_mutex_unlock(&gate);
    return done;
}

int mkdir(const char *path, mode_t mode)
{
    REAL("mkdir", int, const char *, mode_t);
    if (!watched(path))
        return real(path, mode);
    pthread_mutex_lock(&gate);
    int done = must_fail() ? -1 : real(path, mode);
    pthread_mutex_unlock(&gate);
    return done;
}

/* Reserves room and writes nothing worth keeping; tells its error by what it returns. */
#define FALLOCATE(name, offset_t) \
    int name(int fd, offset_t at, offset_t length) \
    { \
        REAL(#name, int, int, offset_t, offset_t); \
        if (!path_of(fd)) \
            return real(fd, at, length); \
        pthread_mutex_lock(&gate); \
        int done = must_fail() ? fail_with : real(fd, at, length); \
        pthread_mutex_unlock(&gate); \
        return done; \
    }
FALLOCATE(posix_fallocate, off_t)
FALLOCATE(posix_fallocate64, off64_t)
