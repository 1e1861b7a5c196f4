"""What a processor needs to train at its speed; each choice and what it brought is in docs/performance.md."""

import ctypes

# Parameters of glibc's mallopt, from its malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_memory() -> None:
    """Let this process keep the memory that it frees, and take it from there again.

    By default, glibc asks the kernel for each large tensor and gives it back at once, and the kernel fills every page
    with zeros. Not for generation by transformers: its cache grows by copies, which leave holes of all sizes. Nothing
    happens where the C library has no mallopt.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 64 * 2**20)
