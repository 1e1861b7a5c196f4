"""What the supervisor measures from outside: memory, and kills for want of it."""

import os

OOM_FILES = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")


def oom_kills() -> int:
    for path in OOM_FILES:
        try:
            with open(path) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return 0


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
