"""Hooks of the documentation's site (mkdocs.yml).

Pages link to files of the repository, which aren't part of the site: there, such a link is the file's name alone.
"""

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[\w-]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    folder = (DOCS / page.file.src_uri).parent

    def replaced(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        inside = target.is_relative_to(DOCS)
        return match[0] if inside or not target.exists() else match[1]

    return _LINK.sub(replaced, markdown)
