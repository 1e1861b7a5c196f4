"""One process is free of torch; what several do is checked in test_scale.py."""

import subprocess
import sys

import pytest

from rlvr.runner.process.processes import ALONE, Processes


def test_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    here = Processes.here()
    assert here == ALONE == Processes(count=1, rank=0)
    assert here.main
    assert here.share([1, 2, 3]) == [1, 2, 3]
    assert here.gather(["a"]) == ["a"]
    assert here.from_main(lambda: 5) == 5
    here.wait()


@pytest.mark.parametrize("rank", [0, 1])
def test_what_the_main_process_makes_is_had_by_all_and_made_once(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    utils = pytest.importorskip("accelerate.utils")
    called: list[int] = []
    sent: list[object] = []

    def broadcast(box: list[object]) -> None:
        sent.extend(box)
        box[0] = "runs/x"

    def make() -> str:
        called.append(rank)
        return "runs/x"

    monkeypatch.setattr(utils, "broadcast_object_list", broadcast)
    assert Processes(2, rank).from_main(make) == "runs/x"
    assert (called, sent) == (([0], ["runs/x"]) if rank == 0 else ([], [None]))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_are_everything_once_and_of_like_size(count: int) -> None:
    items = list(range(7))
    shares = [Processes(count, rank).share(items) for rank in range(count)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_loads_nothing() -> None:
    code = (
        "import sys, rlvr.runner.process.processes as p; p.Processes.here().wait(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
