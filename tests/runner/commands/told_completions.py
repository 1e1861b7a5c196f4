"""`rlvr run` with completions that follow from step, question and place alone, so that any number of processes sees the
same ones. Everything else is real. Several processes also check how they share, gather and wait."""

import random
import sys
from collections.abc import Callable
from typing import Any

from rlvr.verifiers.types import Completion


def told(self: Any, prompts: list[list[int]], on_completion: Callable[[int, Completion], None]) -> None:
    size, eos = self.num_generations, self.processing_class.eos_token_id
    for place in range(len(prompts) * size):
        draw = random.Random(f"{self.state.global_step}-{prompts[place // size]}-{place % size}")
        digits = [3 + draw.randrange(10) for _ in range(draw.choice([1, 1, 1, 2, 3]))]
        on_completion(place, self._completion([*digits, eos][: self.max_completion_length]))


def check_processes() -> None:
    from rlvr.runner.process.processes import Processes

    here = Processes.here()
    assert here.main is (here.rank == 0)
    for length in (0, 1, 2, 3, 4, 7):
        items = list(range(length))
        mine = here.share(items)
        assert mine == items[here.rank :: here.count]
        assert here.gather([item * 10 for item in mine]) == [item * 10 for item in items]
    assert here.from_main(lambda: {"rank": here.rank}) == {"rank": 0}
    here.wait()


if __name__ == "__main__":
    from rlvr.runner.process.setup import prepare_libraries

    prepare_libraries()
    check_processes()
    from rlvr.runner.cli import main
    from rlvr.runner.training.trainer import Trainer

    Trainer.generate_groups = told
    main(sys.argv[1:])
