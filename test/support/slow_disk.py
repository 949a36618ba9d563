# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is slow, or that hangs, under a daemon's state file: a library to preload."""
import subprocess

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static void wait_for(int fd) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t got = readlink(link, path, sizeof path - 1);
  if (got <= 0) return;
  path[got] = 0;
  if (!strstr(path, "state.db")) return;
  const char *slow = getenv("SLOW_MICROSECONDS"), *hung = getenv("HUNG_WHILE");
  if (slow) usleep(atoi(slow));
  while (hung && access(hung, F_OK) == 0) usleep(10000);
}
#define WRAP(name, result, declared, passed) \
  result name declared { wait_for(fd); return ((result(*) declared)dlsym(RTLD_NEXT, #name)) passed; }
WRAP(fsync, int, (int fd), (fd))
WRAP(fdatasync, int, (int fd), (fd))
WRAP(pwrite64, ssize_t, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
WRAP(pwrite, ssize_t, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
"""


def environment(place, microseconds=None, hung_while=None):
    """Built in the directory `place` -> the environment of a program whose writes and syncs of its state file each take so long, or
    never end as long as the file `hung_while` is there."""
    library = place + "/slow_disk.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, "-x", "c", "-", "-ldl"], input=SOURCE, text=True, check=True)
    chosen = {"LD_PRELOAD": library, "SLOW_MICROSECONDS": microseconds, "HUNG_WHILE": hung_while}
    return {name: str(value) for name, value in chosen.items() if value is not None}
