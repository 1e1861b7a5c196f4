"""What is taken out of a completion."""

import pytest

from rlvr.verifiers.code.extract import completed, program_of


@pytest.mark.parametrize(
    ("text", "rule", "program"),
    [
        ("a\n```python\nx = 1\n```\nb", "fenced", "x = 1\n"),
        ("```py\nx\n```\n```python\ny\n```", "fenced", "y\n"),
        ("```python\nx\n```\n```bash\nls\n```", "fenced", "x\n"),
        ("```\nx\n```", "fenced", "x\n"),
        ("~~~python\nx\n~~~", "fenced", "x\n"),
        ("````python\ns = '''\n```\n'''\n````", "fenced", "s = '''\n```\n'''\n"),
        ("```python\nx = 1", "fenced", "x = 1"),
        ("```bash\nls\n```", "fenced", None),
        ("```python\n\n```", "fenced", None),
        ("x = 1", "fenced", None),
        ("", "fenced", None),
        ("def f(): pass", "auto", "def f(): pass"),
        ("I don't know.", "auto", None),
        ("I don't know.", "raw", "I don't know."),
        ("  ```python\n  x\n  ```", "fenced", "  x\n"),
    ],
)
def test_extraction(text, rule, program):
    assert program_of(text, rule) == program


def test_a_completion_goes_on_from_its_prompt():
    prompt = "import math\n\ndef f(x):\n    '''doc'''\n"
    assert completed("    return x\n", prompt, "f") == prompt + "    return x\n"
    assert completed("def f(x): return x", prompt, "f") == "import math\n\ndef f(x): return x"
