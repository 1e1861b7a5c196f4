"""How this process keeps the memory that it frees. docs/performance.md says what it brought."""

import ctypes

# Parameters of glibc's mallopt, from its malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_memory() -> None:
    """Keep the memory that this process frees, and reuse it.

    By default, glibc asks the kernel for each large tensor and returns it at once, and the kernel fills every page with
    zeros. Not for generation with transformers: its cache grows by copies, which leave holes of all sizes. Does nothing
    if the C library has no mallopt.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 64 * 2**20)
