"""`chess`: the notations, and mates against a search that tries everything."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

library = pytest.importorskip("chess")

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.chess import verifier as chess_verifier
from rlvr.verifiers.symbolic.chess.verifier import chess
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U = Status.CORRECT, Status.INCORRECT, Status.UNPARSED
CASTLING = "r3k2r/pppq1ppp/2npbn2/2b1p3/2B1P3/2NPBN2/PPPQ1PPP/R3K2R w KQkq - 0 1"


def verify(answer: str, fen: str, **metadata: Any) -> Verdict:
    example = Example("", "", "", metadata={"fen": fen, **metadata})
    return chess(example, Completion(f"Answer: {answer}"))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("O-O", C), ("0-0-0", C), ("e1g1", C), ("Nd5", C), ("Nc3d5", C), ("c3d5", C), ("1. Nd5!", C), ("Nd5!?", C),
        ("`Bxe6`", C), ("d4.", C),
        ("Ke2+", C),  # a sign of check is decoration
        ("Ne4", X), ("exd4", X), ("e1e3", X), ("Kd1d2", X), ("O-O-O-O", U), ("nd5", U), ("N d5", U), ("Nd5 Nxd5", U),
        ("1... Nd5 2. Bxd5", U),
        ("castles", U), ("", U), ("e2-e4", U), ("@@@@", U), ("--", U), ("0000", U), ("a1a1", X), ("h7h8x", U),
    ],
)  # fmt: skip
def test_notations(answer: str, status: Status) -> None:
    assert verify(answer, CASTLING).status is status


def test_a_move_that_two_pieces_could_make_is_none() -> None:
    fen = "4k3/8/8/8/8/8/8/R3K2R w - - 0 1"
    assert verify("Rd1", fen).status is C
    assert verify("Rf1", fen).status is C
    twins = "4k3/8/8/R7/8/8/4K3/R7 w - - 0 1"
    assert verify("Ra3", twins).status is X
    assert verify("R1a3", twins).status is C


@pytest.mark.parametrize(
    ("fen", "mate", "answer", "status", "reason"),
    [
        ("6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1", 1, "Ra8", C, "mate in 1"),
        ("6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1", 1, "Ra7#", X, "it is not mate"),
        ("6k1/5ppp/8/8/8/8/5PPP/R5K1 w - - 0 1", 3, "Ra8", C, "mate in 3"),  # sooner is in time
        ("kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1", 2, "Ra6", C, "mate in 2"),
        ("kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1", 2, "bxa7", X, "prevents it"),
        ("r5rk/5p1p/5R2/4B3/8/8/7P/7K w - - 0 1", 3, "Ra6+", C, "mate in 3"),
        ("r5rk/5p1p/5R2/4B3/8/8/7P/7K w - - 0 1", 2, "Ra6+", X, "prevents it"),
        ("7k/8/5KQ1/8/8/8/8/8 w - - 0 1", 1, "Qg7", C, "mate in 1"),
        ("7k/8/5K2/6Q1/8/8/8/8 w - - 0 1", 2, "Qg6", X, "stalemate"),
    ],
)
def test_mates(fen: str, mate: int, answer: str, status: Status, reason: str) -> None:
    verdict = verify(answer, fen, mate=mate)
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict.reason


def forced(board: Any, moves: int) -> bool:
    """Whether the side to move, just attacked, is mated in `moves` more whatever it plays; tries everything."""
    if board.is_checkmate():
        return True
    if moves == 0 or not any(board.legal_moves):
        return False
    for reply in list(board.legal_moves):
        board.push(reply)
        wins = False
        for move in list(board.legal_moves):
            board.push(move)
            wins = wins or forced(board, moves - 1)
            board.pop()
        board.pop()
        if not wins:
            return False
    return True


squares = st.lists(st.integers(0, 63), min_size=4, max_size=4, unique=True)


@settings(deadline=None, max_examples=30)
@given(squares, st.sampled_from(["QR", "RR", "QP"]))
def test_mates_in_two_against_trying_everything(places: list[int], pieces: str) -> None:
    board = library.Board(None)
    for square, piece in zip(places, "Kk" + pieces, strict=True):
        board.set_piece_at(square, library.Piece.from_symbol(piece))
    if not board.is_valid() or not any(board.legal_moves):
        return
    for move in list(board.legal_moves)[::4]:
        verdict = verify(move.uci(), board.fen(), mate=2)
        board.push(move)
        assert (verdict.status is C) == forced(board, 1), (board.fen(), move)
        board.pop()


def test_a_search_that_is_too_long_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chess_verifier, "MAX_POSITIONS", 3)
    verdict = verify("Bd4", "r5rk/5p1p/5R2/4B3/8/8/7P/7K w - - 0 1", mate=3)
    assert verdict.status is Status.TIMEOUT
    assert "more than 3 positions" in verdict.reason


@pytest.mark.parametrize(
    "metadata",
    [{}, {"fen": "no board"}, {"fen": "8/8/8/8/8/8/8/8 w - - 0 1"}, {"fen": CASTLING, "mate": 4}, {"fen": CASTLING, "mate": "1"},
     {"fen": "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1"}],
)  # fmt: skip
def test_a_wrong_problem_is_an_error(metadata: dict[str, Any]) -> None:
    with pytest.raises(VerifierError, match="metadata: "):
        chess(Example("", "", "", metadata=metadata), Completion("Answer: e4"))


@settings(deadline=None)
@given(st.text(alphabet="KQRBNabcdefgh12345678xO-0=+#!?. ", max_size=8) | st.text(max_size=12))
def test_any_text_has_a_verdict(text: str) -> None:
    assert verify(text, CASTLING).status in (C, X, U)
