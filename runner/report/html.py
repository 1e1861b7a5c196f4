"""What the HTML pages have in common. Every page needs nothing beside itself."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from rlvr.runner.evaluation.summary import Accuracy
from rlvr.text import percent, percent_interval

HERE = Path(__file__).parent
STYLE = HERE / "report.css"


def page(title: str, body: Sequence[str], style: str) -> str:
    """A page. `title` is text; `body` (its parts) and `style` (CSS) are put in as they are."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table. `title` and `head` are text, cells are HTML already; the first column names its row."""
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr><th>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>\n" for row in rows)
    return f"<h3>{escape(title)}</h3><div class=wide><table><thead><tr>{heads}</tr></thead>{lines}</table></div>"


def accuracy_cell(accuracy: Accuracy | None) -> str:
    """An accuracy with its interval in small type; a dash without a verdict about the model."""
    if accuracy is None or accuracy.accuracy is None:
        return "–"
    return f"{percent(accuracy.accuracy)} <small>{percent_interval(accuracy.interval)}</small>"
