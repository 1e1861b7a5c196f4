"""What the supervisor measures from outside: memory, and kills for want of it."""

import os

OOM_FILES = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")


class OomKills:
    """How often the kernel has killed for memory in this sandbox's cgroup; always 0 where it has none of its own."""

    def __init__(self) -> None:
        self.fd = -1
        for path in OOM_FILES:
            try:
                self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                break
            except OSError:
                continue

    def count(self) -> int:
        if self.fd < 0:
            return 0
        _, _, rest = os.pread(self.fd, 4096, 0).partition(b"\noom_kill ")
        return int(rest.split(b"\n", 1)[0] or 0)


def mapped() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """MiB that all processes of the sandbox have in memory of their own."""
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
