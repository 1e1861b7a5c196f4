"""A pool hands out warm slots, replaces worn ones, and tells those who wait why none could be started."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rlvr.errors import SandboxError
from rlvr.sandboxes.channel import Channel
from rlvr.sandboxes.pool import Pool
from rlvr.sandboxes.slot import Slot


class Started:
    """Launches slots that end by being noted, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.slots, self.ended = failures, list[Slot](), list[str]()

    async def __call__(self) -> Slot:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise SandboxError("no room")
        name = f"slot-{len(self.slots)}"
        self.slots.append(Slot(name, Channel(), lambda: self.ended.append(name)))
        return self.slots[-1]


def with_pool(
    test: Callable[[Pool, Started], Awaitable[None]], size: int = 2, recycle: int = 3, failures: int = 0
) -> None:
    async def main() -> None:
        started = Started(failures)
        pool = Pool(started, size, recycle)
        try:
            await asyncio.wait_for(test(pool, started), 10)
        finally:
            await pool.close()
        assert sorted(set(started.ended)) == sorted(slot.name for slot in started.slots)  # nothing is left running

    asyncio.run(main())


def test_slots_are_used_again() -> None:
    async def test(pool: Pool, started: Started) -> None:
        await pool.ready()
        for _ in range(6):
            async with pool.slot() as slot:
                assert slot in started.slots
        assert pool.launched == len(started.slots) == 2

    with_pool(test)


def test_who_waits_gets_the_next_slot_that_is_given_back() -> None:
    async def test(pool: Pool, started: Started) -> None:
        first = await pool.take()
        waiting = asyncio.create_task(pool.take())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        pool.give(first)
        assert await waiting is first

    with_pool(test, size=1)


@pytest.mark.parametrize("why", ["worn", "broken", "old"])
def test_a_slot_that_is_no_good_any_more_is_replaced(why: str) -> None:
    async def test(pool: Pool, started: Started) -> None:
        slot = await pool.take()
        if why == "worn":
            slot.worn = True
        elif why == "broken":
            slot.channel.fail("gone")
        else:
            slot.runs = 3
        pool.give(slot)
        assert await pool.take() is not slot
        assert started.ended[:1] == [slot.name]

    with_pool(test, size=1)


def test_a_slot_that_breaks_while_it_is_idle_is_not_handed_out() -> None:
    async def test(pool: Pool, started: Started) -> None:
        await pool.ready()
        started.slots[0].channel.fail("gone")
        assert (await pool.take()).name != "slot-0"

    with_pool(test, size=1)


def test_a_launch_that_fails_is_raised_and_tried_again() -> None:
    async def test(pool: Pool, started: Started) -> None:
        with pytest.raises(SandboxError, match="no room"):
            await pool.take()
        assert (await pool.take()).name == "slot-0"

    with_pool(test, size=1, failures=1)


def test_a_slot_promised_to_a_task_that_was_cancelled_goes_to_the_next() -> None:
    async def test(pool: Pool, started: Started) -> None:
        slot = await pool.take()
        waiting = [asyncio.create_task(pool.take()) for _ in range(2)]
        await asyncio.sleep(0.01)
        pool.give(slot)
        waiting[0].cancel()
        assert await waiting[1] is slot

    with_pool(test, size=1)
