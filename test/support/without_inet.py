#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""without_inet.py PROGRAM [ARGUMENT...]: runs it as systemd's RestrictAddressFamilies=AF_UNIX AF_NETLINK would.

The same seccomp filter (x86-64 and arm64): socket(2) for AF_INET and AF_INET6 fails with EAFNOSUPPORT.
"""
import ctypes, errno, os, platform, struct, sys

SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT
NUMBER, DOMAIN = 0, 16  # offsets in struct seccomp_data: nr, args[0]
PROGRAM = b"".join(struct.pack("HBBI", *instruction) for instruction in (
    (LOAD, 0, 0, NUMBER), (EQUAL, 0, 4, SOCKET), (LOAD, 0, 0, DOMAIN), (EQUAL, 1, 0, 2), (EQUAL, 0, 1, 10),
    (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)))

libc = ctypes.CDLL(None, use_errno=True)
text = ctypes.create_string_buffer(PROGRAM, len(PROGRAM))
filter_program = struct.pack("HxxxxxxP", len(PROGRAM) // 8, ctypes.addressof(text))
if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, filter_program, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
    sys.exit("without_inet.py: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
