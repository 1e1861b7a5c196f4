"""Programs that try to break out, each in one way. A probe prints BREACH and what it reached, or HELD.

`rlvr sandbox doctor` runs them on this very machine, and the conformance suite in every provider.
"""

from dataclasses import dataclass

from rlvr.sandboxes.sandbox import Sandbox
from rlvr.sandboxes.types import End, ExecResult, Limits, stdin_job

_SYSCALLS = """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
if platform.machine() == 'x86_64':
    room = ctypes.create_string_buffer(256)
    for name, number, *args in (
        ('unshare', 272, 0x10000000), ('setns', 308, 0, 0), ('mount', 165, b'none', b'/tmp', b'tmpfs', 0, 0),
        ('add_key', 248, b'user', b'x', b'x', 1, -4), ('keyctl', 250, 0, -4, 1), ('bpf', 321, 0, room, 128),
        ('io_uring_setup', 425, 1, room), ('userfaultfd', 323, 1), ('perf_event_open', 298, room, 0, -1, -1, 0),
        ('ptrace', 101, 16, 1, 0, 0), ('process_vm_readv', 310, 1, 0, 0, 0, 0, 0), ('shmget', 29, 0, 4096, 0o1600),
        ('msgget', 68, 0, 0o1600), ('semget', 64, 0, 1, 0o1600), ('mq_open', 240, b'x', 0o102, 0o600, 0),
        ('clone(NEWUSER)', 56, 0x10000011, 0, 0, 0, 0), ('clone3', 435, room, 88), ('kcmp', 312, 1, 1, 0, 0, 0),
        ('pidfd_open', 434, 1, 0), ('memfd_secret', 447, 0), ('fsopen', 430, b'tmpfs', 0), ('chroot', 161, b'/tmp'),
        ('x32 getpid', 0x40000000 + 39),
    ):
        ctypes.set_errno(0)
        result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *args)])
        if result == 0 and name.startswith('clone'):
            os._exit(0)
        if result >= 0:
            print('BREACH', name)
print('HELD')
"""

_IDENTITY = """
import os
if 0 in (*os.getresuid(), *os.getresgid()): print('BREACH uid or gid 0')
if os.getgroups(): print('BREACH groups', os.getgroups())
for line in open('/proc/self/status'):
    key, _, value = line.partition(':')
    value = value.strip()
    if key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb') and int(value, 16): print('BREACH', key, value)
    if key == 'NoNewPrivs' and value != '1': print('BREACH new privileges')
    if key == 'Seccomp' and value != '2': print('BREACH no filter')
print('HELD')
"""

_NETWORK = """
import socket
for family in range(1, 46):
    for kind in (1, 2, 3, 5):
        try: socket.socket(family, kind).close()
        except OSError: continue
        print('BREACH socket', family, kind)
try:
    lines = open('/proc/net/dev').read().splitlines()[2:]
    if any(not line.strip().startswith('lo:') for line in lines): print('BREACH interface')
    if len(open('/proc/net/route').read().splitlines()) > 1: print('BREACH route')
except OSError: pass
print('HELD')
"""

_FILES = """
import os
for root in ('/', '/usr', '/usr/local/lib', '/etc', '/opt/rlvr', '/proc/sys/kernel', '/sys', '/dev', '/var', '/run', '/bin'):
    try: open(root + '/breach', 'w').close()
    except OSError: continue
    print('BREACH can write in', root)
for path in ('/etc/shadow', '/root/.ssh', '/var/run/docker.sock', '/proc/1/environ', '/proc/1/mem', '/proc/1/maps',
             '/proc/kcore', '/dev/mem', '/dev/kmsg'):
    try: open(path, 'rb').read(1)
    except OSError: continue
    print('BREACH can read', path)
import json
try: open(json.__file__, 'ab').close(); print('BREACH can write the library')
except OSError: pass
print('HELD')
"""

_DESCRIPTORS = """
import os
for fd in range(3, 4096):
    try: target = os.readlink(f'/proc/self/fd/{fd}')
    except OSError: continue
    print('BREACH descriptor', fd, target)
try: print('BREACH descriptors of the supervisor', os.listdir('/proc/1/fd'))
except OSError: pass
print('HELD')
"""

