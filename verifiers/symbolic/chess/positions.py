"""Chess problems for `rlvr audit`: a legal move after random play, or a mate in one by two rooks."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from rlvr.verifiers.symbolic.final_answer import load


def generate(size: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows with `metadata`, `gold` and `completion`, which gives the gold answer; every second one asks for a mate."""
    draw = random.Random(f"chess {seed}")
    for number in range(size):
        metadata, answer = _ladder(draw) if number % 2 else _position(draw)
        question = "Name a move that mates." if "mate" in metadata else "Name a legal move."
        yield {"question": f"{question} {metadata['fen']}", "gold": answer, "metadata": metadata,
               "completion": f"Answer: {answer}"}  # fmt: skip


def near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    """Illegal moves, several moves, and legal ones that don't mate."""
    chess = load("chess", "chess")
    board = chess.Board(row["metadata"]["fen"])
    legal = {move.uci() for move in board.legal_moves}
    squares = (draw.sample(chess.SQUARE_NAMES, 2) for _ in range(8))
    wrong = [move for move in map("".join, squares) if not any(legal_move.startswith(move) for legal_move in legal)][:4]
    if "mate" in row["metadata"]:
        quiet = [move for move in sorted(legal) if not _mates(chess, board, move)]
        wrong += draw.sample(quiet, min(4, len(quiet)))
    return [f"Answer: {move}" for move in [*wrong, "0000", f"{row['gold']} {row['gold']}"]]


def _position(draw: random.Random) -> tuple[dict[str, Any], str]:
    board = load("chess", "chess").Board()
    for _ in range(draw.randint(0, 40)):
        board.push(draw.choice(list(board.legal_moves)))
        if not any(board.legal_moves):
            board.pop()
            break
    move = draw.choice(list(board.legal_moves))
    return {"fen": board.fen()}, board.san(move) if draw.random() < 0.5 else move.uci()


def _ladder(draw: random.Random) -> tuple[dict[str, Any], str]:
    """A bare king on the last rank, a rook on the rank next to it, and another that mates along the last."""
    chess = load("chess", "chess")
    while True:
        king, guard, rook, own = (draw.randrange(8) for _ in range(4))
        board = chess.Board(None)
        for file, rank, piece in ((king, 7, "k"), (guard, 6, "R"), (rook, 3, "R"), (own, 0, "K")):
            board.set_piece_at(chess.square(file, rank), chess.Piece.from_symbol(piece))
        move = chess.Move(chess.square(rook, 3), chess.square(rook, 7)).uci()
        if abs(king - guard) > 1 and abs(king - rook) > 1 and board.is_valid() and _mates(chess, board, move):
            return {"fen": board.fen(), "mate": 1}, move


def _mates(chess: Any, board: Any, move: str) -> bool:
    parsed = chess.Move.from_uci(move)
    if parsed not in board.legal_moves:
        return False
    board.push(parsed)
    mate = board.is_checkmate()
    board.pop()
    return bool(mate)
