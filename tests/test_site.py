"""The documentation's site: every page is in its navigation, every verifier has a page, and it builds without a warning."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import rlvr
from rlvr import sandboxes
from rlvr.verifiers.plugins.registry import registry

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2])
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize(
    "name", [n for n in sorted(registry().verifiers) if registry().owners["verifier", n] == "rlvr"]
)
def test_every_verifier_has_a_page(name: str) -> None:
    index = (DOCS / "verifiers" / "index.md").read_text(encoding="utf-8").partition("\n## Measured\n")[0]
    page = re.search(rf"`{name}`[^\]]*\]\(([\w-]+\.md)\)", index)
    assert page is not None, f"docs/verifiers/index.md has no link for {name!r}"
    text = (DOCS / "verifiers" / page[1]).read_text(encoding="utf-8")
    if name != "math-verify":
        assert f"`{name}`" in text, page[1]
    if name not in ("any", "all", "weighted", "gate", "math-verify"):
        assert text.startswith(f"# `{name}`"), page[1]


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^::: rlvr\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(set(rlvr.__all__) - {"__version__"})
    listed = re.findall(r"^::: rlvr\.sandboxes\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(sandboxes.__all__)


def test_it_builds(tmp_path: Path) -> None:
    for module in ("material", "mkdocstrings"):
        pytest.importorskip(module, reason=f"needs {module}: pip install 'rlvr[docs]'")
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "write-a-verifier" / "index.html").read_text(encoding="utf-8")
    assert "rlvr-roman" in page  # a link out of the site is its text alone
    assert "tests/plugins" in page
    assert 'href="../tests' not in page
    reference = (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
    assert all(f'id="rlvr.{name}"' in reference for name in ("verify", "Example", "tasks.pack.load_pack"))
