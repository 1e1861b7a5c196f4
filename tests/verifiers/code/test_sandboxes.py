"""Sandboxes are shared by all verifications of one event loop."""

import asyncio

from rlvr.verifiers.code import sandboxes


def test_each_event_loop_has_its_own_sandbox(need_provider):
    need_provider("bubblewrap")

    async def main():
        first = sandboxes.shared("bubblewrap", 512)
        assert sandboxes.shared("bubblewrap", 512) is first
        assert sandboxes.shared("bubblewrap", 4096).settings.memory_mb > 4096
        await sandboxes.close_all()
        return first

    assert asyncio.run(main()) is not asyncio.run(main())
