# SPDX-License-Identifier: GPL-3.0-or-later
"""Private network, mount and PID namespaces for the whole benchmark.

The script is executed again inside them, so the host's packet filter, /run, /etc and processes are not
touched and every daemon a contestant started dies with the script, whatever happens.
"""
import ctypes
import os
import socket
import subprocess
import sys

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL("libc.so.6", use_errno=True)

# Processes of the harness itself. Everything else in the PID namespace belongs to the contestant that is being
# measured (one at a time), so its CPU and memory need no cgroup, whose kind differs between machines.
own_processes = {1}


def enter(limit_seconds):
    """Execute this script again in fresh namespaces, at most for limit_seconds; returns in the child only."""
    if os.environ.get("BENCH_INSIDE") != "1":
        os.execvpe("timeout", ["timeout", "-k", "10", str(limit_seconds), "unshare", "--net", "--mount", "--pid",
                               "--fork", "--kill-child", "--mount-proc", sys.executable] + sys.argv,
                   dict(os.environ, BENCH_INSIDE="1"))
    private_files()
    child = os.fork()  # this process is PID 1 here: it reaps orphaned daemons
    if child:
        while True:
            pid, status = os.wait()
            if pid == child:
                os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    own_processes.add(os.getpid())


def private_files():
    """A private /run, and name resolution that answers at once.

    No resolver is reachable here; without our own /etc/hosts fail2ban's look-up of the host's name delays its first
    ban by some 20 s of DNS time-outs, which would be unfair.
    """
    shell("mount -t tmpfs tmpfs /run; mkdir -p /run/lock")
    names = {"hosts": "127.0.0.1 localhost %s\n::1 localhost\n" % socket.gethostname(),
             "nsswitch.conf": "".join(k + ": files\n" for k in ("passwd", "group", "hosts", "services", "protocols")),
             "resolv.conf": ""}
    for name, text in names.items():
        with open("/run/" + name, "w") as f:
            f.write(text)
        target = os.path.realpath("/etc/" + name)
        if os.path.exists(target):
            shell("mount --bind /run/%s %s" % (name, target))


def enter_network_of(pid):
    fd = os.open("/proc/%s/ns/net" % pid, os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(fd)


def unshare_network():
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def shell(command):
    """Run a shell command that must succeed; its output."""
    done = subprocess.run(["sh", "-ec", command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60)
    if done.returncode:
        raise RuntimeError("%s: exit %d\n%s" % (command, done.returncode, done.stdout))
    return done.stdout
