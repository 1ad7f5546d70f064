/* Preloaded into a process, kills it with SIGKILL at its n-th call that changes a file, over all of
 * its threads:
 *   PRAXIS_KILL_AT=N      just before the n-th; 0 or unset: never
 *   PRAXIS_KILL_HALF=1    when the n-th is a pwrite, after half of its bytes
 *   PRAXIS_KILL_COUNT=F   a process that ends by itself leaves their number in the file F
 * A tracer counts each thread's calls apart; here one number names one moment of the process. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;
static long kill_at;
static int half;

__attribute__((constructor)) static void read_orders(void) {
  const char* at = getenv("PRAXIS_KILL_AT");
  kill_at = at ? atol(at) : 0;
  half = getenv("PRAXIS_KILL_HALF") != NULL;
}

__attribute__((destructor)) static void leave_count(void) {
  const char* name = getenv("PRAXIS_KILL_COUNT");
  char text[32];
  const int size = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));
  const int file = name ? (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  if (file < 0) return;
  syscall(SYS_write, file, text, (size_t)size);
  syscall(SYS_close, file);
}

static void die(void) {
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) syscall(SYS_pause); /* the other threads may still have run this far: go no further */
}

/* Whether the call at hand is the last one. */
static int is_last(void) { return atomic_fetch_add(&calls, 1) + 1 == kill_at; }

/* The kernel's calls themselves, so that nothing is counted twice. */
#define COUNTED(type, name, parameters, number, ...) \
  type name parameters {                             \
    if (is_last()) die();                            \
    return (type)syscall(number, __VA_ARGS__);       \
  }

COUNTED(ssize_t, write, (int file, const void* data, size_t size), SYS_write, file, data, size)
COUNTED(int, fsync, (int file), SYS_fsync, file)
COUNTED(int, fdatasync, (int file), SYS_fdatasync, file)
COUNTED(int, ftruncate, (int file, off_t size), SYS_ftruncate, file, size)
COUNTED(int, ftruncate64, (int file, off64_t size), SYS_ftruncate, file, size)
COUNTED(int, rename, (const char* from, const char* to), SYS_renameat, AT_FDCWD, from, AT_FDCWD, to)
COUNTED(int, unlink, (const char* name), SYS_unlinkat, AT_FDCWD, name, 0)

static ssize_t pwrite_or_die(int file, const void* data, size_t size, off64_t offset) {
  if (is_last()) {
    if (half) syscall(SYS_pwrite64, file, data, size / 2, offset);
    die();
  }
  return syscall(SYS_pwrite64, file, data, size, offset);
}
ssize_t pwrite(int file, const void* data, size_t size, off_t offset) { return pwrite_or_die(file, data, size, offset); }
ssize_t pwrite64(int file, const void* data, size_t size, off64_t offset) { return pwrite_or_die(file, data, size, offset); }
