/*
 * Records what a program asks of the files below one directory, in order; what a disk may make of it is not decided here.
 *
 * Loaded with LD_PRELOAD. CHAOS_POWER_DIR is the directory (its real path), CHAOS_POWER_LOG the log to append to.
 *
 * Rule 1. A record is written after its call has returned, with one write to a log opened with O_APPEND: whatever happens
 *         because of a call, in any thread or process, is recorded after it.
 * Rule 2. A sync carries how long the log was when it began: it covers what was recorded by then, and nothing later.
 * Rule 3. A file is known by its inode: a descriptor may outlive, or be older than, any name. No table of descriptors is
 *         kept, so that dup, fork and exec need no care; closing a file changes nothing on a disk and is not recorded.
 * Rule 4. Calls that make, move or remove names, and writes to the end of a file, are recorded under a lock of all
 *         processes: between the call and its record nobody can use the name again or move the end.
 * Rule 5. A call that changes a file in a way that is not recorded leaves a record that says so. Nobody mistakes such a log
 *         for a whole one. Stores through a shared mapping cannot be seen: compare the replayed files with the real ones.
 * Rule 6. A process that ends itself waits for its other threads to have recorded what they are doing: a call that came to
 *         an end is in the log, and no record of it is cut.
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
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The same numbers stand in chaos/power/trace.py. */
enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, LINK, MKDIR, RMDIR, ALLOCATE, RANGE, TOLD, UNSEEN };

struct header {
    uint32_t magic;
    uint32_t kind;
    uint32_t pid;
    uint32_t path;   /* bytes of the first name that follow */
    uint32_t second; /* bytes of the second name */
    uint32_t data;   /* bytes of data */
    uint64_t inode;
    int64_t a; /* offset of a write, size of a truncation, length of the log at the start of a sync */
    int64_t b; /* mode of a creation, end of an allocation */
};

#define MAGIC 0x70777231u
#define PLACE (2 * PATH_MAX)
#define MOST_PARTS 1024

