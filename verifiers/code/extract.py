"""Takes the program out of a completion, without parsing it: hostile text is compiled inside a sandbox only."""

import re

FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([\w+.#-]*)[^\n]*$", re.MULTILINE)
LABELS = {"python": ("python", "py", "python3", "python3.11", "")}
CODE = re.compile(
    r"^(def |class |import |from \w[\w.]* import |async def |@\w|print\(|if |for |while |\w+ *=[^=])", re.MULTILINE
)
LONGEST = 1 << 20


def blocks(text: str) -> list[tuple[str, str]]:
    """(label in lower case, content) of each fenced block. One that is not closed reaches to the end of the text."""
    complete: list[tuple[str, str]] = []
    opened: re.Match[str] | None = None
    for line in FENCE.finditer(text):
        if opened is None:
            opened = line
        elif line[1][:3] == opened[1][:3] and len(line[1]) >= len(opened[1]) and not line[2]:
            complete.append((opened[2].lower(), text[opened.end() + 1 : line.start()]))
            opened = None
    if opened is not None:
        complete.append((opened[2].lower(), text[opened.end() + 1 :]))
    return complete


def program_of(text: str, rule: str = "fenced", language: str = "python") -> str | None:
    """The program in a completion, or None.

    Rules: `raw`, all of it; `fenced`, the last fenced block in the language; `auto`, the same, or all of a text
    without fences that has a line of code.
    """
    if rule == "raw":
        return text
    labels = LABELS.get(language, (language,))
    fenced = blocks(text)
    programs = [content for label, content in fenced if label in labels and content.strip()]
    if programs:
        return programs[-1]
    if rule == "auto" and not fenced and CODE.search(text):
        return text
    return None


def has_lone_surrogates(program: str) -> bool:
    """Whether a program has characters that no file can hold. Surrogate escapes, for bytes that were no UTF-8, are fine."""
    try:
        program.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return True
    return False


def completed(program: str, prompt: str, entry_point: str) -> str:
    """A program that continues a prompt: after its imports and helpers, or as the body of its last function."""
    head = re.search(rf"^(async )?def {re.escape(entry_point)}\b", prompt, re.MULTILINE)
    if re.search(
        rf"^(async )?(def|class) {re.escape(entry_point)}\b|^{re.escape(entry_point)} *=", program, re.MULTILINE
    ):
        return (prompt[: head.start()] if head else "") + program
    return prompt + program
