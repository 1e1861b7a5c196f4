"""Uids of different sandboxes don't overlap, and none is a real user's."""

from rlvr.sandboxes.limits import FIRST_UID, RANGES, UIDS, first_uid


def test_ranges_of_uids_are_apart_and_above_those_of_people() -> None:
    firsts = {first_uid() for _ in range(200)}
    assert len(firsts) > 150  # drawn, from many
    for uid in firsts:
        assert uid >= FIRST_UID > 1 << 20
        assert (uid - FIRST_UID) % UIDS == 0
        assert uid + UIDS <= FIRST_UID + RANGES * UIDS < 1 << 31  # a signed 32-bit number everywhere
