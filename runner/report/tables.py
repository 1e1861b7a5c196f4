"""Tables of text, for pages, Markdown files and terminals alike."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextTable:
    """Cells are plain text; a row has as many as there are columns."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> list[str]:
        """The table's lines."""
        return [_line(self.columns), _line(["---"] * len(self.columns)), *map(_line, self.rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
