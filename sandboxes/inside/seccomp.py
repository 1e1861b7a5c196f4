"""The system-call filter that every run gets, in a container and in bubblewrap alike. It returns an errno and never kills.

Threads, pipes and AF_UNIX socketpairs pass (asyncio needs them). Sockets, keyrings, SysV IPC, io_uring, namespaces,
tracing, clocks, mounts and system calls newer than this list do not.
"""

import ctypes
import errno
import fcntl
import os
import select
import struct

# name -> (x86-64, aarch64); None if the architecture has no such call
DENIED = {
    "ptrace": (101, 117), "syslog": (103, 116), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "perf_event_open": (298, 241), "bpf": (321, 280), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "inotify_init": (253, None), "inotify_init1": (294, 26),
    "flock": (73, 32), "quotactl": (179, 60), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "create_module": (174, None),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "iopl": (172, None), "ioperm": (173, None),
    "modify_ldt": (154, None), "uselib": (134, None), "ustat": (136, None), "sysfs": (139, None),
    "_sysctl": (156, None), "nfsservctl": (180, 42), "lookup_dcookie": (212, 18), "personality": (135, 92),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "mbind": (237, 235), "set_mempolicy": (238, 237), "get_mempolicy": (239, 236), "migrate_pages": (256, 238),
    "move_pages": (279, 239), "io_setup": (206, 0), "io_destroy": (207, 1), "io_getevents": (208, 4),
    "io_submit": (209, 2), "io_cancel": (210, 3), "io_pgetevents": (333, 292), "vmsplice": (278, 75), "tee": (276, 77),
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200),
    "listen": (50, 201), "remap_file_pages": (216, 234),
}  # fmt: skip
# Of the calls from 424 on: close_range, openat2, faccessat2, epoll_pwait2, futex_waitv, fchmodat2. The rest is ENOSYS.
ALLOWED_NEW = (436, 437, 439, 441, 449, 452)
FIRST_NEW = 424
NAMESPACES = 0x7E020000  # CLONE_NEW*: user, mount, cgroup, uts, ipc, pid, net
ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
BY_ARGUMENT = {
    "clone": (56, 220), "socketpair": (53, 199), "prlimit64": (302, 261), "fcntl": (72, 25), "ioctl": (16, 29),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setaffinity": (203, 122), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
}  # fmt: skip

OF_PROCESS = {  # which argument names the process
    "prlimit64": 0, "setpriority": 1, "ioprio_set": 1, "sched_setaffinity": 0, "sched_setparam": 0,
    "sched_setscheduler": 0, "sched_setattr": 0,
}  # fmt: skip
LOAD, JUMP, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
MISSING = 0x00050000 | errno.ENOSYS
NOTIFY = 0x7FC00000  # the call waits until the listener has answered it
LISTEN, RECEIVE, ANSWER = 1 << 3, 0xC0502100, 0xC0182101
SECCOMP = (317, 277)


def program(deny: int = REFUSE) -> bytes:
    """The filter as packed BPF instructions. `deny` is what happens to a denied call.

    Raises OSError on an architecture without a table of calls.
    """
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise OSError("no system-call filter for " + machine)
    arch, column = ARCHITECTURES[machine]
    out = [(LOAD, 0, 0, 4), (JUMP, 1, 0, arch), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    out += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, deny)]  # the x32 table
    for number in ALLOWED_NEW:
        out += [(JUMP, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    out += [(AT_LEAST, 0, 1, FIRST_NEW), (RETURN, 0, 0, MISSING)]
    numbers = sorted({call for pair in DENIED.values() if (call := pair[column]) is not None})
    while numbers:  # blocks, because a jump reaches 255 instructions at most
        block, numbers = numbers[:100], numbers[100:]
        out += [(JUMP, len(block) - i, 0, number) for i, number in enumerate(block)]
        out += [(JUMP, 1, 1, 0xFFFFFFFF), (RETURN, 0, 0, deny)]
    for name, test, first in (
        ("clone", (ANY_BIT, 0, 1, NAMESPACES), 0),
        *((name, (JUMP, 0, 1, 1), argument) for name, argument in OF_PROCESS.items()),  # the supervisor is process 1
        ("fcntl", (JUMP, 0, 1, 1024), 1),  # leases
        ("fcntl", (JUMP, 0, 1, 1026), 1),  # directory notifications
        ("ioctl", (JUMP, 0, 1, 0x5412), 1),  # TIOCSTI
    ):
        number = BY_ARGUMENT[name][column]
        out += [(JUMP, 0, 4, number), (LOAD, 0, 0, 16 + 8 * first), test, (RETURN, 0, 0, deny), (LOAD, 0, 0, 0)]
    out += [(JUMP, 0, 3, BY_ARGUMENT["socketpair"][column]), (LOAD, 0, 0, 16), (JUMP, 1, 0, 1), (RETURN, 0, 0, deny)]
    out.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in out)


class Filter:
    """The filter for this process and its children.

    If the kernel can, it holds a denied call until `refuse` has counted and refused it; otherwise the kernel refuses
    it by itself. `notify_fd` can be polled for waiting calls, and is -1 if the kernel doesn't report them. No call is
    ever let through: `refuse` knows no reply but an errno.
    """

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.listener = self.notify_fd = -1

    def install(self) -> None:
        """Set no_new_privs and the filter, for good. Raises OSError if the kernel refuses either."""
        if self.prctl(38, 1):
            raise OSError(ctypes.get_errno(), "no_new_privs")
        self.listener = self._seccomp(LISTEN, program(NOTIFY))
        if self.listener < 0 and self._seccomp(0, program()) < 0:
            raise OSError(ctypes.get_errno(), "seccomp")
        if self.listener >= 0:  # polling the listener itself costs 60 us more a run
            self._epoll = select.epoll()
            self._epoll.register(self.listener, select.EPOLLIN)
            self.notify_fd = self._epoll.fileno()

    def _seccomp(self, flags: int, code: bytes) -> int:
        number = SECCOMP[ARCHITECTURES[os.uname().machine][1]]
        room = ctypes.create_string_buffer(code, len(code))
        filter_ = struct.pack("@HxxxxxxQ", len(code) // 8, ctypes.addressof(room))
        return int(
            self.libc.syscall(ctypes.c_long(number), ctypes.c_ulong(1), ctypes.c_ulong(flags), ctypes.c_char_p(filter_))
        )

    def refuse(self) -> int:
        """Refuse the denied call that waits. Returns how many there were: 0 or 1."""
        call = bytearray(80)
        try:
            fcntl.ioctl(self.listener, RECEIVE, call, True)
            reply = struct.pack("@Qqii", struct.unpack_from("@Q", call)[0], 0, -errno.EPERM, 0)
            fcntl.ioctl(self.listener, ANSWER, reply)
        except OSError:  # its process is gone
            return 0
        return 1

    def prctl(self, option: int, value: int) -> int:
        """The system call: 0, or -1 if it failed."""
        zero = ctypes.c_ulong(0)
        return int(self.libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero))

    def drop_capabilities(self) -> None:
        """Keep the capabilities to change uid and to kill; no program run from here can gain any. Raises OSError."""
        for capability in range(64):
            if self.prctl(24, capability):  # PR_CAPBSET_DROP
                break
        keep = 1 << 5 | 1 << 6 | 1 << 7  # KILL, SETGID, SETUID
        header = ctypes.create_string_buffer(struct.pack("@Ii", 0x20080522, 0))
        data = ctypes.create_string_buffer(struct.pack("@6I", keep, keep, 0, 0, 0, 0))
        if self.libc.capset(header, data):
            raise OSError(ctypes.get_errno(), "capset")