_SUPERVISOR = """
import os, resource, signal
for number in range(1, 65):
    try: os.kill(1, number)
    except (OSError, ValueError): pass
try: resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0)); print('BREACH limits of the supervisor')
except OSError: pass
try: os.setpriority(os.PRIO_PROCESS, 1, 19); print('BREACH priority of the supervisor')
except OSError: pass
try: os.sched_setaffinity(1, {0}); print('BREACH affinity of the supervisor')
except OSError: pass
print('HELD')
"""

_LIMITS = """
import resource
for name in ('CPU', 'FSIZE', 'NPROC', 'NOFILE', 'CORE', 'AS', 'STACK', 'MEMLOCK'):
    if resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[1] == resource.RLIM_INFINITY: print('BREACH no limit', name)
print('HELD')
"""

_CLOCK = """
import time
for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
    try: time.clock_settime(clock, 1.0)
    except OSError: continue
    print('BREACH clock')
print('HELD')
"""

_MEMORY = """
import gc, re
text = open('/proc/self/maps').read()
with open('/proc/self/mem', 'rb', 0) as memory:
    for line in text.splitlines():
        begin, end = (int(x, 16) for x in line.split()[0].split('-'))
        if 'rw' not in line or end - begin > 1 << 28: continue
        try: memory.seek(begin); data = memory.read(end - begin)
        except (OSError, ValueError): continue
        if re.search(rb'EARLIER_SECRE[T]_7f3a', data): print('BREACH the program of an earlier run is in memory')
print('HELD')
"""


@dataclass(frozen=True)
class Probe:
    """One way out. `before` runs first, as an earlier program in the same place."""

    name: str
    what: str
    program: str
    before: str = ""


PROBES = (
    Probe("system calls", "kernel interfaces that no program needs are denied", _SYSCALLS),
    Probe("identity", "a uid of its own, no capabilities, no new privileges, a filter", _IDENTITY),
    Probe("network", "no socket of any family, no interface, no route", _NETWORK),
    Probe("files", "nothing outside the sandbox can be read or written", _FILES),
    Probe("descriptors", "no descriptor but the standard three", _DESCRIPTORS),
    Probe("supervisor", "it can't be signalled, limited or slowed down", _SUPERVISOR),
    Probe("limits", "hard limits are set", _LIMITS),
    Probe("clock", "the clock can't be set", _CLOCK),
    Probe(
        "earlier runs",
        "nothing of an earlier program is left in memory",
        _MEMORY,
        "SECRET = 'EARLIER_SECRET_7f3a'\nprint(SECRET)",
    ),
)


@dataclass(frozen=True)
class Finding:
    """The outcome of a probe: whether isolation `held`, and if not, what the probe said."""

    probe: Probe
    held: bool
    detail: str


async def run_probe(sandbox: Sandbox, probe: Probe) -> Finding:
    """Run one probe. Isolation held only if the probe says so, ends well, and leaves the sandbox in order.

    Raises SandboxError if the sandbox fails.
    """
    limits = Limits(time_s=20.0)
    async with sandbox.slot() as slot:
        if probe.before:
            await slot.run(probe.before.encode(), [stdin_job()], limits)
        result = (await slot.run(probe.program.encode(), [stdin_job()], limits))[0]
        after = (await slot.run(b"print(1)", [stdin_job()], limits))[0]
    return Finding(probe, *_decide(result, after))


def _decide(result: ExecResult, after: ExecResult) -> tuple[bool, str]:
    printed = result.stdout.decode("utf-8", "replace").strip()
    if "BREACH" in printed:
        return False, "; ".join(line for line in printed.splitlines() if "BREACH" in line)[:300]
    if result.end is not End.EXIT or printed != "HELD":
        return (
            False,
            f"it ended with {result.end} {result.code}: {(printed or result.stderr.decode('utf-8', 'replace'))[-200:]}",
        )
    if after.stdout != b"1\n":
        return False, "the sandbox doesn't work after it"
    return True, ""
