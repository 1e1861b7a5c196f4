"""Keeps sandboxes warm: taking one waits only if all are in use, or if the first is still starting."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from rlvr.sandboxes.slot import Slot


class Pool:
    """At most `size` live slots, started in the background by `launch`; each is replaced after `recycle` runs.

    A launch that fails raises its error in those who wait; the next `take` tries again.
    """

    def __init__(self, launch: Callable[[], Awaitable[Slot]], size: int, recycle: int) -> None:
        self._launch, self._size, self._recycle = launch, size, recycle
        self._idle: deque[Slot] = deque()
        self._waiters: deque[asyncio.Future[Slot]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._all: set[Slot] = set()
        self._total = 0  # slots that live or are being started
        self.launched = 0
        self._closed = False

    @property
    def slots(self) -> list[Slot]:
        """The slots that are alive, idle or in use."""
        return list(self._all)

    async def take(self) -> Slot:
        """An idle slot; waits for one if there is none. Raises what a launch raised. `give` it back."""
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

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """A slot for the time of the block. Raises what `take` raises."""
        slot = await self.take()
        try:
            yield slot
        finally:
            self.give(slot)

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
        while self._total < self._size and not self._closed:
            self._total += 1
            task = asyncio.get_running_loop().create_task(self._start())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _start(self) -> None:
        try:
            slot = await self._launch()
        except Exception as error:  # noqa: BLE001 - raised in those who wait for this slot
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
        """Wait until all slots have started. Raises what a launch raised."""
        slots = [await self.take() for _ in range(self._size)]
        for slot in slots:
            self.give(slot)

    def kill(self) -> None:
        """End every slot at once, from any thread. No slot is started afterwards."""
        self._closed = True
        for slot in self.slots:
            slot.kill()

    async def close(self) -> None:
        """End every slot, and wait for those that are still starting."""
        self._closed = True
        for slot in self.slots:
            self._drop(slot)
        await asyncio.gather(*self._tasks, return_exceptions=True)
