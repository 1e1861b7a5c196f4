"""Moves and mates from seeds: the planted answer is accepted, and near misses are refused. See conftest.py."""

import random
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("chess")

from rlvr.verifiers.symbolic.chess.verifier import chess

Problem = tuple[dict[str, Any], str, list[str]]  # metadata, an answer, near misses


def moves(draw: random.Random) -> Problem:
    """A legal move in a random position; near misses are moves that aren't legal there."""
    import chess as library

    board = library.Board()
    for _ in range(draw.randint(0, 40)):
        legal = list(board.legal_moves)
        board.push(draw.choice(legal))
        if not any(board.legal_moves):
            board.pop()
            break
    legal = list(board.legal_moves)
    move = draw.choice(legal)
    gold = board.san(move) if draw.random() < 0.5 else move.uci()
    others = [
        f"{library.SQUARE_NAMES[a]}{library.SQUARE_NAMES[b]}" for a, b in (draw.sample(range(64), 2) for _ in range(8))
    ]
    names = {m.uci()[:4] for m in legal}
    wrong = [other for other in others if other not in names]
    return {"fen": board.fen()}, gold, [*wrong, "0000", "--", f"{gold} {gold}", f"{gold} or {legal[0].uci()}"]


def ladders(draw: random.Random) -> Problem:
    """Two rooks against a bare king on the edge: the one on the next rank guards it, the other mates."""
    import chess as library

    while True:
        board = library.Board(None)
        king, guard, rook, own = draw.randrange(8), draw.randrange(8), draw.randrange(8), draw.randrange(8)
        board.set_piece_at(library.square(king, 7), library.Piece.from_symbol("k"))
        board.set_piece_at(library.square(guard, 6), library.Piece.from_symbol("R"))
        board.set_piece_at(library.square(rook, 3), library.Piece.from_symbol("R"))
        board.set_piece_at(library.square(own, 0), library.Piece.from_symbol("K"))
        if abs(king - guard) > 1 and abs(king - rook) > 1 and board.is_valid():
            break
    mates = set()
    for move in list(board.legal_moves):
        board.push(move)
        if board.is_checkmate():
            mates.add(move.uci())
        board.pop()
    gold = library.Move(library.square(rook, 3), library.square(rook, 7)).uci()
    assert gold in mates or guard == rook
    if gold not in mates:
        return ladders(draw)
    wrong = [move.uci() for move in board.legal_moves if move.uci() not in mates]
    return {"fen": board.fen(), "mate": 1}, gold, draw.sample(wrong, 5)


@pytest.mark.parametrize("make", [moves, ladders])
def test_planted_answers_are_accepted_and_near_misses_refused(
    try_problems: Callable[..., None], make: Callable[..., Problem]
) -> None:
    try_problems(chess, make)
