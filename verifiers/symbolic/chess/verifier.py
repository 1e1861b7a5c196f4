"""`chess`: a legal move, or the first move of a mate in n.

`example.metadata`: `fen`, the position; `mate`, 1 to 3, if a mate in so many moves of the side to move is asked for.
The answer is one move, in standard algebraic notation or as in UCI: `Qxf7#`, `e2e4`. Every move that mates in time
against every defense is right, not only the stored one. Draws by the fifty-move rule and by repetition are ignored.
"""

import re
from pathlib import Path
from typing import Any

from rlvr.verifiers.symbolic.chess.positions import generate, near_misses
from rlvr.verifiers.symbolic.fields import TooExpensive, Unreadable, fail, field, final_answer, present, short, whole
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import verifier

MAX_ANSWER = 30  # characters
MAX_POSITIONS = 20_000  # that a search may reach: some seconds

_MOVE = re.compile(
    r"(?:1[ ]?\.{1,3}[ ]?)?"
    r"((?:[KQRBN][a-h]?[1-8]?x?[a-h][1-8]|(?:[a-h]x)?[a-h][1-8](?:=?[QRBN])?|O-O(?:-O)?|0-0(?:-0)?)[+#]?"
    r"|[a-h][1-8][a-h][1-8][qrbn]?)(?:[!?]{1,2})?\.?"
)
_UCI = re.compile(r"[a-h][1-8][a-h][1-8][qrbn]?")


def preload() -> None:
    """Import python-chess before workers are forked."""
    load("chess", "chess")


@verifier(
    "chess",
    deadline_s=10.0,
    cases=Path(__file__).with_name("cases.jsonl"),
    generate=generate,
    near_misses=near_misses,
    preload=preload,
)
def chess(example: Example, completion: Completion) -> Verdict:
    """A legal move in the position, or one that forces mate in time."""
    metadata = present(example.metadata)
    board = _board(field(metadata, "fen", str))
    moves = whole(metadata.get("mate", 0), "field 'mate'", 0, 3)
    try:
        answer = final_answer(completion.text, MAX_ANSWER)
        move = _read(board, answer)
    except Unreadable as error:
        return Verdict.unparsed(str(error))
    if move is None:
        return Verdict.of(False, answer, f"{answer} is not a legal move here, or could be several")
    if not moves:
        return Verdict.of(True, answer, "a legal move")
    search = _Search()
    board.push(move)
    try:
        defense = search.defense(board, moves - 1)
    except TooExpensive as error:
        return Verdict(Status.TIMEOUT, 0.0, answer, str(error))
    return Verdict.of(defense is None, answer, defense or f"mate in {moves}, whatever is played")


def _board(fen: str) -> Any:
    chess = load("chess", "chess")
    try:
        board = chess.Board(fen)
    except ValueError as error:
        fail(f"field 'fen': {error}")
    if not board.is_valid() or not any(board.legal_moves):
        fail(f"field 'fen': {fen!r:.80} is not a legal position with a move to play")
    return board


def _read(board: Any, answer: str) -> Any:
    """The move, or None if the text is a move that is illegal or ambiguous here. Raises Unreadable for any other text."""
    match = _MOVE.fullmatch(answer)
    if match is None:
        raise Unreadable(f"{short(answer)} is not one move, such as Nf3 or g1f3")
    try:
        return board.parse_uci(match[1]) if _UCI.fullmatch(match[1]) else board.parse_san(match[1])
    except ValueError:
        return None


class _Search:
    """Looks for forced mates by trying every move; counts positions, and raises TooExpensive past MAX_POSITIONS."""

    def __init__(self) -> None:
        self.positions = 0
        self.solved: dict[Any, bool] = {}

    def defense(self, board: Any, moves: int) -> str | None:
        """What the attacked side, to move, can do against a mate in `moves` more; None if nothing helps. Raises TooExpensive."""
        if board.is_check() and not any(board.legal_moves):
            return None
        if moves == 0:
            return "it is not mate"
        if not any(board.legal_moves):
            return "it is a draw by stalemate"
        for reply in list(board.legal_moves):
            shown = board.san(reply)
            board.push(reply)
            mated = self.mates(board, moves)
            board.pop()
            if not mated:
                return f"{shown} prevents it"
        return None

    def mates(self, board: Any, moves: int) -> bool:
        """Whether the side to move can mate in at most `moves`. Raises TooExpensive."""
        key = (board.epd(), moves)
        if key not in self.solved:
            self.positions += 1
            if self.positions > MAX_POSITIONS:
                raise TooExpensive(f"more than {MAX_POSITIONS} positions would have to be searched")
            self.solved[key] = self._mates(board, moves)
        return self.solved[key]

    def _mates(self, board: Any, moves: int) -> bool:
        candidates = sorted(board.legal_moves, key=board.gives_check, reverse=True)
        for move in candidates:
            if moves == 1 and not board.gives_check(move):
                return False  # checks come first
            board.push(move)
            forced = self._forced(board, moves - 1)
            board.pop()
            if forced:
                return True
        return False

    def _forced(self, board: Any, moves: int) -> bool:
        replies = list(board.legal_moves)
        if not replies:
            return bool(board.is_check())
        if moves == 0:
            return False
        for reply in replies:
            board.push(reply)
            mated = self.mates(board, moves)
            board.pop()
            if not mated:
                return False
        return True
