/* Kills the program that loads it (LD_PRELOAD) at one of the points at which it works on a journal of a run.
 *
 * The points are the moments before and after each creation, write and removal of a file in a directory called `journal`. They are counted from when
 * the file that the variable CRASH_POINT names appears; it holds the number of the point at which to kill, and 0 kills at none. Each point that is
 * passed is told by a letter at the end of the same name with `.passed`:
 *
 *     c  before a journal is made             C  after it
 *     U  before it is removed                 u  after it
 *     i  before an effect is announced        I  after it: the effect is to come
 *     M  before an effect is marked as done   m  after it
 *     e  around any other entry
 *
 * Syncs are no points: what a killed program has written stays in the kernel. What a power cut loses is another test's matter.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_open)(const char *, int, ...);
static int (*real_unlink)(const char *);
static int passed;

__attribute__((constructor)) static void find_real(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
}

static int is_journal(const char *path) {
    return strstr(path, "/journal/") != NULL && strstr(path, ".jsonl") != NULL;
}

static void pass(char letter) {
    char text[32] = {0}, name[PATH_MAX];
    const char *file = getenv("CRASH_POINT");
    int point = file == NULL ? -1 : real_open(file, O_RDONLY | O_CLOEXEC);
    if (point < 0) {
        passed = 0;
        return;
    }
    ssize_t length = read(point, text, sizeof text - 1);
    close(point);
    passed++;
    if (length > 0 && atoi(text) == passed) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    snprintf(name, sizeof name, "%s.passed", file);
    int mark = real_open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (mark >= 0) {
        (void)!real_write(mark, &letter, 1);
        close(mark);
    }
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    int counts = is_journal(path);
    int is_intent = memmem(bytes, count, "\"entry\":\"intent\"", 16) != NULL, is_mark = memmem(bytes, count, "\"entry\":\"done\"", 14) != NULL;
    if (counts) pass(is_mark ? 'M' : is_intent ? 'i' : 'e');
    ssize_t result = real_write(descriptor, bytes, count);
    if (counts) pass(is_intent ? 'I' : is_mark ? 'm' : 'e');
    return result;
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int counts = (flags & O_CREAT) && is_journal(path);
    if (counts) pass('c');
    int result = real_open(path, flags, mode);
    if (counts) pass('C');
    return result;
}

int unlink(const char *path) {
    int counts = is_journal(path);
    if (counts) pass('U');
    int result = real_unlink(path);
    if (counts) pass('u');
    return result;
}
