"""`rlvr compare`: is the difference in gain between runs significant?"""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from rlvr.errors import ExitCode
from rlvr.files import require_writable, writing
from rlvr.runner.analysis.compare import compare_runs
from rlvr.runner.analysis.run_record import open_runs
from rlvr.runner.display.terminal_view import View
from rlvr.runner.report import compare_page


def compare(
    *runs: Path,
    html: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Compare runs: accuracy before and after with 95 % intervals, whether the gains differ significantly, and curves.

    Examples:

        rlvr compare runs/REAL runs/RANDOM
        rlvr compare runs/A runs/B runs/C --html comparison.html

    The first run is compared with each of the others, question by question if
    both asked the same ones. A run that is still running or was stopped
    counts with its latest evaluation.

    Parameters
    ----------
    runs
        Two or more run folders; first the one whose gain is in question.
    html
        Write a page with the tables and the runs' curves to this file.
    json_
        Print everything as one JSON object on stdout.
    """
    opened = open_runs(runs)
    if html is not None:
        require_writable(html, f"--html {html}")
    comparison = compare_runs(opened)
    view = View()
    for text in comparison.warnings:
        view.warn(text)
    for text_table in compare_page.tables(comparison):
        table = Table(title=text_table.title, title_justify="left")
        for number, column in enumerate(text_table.columns):
            table.add_column(column, no_wrap=not number, overflow="fold")
        for row in text_table.rows:
            table.add_row(*map(escape, row))
        view.console.print(table)
    for sentence in comparison.verdicts:
        view.say(sentence)
    if html is not None:
        with writing(f"--html {html}"):
            compare_page.write(html, comparison)
        view.say(f"written: {html}")
    if json_:
        print(json.dumps(comparison.as_json()))
    return ExitCode.OK
