"""Sizes and user ids that every provider uses: what a sandbox has room for, whatever a program's own limits are."""

import random

TMP_BYTES, WORK_BYTES, SHM_BYTES = 64 << 20, 64 << 20, 16 << 20  # of /tmp, /work and /dev/shm
RESERVED_MB = 32  # of a sandbox's memory, that no program may ask for
SUPERVISOR_MB = 192  # that a container has beyond that: for the supervisor and the writable folders

UIDS = 1 << 16  # of one sandbox: one for each run
FIRST_UID = 1 << 29
RANGES = 1 << 13


def first_uid() -> int:
    """The first of 65,536 uids that most probably no other sandbox uses: process limits count per uid."""
    return FIRST_UID + random.SystemRandom().randrange(RANGES) * UIDS
