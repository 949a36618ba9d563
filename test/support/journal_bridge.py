# SPDX-License-Identifier: GPL-3.0-or-later
"""A real journal in a mount namespace of its own, without systemd: what is sent to /dev/log goes, with the sender's true
process and user, through systemd-journal-remote into the file that sd_journal_open() finds.

`Journal(copy)` must be made in a mount namespace that is nobody else's; `copy` is a file that gets each message as text, too.
Messages keep their newlines, as in journald. Several services can write: `unit_of` maps a process to its unit.
"""
import os, socket, struct, subprocess, threading, time

REMOTE = "/lib/systemd/systemd-journal-remote"
UNIT = "coturn.service"


def sh(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def field(name, value):
    """One field of the journal's export format, in its form for any bytes."""
    return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"


class Journal:
    def __init__(self, copy):
        with open("/etc/machine-id") as file:
            self.machine = file.read().strip()
        with open("/proc/sys/kernel/random/boot_id") as file:
            self.boot = file.read().strip().replace("-", "")
        sh("mount -t tmpfs tmpfs /var/log; mkdir -p /var/log/journal/" + self.machine)
        self.give_dev_log()
        self.units = {}
        self.names = {}  # process: (its name, when that was looked up)
        self.copy = open(copy, "ab", buffering=0)
        self.remote = subprocess.Popen([REMOTE, "-o", "/var/log/journal/%s/system.journal" % self.machine, "--split-mode=none",
                                        "--compress=no", "--seal=no", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lock = threading.Lock()
        self.write(os.getpid(), 0, "python3", "a-test.service", b"the journal begins")
        threading.Thread(target=self.read, daemon=True).start()

    def give_dev_log(self):
        """A /dev of our own: this machine's may have a log socket, or none."""
        place = "/run/journal-bridge-dev"
        sh("mkdir {0}; mount -t tmpfs tmpfs {0}; mkdir {0}/pts {0}/shm; mount --bind /dev/pts {0}/pts; mount -t tmpfs tmpfs {0}/shm;"
           "for n in null zero full random urandom tty ptmx; do touch {0}/$n; mount --bind /dev/$n {0}/$n; done;"
           "ln -s /proc/self/fd {0}/fd; mount --rbind {0} /dev".format(place))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)

    def unit_of(self, process):
        return self.units.get(process, UNIT)

    def name_of(self, process):
        """Looked up once a second: coturn waits for us when it writes more than we take."""
        name, looked = self.names.get(process, ("", -1))
        if time.monotonic() - looked >= 1:
            try:
                with open("/proc/%d/comm" % process) as file:
                    name = file.read().strip()
            except OSError:
                name = "gone"
            self.names[process] = name, time.monotonic()
        return name

    def read(self):
        while True:
            text, control, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(12))
            process, user, _ = struct.unpack("3i", control[0][2][:12])
            name = self.name_of(process)
            # "<30>Nov 30 12:00:00 turnserver[77]: what it says"
            said = text[text.find(b">") + 1:].rstrip(b"\0\n ")
            said = said.split(b": ", 1)[1] if b": " in said[:60] else said
            self.copy.write(said + b"\n")
            self.write(process, user, name, self.unit_of(process), said)

    def write(self, process, user, name, unit, message):
        entry = "".join("%s=%s\n" % pair for pair in (
            ("__REALTIME_TIMESTAMP", int(time.time() * 1e6)), ("__MONOTONIC_TIMESTAMP", time.monotonic_ns() // 1000),
            ("_BOOT_ID", self.boot), ("_MACHINE_ID", self.machine), ("_TRANSPORT", "syslog"), ("_UID", user), ("_COMM", name),
            ("_PID", process), ("_SYSTEMD_UNIT", unit), ("SYSLOG_IDENTIFIER", name))).encode()
        with self.lock:
            self.remote.stdin.write(entry + field("MESSAGE", message) + b"\n")
            self.remote.stdin.flush()
