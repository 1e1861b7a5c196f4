"""A sandbox of bubblewrap ends with its owner."""

import subprocess


def children_of_bwrap():
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in processes.stdout.splitlines() if "/opt/rlvr/zygote.py" in line]


def test_bubblewrap_ends_with_its_owner(need_provider, start_owner, until):
    need_provider("bubblewrap")
    before = len(children_of_bwrap())
    owner = start_owner("bubblewrap")
    assert len(children_of_bwrap()) > before
    owner.kill()
    owner.wait()
    until(lambda: len(children_of_bwrap()) <= before)
