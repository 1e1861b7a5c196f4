"""What is left out of garbage collection comes back into it."""

import contextlib
import gc

from rlvr.runner.process.garbage_collection import long_lived, without_collection


def test_garbage_is_collected_again_after_a_quick_start() -> None:
    with contextlib.suppress(ZeroDivisionError), without_collection():
        assert not gc.isenabled()
        1 / 0  # noqa: B018
    assert gc.isenabled()
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()  # whoever turned it off turns it on
    finally:
        gc.enable()


def test_what_lived_before_is_looked_at_again_afterwards() -> None:
    with contextlib.suppress(ZeroDivisionError), long_lived():
        assert gc.get_freeze_count() > 1000
        1 / 0  # noqa: B018
    assert gc.get_freeze_count() == 0
