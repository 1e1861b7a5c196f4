"""Finite automata of regular languages, and a shortest text that tells two of them apart.

An automaton has a state for each character of the pattern (Glushkov, 1961: The abstract theory of automata). Sets of
states are whole numbers, one bit a state. The deterministic automaton is built only as far as the search reaches: two
patterns that differ early are told apart early, however large their automata would be.
"""

from collections import deque
from collections.abc import Iterator

from rlvr.verifiers.symbolic.regex.syntax import Alternation, CharSet, Concatenation, RegexNode, Repetition

MAX_PAIRS = 20_000  # states of the product of two automata
MAX_WORK = 1_000_000  # states followed and characters tried, over the whole search


Pair = tuple[int, int]  # a set of states of each automaton


class TooLarge(Exception):
    """The comparison needs too many states."""


class Automaton:
    """The position automaton of a tree. Bit 0 is the beginning, bit i the i-th character set of the pattern."""

    def __init__(self, tree: RegexNode) -> None:
        self.states: dict[CharSet, int] = {}  # the states that read a character of the set
        self.follow: list[int] = [0]
        nullable, first, last = self._add(tree)
        self.follow[0] = first
        self.final = last | int(nullable)

    def _add(self, node: RegexNode) -> tuple[bool, int, int]:
        """(matches the empty text, where it may begin, where it may end)"""
        if isinstance(node, CharSet):
            bit = 1 << len(self.follow)
            self.states[node] = self.states.get(node, 0) | bit
            self.follow.append(0)
            return False, bit, bit
        if isinstance(node, Concatenation):
            return self._joined(self._add(part) for part in node.parts)
        if isinstance(node, Alternation):
            nullable, first, last = False, 0, 0
            for option in node.options:
                empty, begin, end = self._add(option)
                nullable, first, last = nullable or empty, first | begin, last | end
            return nullable, first, last
        assert isinstance(node, Repetition)
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
        for charset, states in self.states.items():
            if (character in charset.chars) != charset.negated:
                mask |= states
        return mask


def bits(states: int) -> Iterator[int]:
    """The states in a set."""
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest


def telling_text(first: Automaton, second: Automaton, alphabet: str = "") -> str | None:
    """A shortest text (of the alphabet, if given) that only one of the two accepts; None if they are equal.

    Raises TooLarge if the search goes over MAX_PAIRS or MAX_WORK.
    """
    symbols = _symbols(first, second, alphabet)
    reached_from: dict[Pair, tuple[Pair | None, str]] = {(1, 1): (None, "")}
    queue = deque([(1, 1)])
    following: tuple[dict[int, int], dict[int, int]] = ({0: 0}, {0: 0})
    work = 0
    while queue:
        pair = queue.popleft()
        if bool(pair[0] & first.final) != bool(pair[1] & second.final):
            return _path(pair, reached_from)
        for states, automaton, followers in zip(pair, (first, second), following, strict=True):
            if states not in followers:
                reached = 0
                for state in bits(states):
                    reached |= automaton.follow[state]
                followers[states] = reached
                work += states.bit_count()
        work += len(symbols)
        for character, first_mask, second_mask in symbols:
            reached_pair = (following[0][pair[0]] & first_mask, following[1][pair[1]] & second_mask)
            if reached_pair not in reached_from:
                reached_from[reached_pair] = (pair, character)
                queue.append(reached_pair)
        if len(reached_from) > MAX_PAIRS or work > MAX_WORK:
            raise TooLarge("the two patterns can't be told apart or found equal within the limit of states")
    return None


def _path(pair: Pair | None, reached_from: dict[Pair, tuple[Pair | None, str]]) -> str:
    characters = []
    while pair is not None:
        pair, character = reached_from[pair]
        characters.append(character)
    return "".join(reversed(characters))


def _symbols(first: Automaton, second: Automaton, alphabet: str) -> list[tuple[str, int, int]]:
    """One character of each class that both automata treat alike, with the states of each that read it; letters first."""
    named = {c for automaton in (first, second) for charset in automaton.states for c in charset.chars}
    other = next(c for c in map(chr, range(0x21, 0x3000)) if c not in named)
    classes: dict[tuple[int, int], str] = {}
    for c in sorted(set(alphabet) or {*named, other}, key=lambda c: (not c.isalnum(), not c.isprintable(), c)):
        classes.setdefault((first.on(c), second.on(c)), c)
    return [(c, *masks) for masks, c in classes.items()]