static char root[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static int lock_file = -1;
static pthread_mutex_t names = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t going = PTHREAD_RWLOCK_INITIALIZER; /* read by each call from its start to its record, written by the end */
static pid_t process;

static void die(const char *what) {
    fprintf(stderr, "recorder: %s: %s\n", what, strerror(errno));
    abort();
}

#define REAL(name)                                                                                                              \
    static __typeof__(&name) real;                                                                                              \
    if (!real && !(real = (__typeof__(&name))dlsym(RTLD_NEXT, #name))) die("no " #name " in the C library")

/* A child made by fork has one thread: what others held of its parent nobody will let go. */
static void as_child(void) {
    process = getpid();
    pthread_mutex_init(&names, NULL);
    pthread_rwlock_init(&going, NULL);
}

__attribute__((constructor)) static void begin(void) {
    const char *directory = getenv("CHAOS_POWER_DIR"), *log = getenv("CHAOS_POWER_LOG");
    char lock[PATH_MAX + 8];
    if (!directory || !log) return;
    if (!realpath(directory, root)) die(directory);
    root_length = strlen(root);
    snprintf(lock, sizeof lock, "%s.lock", log);
    lock_file = syscall(SYS_openat, AT_FDCWD, lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (lock_file < 0 || log_file < 0) die(log);
    process = getpid();
    pthread_atfork(NULL, NULL, as_child);
}

static int enter(void) { return pthread_rwlock_rdlock(&going); }
static void leave(const int *failed) {
    if (!*failed) pthread_rwlock_unlock(&going);
}
/* Stands first in a block that calls and records. */
#define WHOLE __attribute__((cleanup(leave), unused)) int whole = enter()

/* A child made by vfork has the memory of its parent, which goes on: only the process itself ends. */
__attribute__((destructor)) static void finish(void) {
    if (log_file >= 0 && getpid() == process) pthread_rwlock_wrlock(&going);
}
void _exit(int code) {
    finish();
    for (;;) syscall(SYS_exit_group, code);
}
void _Exit(int code) { _exit(code); }

static int below(const char *path) {
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

/* Whether a descriptor is of a file or folder below the root; then where it is and what it is. */
static int is_ours(int file, struct stat *what, char *path) {
    char link[64];
    if (log_file < 0 || file < 0 || fstat(file, what) || !(S_ISREG(what->st_mode) || S_ISDIR(what->st_mode))) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PLACE - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Whether a name is below the root; then its full form, links in the folders before it resolved. */
static int is_our_name(int folder, const char *name, char *path) {
    char asked[PLACE], parent[PATH_MAX];
    if (log_file < 0 || !name) return 0;
    if (name[0] == '/' || folder == AT_FDCWD) snprintf(asked, sizeof asked, "%s", name);
    else snprintf(asked, sizeof asked, "/proc/self/fd/%d/%s", folder, name);
    size_t end = strlen(asked);
    while (end > 1 && asked[end - 1] == '/') asked[--end] = 0;
    char *cut = strrchr(asked, '/');
    const char *last = cut ? cut + 1 : asked;
    if (cut == asked) strcpy(parent, "/");
    else {
        if (cut) *cut = 0;
        if (!realpath(cut ? asked : ".", parent)) return 0;
    }
    snprintf(path, PLACE, "%s/%s", parent, last);
    return below(path);
}

static void record(enum kind kind, uint64_t inode, int64_t a, int64_t b, const char *path, const char *second,
                   const struct iovec *data, int parts, size_t length) {
    int before = errno;
    struct header head = {MAGIC, kind, getpid(), path ? strlen(path) : 0, second ? strlen(second) : 0, length, inode, a, b};
    struct iovec all[MOST_PARTS + 3] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)second, head.second}};
    size_t whole = sizeof head + head.path + head.second + length;
    int count = 3;
    for (int part = 0; part < parts && length; part++) {
        size_t take = data[part].iov_len < length ? data[part].iov_len : length;
        all[count++] = (struct iovec){data[part].iov_base, take};
        length -= take;
    }
    if (syscall(SYS_writev, log_file, all, count) != (ssize_t)whole) die("the log cannot be written");
    errno = before;
}

static void lock_names(short kind) {
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET};
    int before = errno;
    if (kind == F_WRLCK) pthread_mutex_lock(&names);
    while (fcntl(lock_file, F_SETLKW, &lock) && errno == EINTR) {}
    if (kind == F_UNLCK) pthread_mutex_unlock(&names);
    errno = before;
}

static int64_t log_length(void) {
    struct stat what;
    return fstat(log_file, &what) ? 0 : what.st_size;
}

static void wrote(int file, int64_t at, const struct iovec *data, int parts, ssize_t length) {
    struct stat what;
    char path[PLACE];
    int before = errno;
    if (length > 0 && parts <= MOST_PARTS && is_ours(file, &what, path)) {
        /* With O_APPEND the offset is where the file ended, whatever was asked (also by pwrite). */
        if (fcntl(file, F_GETFL) & O_APPEND) at = what.st_size - length;
        else if (at < 0) at = lseek(file, 0, SEEK_CUR) - length;
        record(WRITE, what.st_ino, at, 0, path, NULL, data, parts, length);
    }
    errno = before;
}

static int appends(int file) {
    struct stat what;
    char path[PLACE];
    int before = errno, flags = log_file < 0 ? -1 : fcntl(file, F_GETFL);
    int answer = flags != -1 && (flags & O_APPEND) && is_ours(file, &what, path);
    errno = before;
    return answer;
}

static void unseen(int file, const char *call) {
    struct stat what;
    char path[PLACE];
    if (is_ours(file, &what, path)) record(UNSEEN, what.st_ino, 0, 0, path, call, NULL, 0, 0);
}

static int opened(int (*open_it)(int, const char *, int, mode_t), int folder, const char *name, int flags, mode_t mode) {
    char path[PLACE];
    struct stat what;
    if (!(flags & (O_CREAT | O_TRUNC)) || !is_our_name(folder, name, path)) return open_it(folder, name, flags, mode);
    WHOLE;
    lock_names(F_WRLCK);
    int existed = lstat(path, &what) == 0;
    int file = open_it(folder, name, flags, mode);
    if (file >= 0 && fstat(file, &what) == 0) {
        if ((flags & O_TMPFILE) == O_TMPFILE) record(UNSEEN, what.st_ino, 0, 0, path, "O_TMPFILE", NULL, 0, 0);
        else if (!existed) record(CREATE, what.st_ino, 0, what.st_mode & 07777, path, NULL, NULL, 0, 0);
        else if (flags & O_TRUNC) record(TRUNCATE, what.st_ino, 0, 0, path, NULL, NULL, 0, 0);
    }
    lock_names(F_UNLCK);
    return file;
}

static int open_really(int folder, const char *name, int flags, mode_t mode) {
    return syscall(SYS_openat, folder, name, flags | O_LARGEFILE, mode);
}

#define MODE_OF(flags)                                                                                                          \
    mode_t mode = 0;                                                                                                            \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                                    \
        va_list rest;                                                                                                           \
        va_start(rest, flags);                                                                                                  \
        mode = va_arg(rest, mode_t);                                                                                            \
        va_end(rest);                                                                                                           \
    }

int open(const char *name, int flags, ...) {
    MODE_OF(flags);
    return opened(open_really, AT_FDCWD, name, flags, mode);
}
int open64(const char *name, int flags, ...) {
    MODE_OF(flags);
    return opened(open_really, AT_FDCWD, name, flags, mode);
}
int openat(int folder, const char *name, int flags, ...) {
    MODE_OF(flags);
    return opened(open_really, folder, name, flags, mode);
}
int openat64(int folder, const char *name, int flags, ...) {
    MODE_OF(flags);
    return opened(open_really, folder, name, flags, mode);
}
int creat(const char *name, mode_t mode) { return opened(open_really, AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return creat(name, mode); }
/* What a fortified program calls where it gives no mode. */
int __open_2(const char *name, int flags) { return opened(open_really, AT_FDCWD, name, flags, 0); }
int __open64_2(const char *name, int flags) { return opened(open_really, AT_FDCWD, name, flags, 0); }
int __openat_2(int folder, const char *name, int flags) { return opened(open_really, folder, name, flags, 0); }
int __openat64_2(int folder, const char *name, int flags) { return opened(open_really, folder, name, flags, 0); }

#define WRITTEN(at, data, parts, call)                                                                                          \
    do {                                                                                                                        \
        WHOLE;                                                                                                                  \
        int locks = appends(file);                                                                                              \
        if (locks) lock_names(F_WRLCK);                                                                                         \
        ssize_t done = call;                                                                                                    \
        wrote(file, at, data, parts, done);                                                                                     \
        if (locks) lock_names(F_UNLCK);                                                                                         \
        return done;                                                                                                            \
    } while (0)
#define ONE(data, length) (&(struct iovec){(void *)(data), length})

ssize_t write(int file, const void *data, size_t length) {
    REAL(write);
    WRITTEN(-1, ONE(data, length), 1, real(file, data, length));
}
ssize_t writev(int file, const struct iovec *data, int parts) {
    REAL(writev);
    WRITTEN(-1, data, parts, real(file, data, parts));
}

#define PWRITE(name, offset_type)                                                                                               \
    ssize_t name(int file, const void *data, size_t length, offset_type at) {                                                   \
        REAL(name);                                                                                                             \
        WRITTEN(at, ONE(data, length), 1, real(file, data, length, at));                                                        \
    }
#define PWRITEV(name, offset_type)                                                                                              \
    ssize_t name(int file, const struct iovec *data, int parts, offset_type at) {                                               \
        REAL(name);                                                                                                             \
        WRITTEN(at, data, parts, real(file, data, parts, at));                                                                  \
    }
#define PWRITEV2(name, offset_type)                                                                                             \
    ssize_t name(int file, const struct iovec *data, int parts, offset_type at, int flags) {                                    \
        REAL(name);                                                                                                             \
        WRITTEN(at, data, parts, real(file, data, parts, at, flags));                                                           \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)
PWRITEV2(pwritev2, off_t)
PWRITEV2(pwritev64v2, off64_t)

static int truncated(int done, int file, int64_t size) {
    struct stat what;
    char path[PLACE];
    if (done == 0 && is_ours(file, &what, path)) record(TRUNCATE, what.st_ino, size, 0, path, NULL, NULL, 0, 0);
    return done;
}
static int truncated_name(int done, const char *name, int64_t size) {
    struct stat what;
    char path[PLACE];
    if (done == 0 && is_our_name(AT_FDCWD, name, path) && stat(path, &what) == 0)
        record(TRUNCATE, what.st_ino, size, 0, path, NULL, NULL, 0, 0);
    return done;
}
int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    WHOLE;
    return truncated(real(file, size), file, size);
}
int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    WHOLE;
    return truncated(real(file, size), file, size);
}
int truncate(const char *name, off_t size) {
    REAL(truncate);
    WHOLE;
    return truncated_name(real(name, size), name, size);
}
int truncate64(const char *name, off64_t size) {
    REAL(truncate64);
    WHOLE;
    return truncated_name(real(name, size), name, size);
}

/* Space that was asked for counts as size only: it reads as zeros. Modes that keep the size or punch holes are not ours. */
static int allocated(int done, int file, int mode, int64_t end) {
    struct stat what;
    char path[PLACE];
    if (done == 0 && is_ours(file, &what, path)) {
        if (mode) record(UNSEEN, what.st_ino, 0, 0, path, "fallocate with a mode", NULL, 0, 0);
        else record(ALLOCATE, what.st_ino, 0, end, path, NULL, NULL, 0, 0);
    }
    return done;
}
int fallocate(int file, int mode, off_t at, off_t length) {
    REAL(fallocate);
    WHOLE;
    return allocated(real(file, mode, at, length), file, mode, at + length);
}
int fallocate64(int file, int mode, off64_t at, off64_t length) {
    REAL(fallocate64);
    WHOLE;
    return allocated(real(file, mode, at, length), file, mode, at + length);
}
int posix_fallocate(int file, off_t at, off_t length) {
    REAL(posix_fallocate);
    WHOLE;
    return allocated(real(file, at, length), file, 0, at + length);
}
int posix_fallocate64(int file, off64_t at, off64_t length) {
    REAL(posix_fallocate64);
    WHOLE;
    return allocated(real(file, at, length), file, 0, at + length);
}

static int synced(int (*sync_it)(int), int file) {
    struct stat what;
    char path[PLACE];
    WHOLE;
    int ours = is_ours(file, &what, path);
    int64_t start = ours ? log_length() : 0;
    int done = sync_it(file);
    if (ours && done == 0) record(SYNC, what.st_ino, start, 0, path, NULL, NULL, 0, 0);
    return done;
}
int fsync(int file) {
    REAL(fsync);
    return synced(real, file);
}
int fdatasync(int file) {
    REAL(fdatasync);
    return synced(real, file);
}
int sync_file_range(int file, off64_t at, off64_t length, unsigned flags) {
    REAL(sync_file_range);
    struct stat what;
    char path[PLACE];
    int done = real(file, at, length, flags);
    /* It starts writing, and promises nothing (its manual says so): no image may rest on it. */
    if (done == 0 && is_ours(file, &what, path)) record(RANGE, what.st_ino, at, length, path, NULL, NULL, 0, 0);
    return done;
}

/* One call that changes names: under the lock, with the inode that the first name had before or the call gave it. */
struct change {
    enum kind kind;
    int folder;
    const char *name;
    int to_folder;
    const char *to;
};

#define CHANGE(made, call)                                                                                                      \
    do {                                                                                                                        \
        struct change change = made;                                                                                            \
        char path[PLACE], second[PLACE];                                                                                        \
        struct stat what;                                                                                                       \
        memset(&what, 0, sizeof what);                                                                                          \
        int ours = is_our_name(change.folder, change.name, path);                                                               \
        int to_ours = change.to && is_our_name(change.to_folder, change.to, second);                                            \
        if (!ours && !to_ours) return call;                                                                                     \
        WHOLE;                                                                                                                  \
        lock_names(F_WRLCK);                                                                                                    \
        lstat(path, &what);                                                                                                     \
        int done = call;                                                                                                        \
        if (done == 0 && change.kind == MKDIR) lstat(path, &what);                                                              \
        if (done == 0 && change.to && !(ours && to_ours)) record(UNSEEN, 0, 0, 0, path, "a move across the border", NULL, 0, 0); \
        else if (done == 0) record(change.kind, what.st_ino, 0, what.st_mode & 07777, path, change.to ? second : NULL, NULL, 0, 0); \
        lock_names(F_UNLCK);                                                                                                    \
        return done;                                                                                                            \
    } while (0)
#define MADE(...) ((struct change){__VA_ARGS__})

int rename(const char *from, const char *to) {
    REAL(rename);
    CHANGE(MADE(RENAME, AT_FDCWD, from, AT_FDCWD, to), real(from, to));
}
int renameat(int folder, const char *from, int to_folder, const char *to) {
    REAL(renameat);
    CHANGE(MADE(RENAME, folder, from, to_folder, to), real(folder, from, to_folder, to));
}
int renameat2(int folder, const char *from, int to_folder, const char *to, unsigned flags) {
    REAL(renameat2);
    char path[PLACE];
    if (flags > 1 && is_our_name(folder, from, path)) record(UNSEEN, 0, 0, 0, path, "renameat2 that exchanges", NULL, 0, 0);
    CHANGE(MADE(RENAME, folder, from, to_folder, to), real(folder, from, to_folder, to, flags));
}
int unlink(const char *name) {
    REAL(unlink);
    CHANGE(MADE(UNLINK, AT_FDCWD, name, 0, NULL), real(name));
}
int unlinkat(int folder, const char *name, int flags) {
    REAL(unlinkat);
    CHANGE(MADE(flags & AT_REMOVEDIR ? RMDIR : UNLINK, folder, name, 0, NULL), real(folder, name, flags));
}
int rmdir(const char *name) {
    REAL(rmdir);
    CHANGE(MADE(RMDIR, AT_FDCWD, name, 0, NULL), real(name));
}
int remove(const char *name) {
    struct stat what;
    return lstat(name, &what) == 0 && S_ISDIR(what.st_mode) ? rmdir(name) : unlink(name);
}
int link(const char *from, const char *to) {
    REAL(link);
    CHANGE(MADE(LINK, AT_FDCWD, from, AT_FDCWD, to), real(from, to));
}
int linkat(int folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(linkat);
    CHANGE(MADE(LINK, folder, from, to_folder, to), real(folder, from, to_folder, to, flags));
}
int mkdir(const char *name, mode_t mode) {
    REAL(mkdir);
    CHANGE(MADE(MKDIR, AT_FDCWD, name, 0, NULL), real(name, mode));
}
int mkdirat(int folder, const char *name, mode_t mode) {
    REAL(mkdirat);
    CHANGE(MADE(MKDIR, folder, name, 0, NULL), real(folder, name, mode));
}
int symlink(const char *target, const char *name) {
    REAL(symlink);
    char path[PLACE];
    int done = real(target, name);
    if (done == 0 && is_our_name(AT_FDCWD, name, path)) record(UNSEEN, 0, 0, 0, path, "symlink", NULL, 0, 0);
    return done;
}

/* Copies inside the kernel: their bytes pass by here unseen. */
ssize_t sendfile(int to, int from, off_t *at, size_t length) {
    REAL(sendfile);
    unseen(to, "sendfile");
    return real(to, from, at, length);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t length) {
    REAL(sendfile64);
    unseen(to, "sendfile");
    return real(to, from, at, length);
}
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *to_at, size_t length, unsigned flags) {
    REAL(copy_file_range);
    unseen(to, "copy_file_range");
    return real(from, at, to, to_at, length, flags);
}
ssize_t splice(int from, off64_t *at, int to, off64_t *to_at, size_t length, unsigned flags) {
    REAL(splice);
    unseen(to, "splice");
    return real(from, at, to, to_at, length, flags);
}
