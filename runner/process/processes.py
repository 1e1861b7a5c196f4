"""The processes of one run: `accelerate launch` starts several, and the first one writes the run's folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """How many there are, and which one this is. With one process, nothing here costs anything."""

    count: int = 1
    rank: int = 0

    @classmethod
    def here(cls) -> "Processes":
        """Those of this run; joins their group if there are several."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        import torch
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.num_processes, state.process_index)

    @property
    def main(self) -> bool:
        """Whether this is the first process, which writes and speaks."""
        return self.rank == 0

    def share(self, items: list[T]) -> list[T]:
        """This process's part of a list that all have: every `count`-th item from `rank` on."""
        return items[self.rank :: self.count]

    def gather(self, items: list[T]) -> list[T]:
        """The results for what `share` dealt out, from all processes and in the list's order."""
        if self.count == 1:
            return items
        from accelerate.utils import gather_object

        parts = gather_object([items])
        return [parts[i % self.count][i // self.count] for i in range(sum(map(len, parts)))]

    def concatenate(self, items: list[T]) -> list[T]:
        """The lists of all processes, one after another."""
        if self.count == 1:
            return items
        from accelerate.utils import gather_object

        gathered: list[T] = gather_object(items)
        return gathered

    def from_main(self, make: Callable[[], T]) -> T:
        """What `make` returns on the main process, on all processes; only the main one calls it."""
        if self.count == 1:
            return make()
        from accelerate.utils import broadcast_object_list

        box: list[Any] = [make() if self.main else None]
        broadcast_object_list(box)
        result: T = box[0]
        return result

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            from accelerate.utils import wait_for_everyone

            wait_for_everyone()


ALONE = Processes()
