"""Memory as the supervisor measures it from outside a run, and the kernel's kills for lack of it."""

import os

OOM_FILES = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")


class OomKills:
    """How often the kernel has killed for memory in this sandbox's cgroup; always 0 if it has no cgroup of its own."""

    def __init__(self) -> None:
        self.fd = -1
        for path in OOM_FILES:
            try:
                self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                break
            except OSError:
                continue

    def count(self) -> int:
        """Kills since the cgroup was made."""
        if self.fd < 0:
            return 0
        _, _, rest = os.pread(self.fd, 4096, 0).partition(b"\noom_kill ")
        return int(rest.split(b"\n", 1)[0] or 0)


def mapped() -> int:
    """Bytes of address space that this process has mapped."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """MiB of unshared memory that all processes of the sandbox but the supervisor have resident."""
    pages = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            try:
                with open("/proc/" + name + "/statm") as file:
                    fields = file.read().split()
                pages += int(fields[1]) - int(fields[2])
            except (OSError, IndexError):
                pass
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
