"""Finite automata of regular languages, and a shortest text that tells two of them apart.

An automaton has a state for each character of the pattern (Glushkov, 1961: The abstract theory of automata). Sets of
states are whole numbers, a bit a state. The deterministic automaton is made only as far as the search reaches: two
patterns that differ early are told apart early, however large their automata would be.
"""

from collections import deque
from collections.abc import Iterator

from rlvr.verifiers.symbolic.regex.syntax import Choice, Node, Repeat, Sequence, Set

MAX_PAIRS = 20_000  # states of the product of two automata
MAX_WORK = 1_000_000  # states followed and characters tried, over the whole search


class TooLarge(Exception):
    """The comparison needs too many states."""


class Automaton:
    """The position automaton of a tree. Bit 0 is the beginning, bit i the i-th character set of the pattern."""

    def __init__(self, tree: Node) -> None:
        self.states: dict[Set, int] = {}  # the states that read a character of the set
        self.follow: list[int] = [0]
        nullable, first, last = self._add(tree)
        self.follow[0] = first
        self.final = last | int(nullable)

    def _add(self, node: Node) -> tuple[bool, int, int]:
        """(matches the empty text, where it may begin, where it may end)"""
        if isinstance(node, Set):
            bit = 1 << len(self.follow)
            self.states[node] = self.states.get(node, 0) | bit
            self.follow.append(0)
            return False, bit, bit
        if isinstance(node, Sequence):
            return self._joined(self._add(part) for part in node.parts)
        if isinstance(node, Choice):
            nullable, first, last = False, 0, 0
            for option in node.options:
                empty, begin, end = self._add(option)
                nullable, first, last = nullable or empty, first | begin, last | end
            return nullable, first, last
        assert isinstance(node, Repeat)
        copies = [self._add(node.part) for _ in range(node.high if node.high is not None else node.low + 1)]
        if node.high is None:
            nullable, first, last = copies[-1]
            self._connect(last, first)
        return self._joined((empty or i >= node.low, begin, end) for i, (empty, begin, end) in enumerate(copies))

    def _joined(self, parts: Iterator[tuple[bool, int, int]]) -> tuple[bool, int, int]:
        """One after the other."""
        nullable, first, last = True, 0, 0
        for empty, begin, end in parts:
            self._connect(last, begin)
            first |= begin if nullable else 0
            last = last | end if empty else end
            nullable = nullable and empty
        return nullable, first, last

    def _connect(self, last: int, first: int) -> None:
        for state in bits(last):
            self.follow[state] |= first

    def on(self, character: str) -> int:
        """The states that read `character`."""
        mask = 0
        for one, states in self.states.items():
            if (character in one.chars) != one.negated:
                mask |= states
        return mask


def bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest


def telling_text(one: Automaton, two: Automaton, alphabet: str = "") -> str | None:
    """A shortest text (of the alphabet, if given) that one accepts and the other doesn't; None: they are equal.

    Raises TooLarge where the search goes over MAX_PAIRS or MAX_WORK.
    """
    symbols = _symbols(one, two, alphabet)
    came: dict[tuple[int, int], tuple[tuple[int, int] | None, str]] = {(1, 1): (None, "")}
    queue = deque([(1, 1)])
    following: tuple[dict[int, int], dict[int, int]] = ({0: 0}, {0: 0})
    work = 0
    while queue:
        pair = queue.popleft()
        if bool(pair[0] & one.final) != bool(pair[1] & two.final):
            return _path(pair, came)
        for states, automaton, known in zip(pair, (one, two), following, strict=True):
            if states not in known:
                reached = 0
                for state in bits(states):
                    reached |= automaton.follow[state]
                known[states] = reached
                work += states.bit_count()
        work += len(symbols)
        for character, first, second in symbols:
            reached_pair = (following[0][pair[0]] & first, following[1][pair[1]] & second)
            if reached_pair not in came:
                came[reached_pair] = (pair, character)
                queue.append(reached_pair)
        if len(came) > MAX_PAIRS or work > MAX_WORK:
            raise TooLarge("the two patterns can't be told apart or found equal within the limit of states")
    return None


def _path(pair: tuple[int, int] | None, came: dict[tuple[int, int], tuple[tuple[int, int] | None, str]]) -> str:
    characters = []
    while pair is not None:
        pair, character = came[pair]
        characters.append(character)
    return "".join(reversed(characters))


def _symbols(one: Automaton, two: Automaton, alphabet: str) -> list[tuple[str, int, int]]:
    """One character of each class that both automata treat alike, with the states that read it; letters first."""
    known = {c for automaton in (one, two) for part in automaton.states for c in part.chars}
    other = next(c for c in map(chr, range(0x21, 0x3000)) if c not in known)
    found: dict[tuple[int, int], str] = {}
    for c in sorted(set(alphabet) or {*known, other}, key=lambda c: (not c.isalnum(), not c.isprintable(), c)):
        found.setdefault((one.on(c), two.on(c)), c)
    return [(c, *masks) for masks, c in found.items()]
