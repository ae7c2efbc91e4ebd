/* Lets the n-th call that changes a store's file fail: preloaded into a test's process, and armed from there.
 *
 * fault_arm(n, kind): of the calls that follow, the n-th fails with errno `kind`; kind 0: it writes half, as a disk that
 * fills up does. fault_calls(): how many there were since. fault_syncs(): how often data.mdb was synced, and then written
 * through a descriptor on which a write returns when it is on the disk, which is how LMDB writes a meta page. Only calls
 * on files called data.mdb, lock.mdb and gc.lock count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long calls, at, syncs;
static int is_synced;
static int kind;

void fault_arm(long n, int k) { calls = 0; at = n; kind = k; }
long fault_calls(void) { return calls; }
long fault_syncs(void) { return syncs; }

static int is_ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strstr(path, "/data.mdb") || strstr(path, "/lock.mdb") || strstr(path, "/gc.lock");
}

/* 0: let it pass; 1: fail with errno set; 2: write half. */
static int verdict(int fd, int can_be_short) {
    if (!at || !is_ours(fd) || ++calls != at) return 0;
    if (kind == 0 && can_be_short) return 2;
    errno = kind ? kind : EIO;
    return 1;
}

static void synced(int fd) { is_synced |= is_ours(fd); }
static void written(int fd) {
    if (is_synced && is_ours(fd) && fcntl(fd, F_GETFL) & O_DSYNC) { syncs++; is_synced = 0; }
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define PWRITE(name, offset_t)                                                    \
    ssize_t name(int fd, const void *data, size_t size, offset_t offset) {        \
        REAL(name);                                                               \
        written(fd);                                                              \
        switch (verdict(fd, 1)) {                                                 \
        case 1: return -1;                                                        \
        case 2: return real(fd, data, size / 2, offset);                          \
        default: return real(fd, data, size, offset);                             \
        }                                                                         \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    switch (verdict(fd, 1)) {
    case 1: return -1;
    case 2: return real(fd, data, size / 2);
    default: return real(fd, data, size);
    }
}

#define VECTORS(name, parameters, arguments)             \
    ssize_t name parameters {                            \
        REAL(name);                                      \
        switch (verdict(fd, 1)) {                        \
        case 1: return -1;                               \
        case 2: count = 1; /* fall through */            \
        default: return real arguments;                  \
        }                                                \
    }
VECTORS(writev, (int fd, const struct iovec *vectors, int count), (fd, vectors, count))
VECTORS(pwritev, (int fd, const struct iovec *vectors, int count, off_t offset), (fd, vectors, count, offset))

#define PLAIN(name, parameters, arguments)                         \
    int name parameters {                                          \
        REAL(name);                                                \
        return verdict(fd, 0) ? -1 : real arguments;               \
    }
int fdatasync(int fd) {
    REAL(fdatasync);
    if (verdict(fd, 0)) return -1;
    int result = real(fd);
    if (!result) synced(fd);
    return result;
}
PLAIN(fsync, (int fd), (fd))
PLAIN(ftruncate, (int fd, off_t size), (fd, size))
PLAIN(ftruncate64, (int fd, off64_t size), (fd, size))
PLAIN(fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
