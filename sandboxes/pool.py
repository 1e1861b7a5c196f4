"""Keeps warm sandboxes: taking one never waits for one to be made, unless all are taken or the first is still coming."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from rlvr.sandboxes.slot import Slot


class Pool:
    """At most `size` live slots, made in the background by `launch`; each is replaced after `recycle` runs.

    A launch that fails fails whoever waits, with its own error; the next `take` tries again.
    """

    def __init__(self, launch: Callable[[], Awaitable[Slot]], size: int, recycle: int) -> None:
        self._launch, self.size, self._recycle = launch, size, recycle
        self._idle: deque[Slot] = deque()
        self._waiters: deque[asyncio.Future[Slot]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._all: set[Slot] = set()
        self._total = 0
        self.launched = 0
        self._closed = False

    async def take(self) -> Slot:
        self._fill()
        while self._idle:
            slot = self._idle.popleft()
            if not slot.channel.problem:
                return slot
            self._drop(slot)
        self._fill()
        waiter: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give(waiter.result())
            raise

    def give(self, slot: Slot) -> None:
        """Take a slot back. One that is worn, broken or old is closed, and its successor is started."""
        if slot.worn or slot.channel.problem or slot.runs >= self._recycle or self._closed:
            self._drop(slot)
        else:
            self._hand_out(slot)
        self._fill()

    def _drop(self, slot: Slot) -> None:
        slot.close()
        if slot in self._all:
            self._all.discard(slot)
            self._total -= 1

    def _hand_out(self, slot: Slot) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(slot)
                return
        self._idle.append(slot)  # the longest idle goes out first: a group's samples spread over all

    def _fill(self) -> None:
        while self._total < self.size and not self._closed:
            self._total += 1
            task = asyncio.get_running_loop().create_task(self._make())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _make(self) -> None:
        try:
            slot = await self._launch()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for this slot
            self._total -= 1
            waiters, self._waiters = list(self._waiters), deque()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        self.launched += 1
        self._all.add(slot)
        if self._closed:
            self._drop(slot)
        else:
            self._hand_out(slot)

    async def ready(self) -> None:
        """Wait until all slots are there. Raises what a launch raised."""
        taken = [await self.take() for _ in range(self.size)]
        for slot in taken:
            self.give(slot)

    def kill(self) -> None:
        """Close every slot now, from any thread."""
        self._closed = True
        for slot in list(self._all):
            slot.worn = True
            slot._kill()

    async def close(self) -> None:
        self._closed = True
        for slot in list(self._all):
            self._drop(slot)
        await asyncio.gather(*self._tasks, return_exceptions=True)
