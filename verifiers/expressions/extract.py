"""Takes the answer out of a completion: the last complete one counts.

Ways, by what the model wrote: \\boxed{…}, `#### …`, <answer>…</answer>, "the answer is …"; without any of these, a
completion that is nothing but an answer, or a last sentence that concludes with one. Boxes that are listed
together ("\\boxed{2} and \\boxed{3}") are one answer with several parts. All searches are linear in the text, which is
read from its end.
"""

import re
from dataclasses import dataclass
from typing import Literal

Mode = Literal["auto", "boxed", "hash", "answer", "bare"]
MAX_COMPLETION = 200_000  # characters, from the end
MAX_ANSWER = 4_000
MAX_BOXES = 200


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """The answer's text, and how it was found."""

    text: str
    how: str
    loose: bool = False  # from running text: words around it may be dropped


_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=[{\w\\])")
_HASH = re.compile(r"^[ \t]*####[ \t]*([^\n]*)$", re.MULTILINE)
_LABEL = re.compile(r"^[ \t]*A:[ \t]*([^\n]+)$", re.MULTILINE)
_TAG = re.compile(r"<answer>([^<]*(?:<(?!/?answer>)[^<]*)*)</answer>", re.IGNORECASE)
_SAYS = re.compile(
    r"(?:\b(?:answer|solution|result|réponse|respuesta|antwort|risposta)\b(?:[ \t]*\*\*)?"
    r"(?:[ ]{0,2}(?:is|are|equals|est|ist|es|è|of|to|for|the|this|problem|question|finale|final|correct|therefore|thus|then"
    r"|must be|should be|will be|would be|could be|be)\b){0,6}"
    r"[ ]{0,2}[:：=]?|答案(?:是|为)?[:：]?)[ \t]*(?:\*\*)?[ \t]*",
    re.IGNORECASE,
)
_CHAT_END = re.compile(r"<\|(?:im_end|im_start|endoftext|eot_id|end_of_text|end)\|>|<end_of_turn>|</s>")
_LINK = re.compile(
    r"(?:[\s$.;,&]|\\\\|\\[,;!: ()\[\]]|\\q?quad|\\(?:text|textbf|mbox|mathrm|rm)\b|[{}()]|\*\*|[A-Za-z]{1,12})*",
    re.ASCII,
)
_LISTED = re.compile(r"[,;]|\b(?:and|or)\b", re.IGNORECASE)
_NOT_LISTED = re.compile(
    r"\b(?:then|so|but|not|actually|wait|no|instead|therefore|thus|hence|answer|is|correct|rather|which|finally)\b",
    re.IGNORECASE,
)
_MATH = re.compile(r"\$\$([^$]{1,2000})\$\$|\$([^$\n]{1,2000})\$|\\\(([^\n]{1,2000}?)\\\)|\\\[([^\n]{1,2000}?)\\\]")
_STOP = re.compile(
    r"\n|(?<=[^\s.])[.。](?=\s|$|\$)|[.。!?](?=\s*$)|[!?。](?=\s)|<\|"
    r"|\b(?:because|since|as (?:the|we|it)|which (?:is|means|was)|so that|I hope|Note:|according)\b"
)


def extract(text: str, mode: Mode = "auto") -> ExtractedAnswer | None:
    """The last complete answer in `text`, or None. `mode` names the one way that counts; "auto" takes the last of all."""
    if mode == "bare":
        text = text.strip(" \n")  # a tab may be the rest of \text
        return ExtractedAnswer(text, "the whole text") if text.strip() else None
    text = _visible(text)
    candidates: list[tuple[int, ExtractedAnswer]] = []  # with their positions
    if mode in ("auto", "boxed") and (box := _boxed(text)):
        candidates.append(box)
    if mode in ("auto", "hash"):
        for pattern, how in ((_HASH, "after ####"), (_LABEL, "after 'A:'")):
            if match := _last(pattern, text):
                line = match[1].strip()
                if line:
                    candidates.append((match.start(), ExtractedAnswer(line, how, loose=True)))
    if mode in ("auto", "answer"):
        if match := _last(_TAG, text):
            candidates.append((match.end(), _inside_tag(match[1])))
        if said := _said(text, bool(candidates)):
            candidates.append(said)
    candidates = [(at, answer) for at, answer in candidates if answer.text]
    if candidates:
        return max(candidates, key=lambda candidate: candidate[0])[1]
    return _unmarked(text) if mode == "auto" else None


def gold_answer(text: str) -> str:
    """The answer in a gold text, which may be a whole worked solution."""
    if "\\boxed" in text or "\\fbox" in text:
        box = _boxed(text, generous=True)
        if box:
            return box[1].text
        if opened := _last(_BOX, text):  # a gold text that was cut off
            return text[opened.end() :].lstrip("{").strip()
    if "####" in text and (match := _last(_HASH, text)):
        return match[1].strip()
    if len(text) > 12 and (said := _said(text, False)):
        return said[1].text
    return text.strip(" \n")


def _visible(text: str) -> str:
    """What the model wrote after its reasoning, up to the end of its turn; of a long text the end."""
    text = text[-MAX_COMPLETION:]
    if (end := text.rfind("</think>")) >= 0:
        text = text[end + len("</think>") :]
    if match := _CHAT_END.search(text):
        text = text[: match.start()] or text[match.end() :]
    return text


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    match = None
    for match in pattern.finditer(text):  # noqa: B007 - only the last one is wanted
        pass
    return match


def _inside_tag(content: str) -> ExtractedAnswer:
    inner = _boxed(content)
    return inner[1] if inner else ExtractedAnswer(content.strip()[:MAX_ANSWER], "in <answer>", loose=True)


# ---- boxes ------------------------------------------------------------------------------------------------------


def _boxed(text: str, generous: bool = False) -> tuple[int, ExtractedAnswer] | None:
    """The last complete box, with the boxes listed together with it, and the position after it.

    `generous` reads boxes as one list, whatever is between them on a line: gold texts mean that.
    """
    boxes: list[tuple[int, int, str]] = []  # start, end, content; from the end of the text
    starts = list(_BOX.finditer(text))[-MAX_BOXES:]
    for match in reversed(starts):
        content = _braces(text, match.end())
        if content is None or (boxes and content[0] > boxes[-1][0]):  # incomplete, or around another box
            if content is not None and boxes and content[0] >= boxes[-1][1]:
                inner = boxes[-1]
                only = content[1].strip() == text[inner[0] : inner[1]]
                boxes[-1] = (match.start(), content[0], inner[2] if only else content[1])
            continue
        boxes.append((match.start(), *content))
    while boxes and not boxes[0][2].strip():
        boxes.pop(0)
    if not boxes:
        return None
    group = [boxes[0]]
    for box in boxes[1:]:
        between = text[box[1] : group[-1][0]]
        if not _listed(between, generous):
            break
        group.append(box)
    parts = [content for _, _, content in reversed(group)]
    if len(parts) == 1:
        return boxes[0][1], ExtractedAnswer(parts[0].strip()[:MAX_ANSWER], "in \\boxed")
    joined = ", ".join(
        part.strip().removeprefix("\\{").removesuffix("\\}") if generous else part.strip() for part in parts
    )
    return boxes[0][1], ExtractedAnswer(joined[:MAX_ANSWER], f"in {len(parts)} boxes, listed together")


def _listed(between: str, generous: bool) -> bool:
    if len(between) > 60 or not _LINK.fullmatch(between) or _NOT_LISTED.search(between):
        return False
    return bool(_LISTED.search(between)) or (generous and not between.strip(" $"))


def _braces(text: str, start: int) -> tuple[int, str] | None:
    """The position after the box that opens at `start`, and its content; None if it isn't closed."""
    if text[start] != "{":
        match = re.compile(r"\\?\w+").match(text, start)
        return (match.end(), match[0]) if match else None
    depth, at = 0, start
    limit = min(len(text), start + 4 * MAX_ANSWER)
    while at < limit:
        char = text[at]
        if char == "\\":
            at += 2
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return at + 1, text[start + 1 : at]
        at += 1
    return None


# ---- words ------------------------------------------------------------------------------------------------------


_CANDIDATE = re.compile(r"[0-9$\\]|^[\"'*(]{0,3}[A-Za-z][)\"'*.]{0,3}$|[=<>^∞π½√]")


def _said(text: str, marked: bool) -> tuple[int, ExtractedAnswer] | None:
    """What follows the last "the answer is" that is followed by an answer."""
    matches = [m for m in _SAYS.finditer(text) if _leads(m, text)][-8:]
    for match in reversed(matches):
        rest = text[match.end() : match.end() + MAX_ANSWER].lstrip()
        said = _first_sentence(rest)
        if said.count(" ") >= 2 and (concluded := _conclusion(said)):
            return match.start(), concluded
        if not said or said in (":", "**"):
            continue
        if marked and not _CANDIDATE.search(said):
            continue
        if not _CANDIDATE.search(said) and len(said.split()) > 6:
            continue
        if "boxed" in said:
            continue
        return match.start(), ExtractedAnswer(said, f"after {match[0].strip()!r}", loose=True)
    return None


def _leads(match: re.Match[str], text: str) -> bool:
    """True for "the answer is" and for "Answer $5$", not for "the answer seems"."""
    rest = text[match.end() : match.end() + 20].lstrip()
    return bool(_CONNECTED.search(match[0])) or rest[:1] in ("$", "\\", "*") or rest[:1].isdigit()


_CONNECTED = re.compile(r"(?:[:：=]|\b(?:is|are|be|equals|est|ist|es|è)|是|为)[\s*]*$", re.IGNORECASE)


def _first_sentence(text: str) -> str:
    """The answer at the start of `text`: up to the end of its sentence, formulae kept whole."""
    text = text.lstrip()
    if not text:
        return ""
    display = re.match(
        r"\$\$([^$]{1,2000})\$\$|\\\[((?:(?!\\\]).){1,2000})\\\]|\\\(((?:(?!\\\)).){1,2000})\\\)", text, re.DOTALL
    )
    if display and not re.match(r"[ ]*(?:,|and|or)\b", text[display.end() :]):
        inner = next(g for g in display.groups() if g is not None)
        tail = re.match(r"[ ]{0,2}(?:\\?%|°|[a-z]+)?", text[display.end() :])
        unit = tail[0].strip() if tail else ""
        return f"{inner.strip()} {unit}".strip() if unit in ("%", "\\%", "percent", "°") else inner.strip()
    end, dollars = 0, 0
    while end < len(text):
        char = text[end]
        if char == "$":
            dollars += 1
        if dollars % 2 == 0 or char == "\n":
            stop = _STOP.match(text, end)
            if stop and end and not (char == "." and text[end + 1 : end + 2].isdigit()):
                break
        end += 1
    return text[:end].strip().removesuffix("**").strip().strip('\\"').removesuffix(".").strip()


_REFUSAL = re.compile(
    r"\b(?:not|n't|cannot|can't|never|don't|choose|options?|asked|put|unable|unsure|maybe|perhaps|guess|simplify"
    r"|find the|possible|either|(?:could|might|may) be(?= [\d$]))",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"(?:\b(?:is|are|equals?|get|gets|gives|have|has|that|be|was|were|est|obtain|therefore|so|thus|hence|about|approximately"
    r"|es|ist|è)\b|[=:：≈]|是|为|有|多|हैं?|هو)[\s(*]*$",
    re.IGNORECASE,
)
_OTHER_SCRIPT = re.compile(r"[\u0590-\u1fff\u3040-\uffef]")
_CHINESE = re.compile(r"[是为]\s*([^\u3000-\uffef]{1,100})[\u4e00-\u9fff]{0,6}。?$")
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_NUMBER = re.compile(r"-?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:/\d+)?\s?%?")
_LAST_VALUE = re.compile(_NUMBER.pattern + r"(?: [a-z]{2,15}){0,2}")


def _unmarked(text: str) -> ExtractedAnswer | None:
    """The answer of a completion that doesn't mark it: the whole text, its last line, or its concluding formula."""
    text = text.strip()
    if not text:
        return None
    lines = [line.strip() for line in text[-2000:].split("\n") if line.strip()]
    if len(text) <= 300 and len(lines) <= 12 and _is_answer(text):
        return ExtractedAnswer(text, "the whole text")
    last = lines[-1] if lines else ""
    if len(last) <= 100 and len(lines) > 1 and not _REFUSAL.search(last) and _LAST_VALUE.fullmatch(last.strip("$. *")):
        return ExtractedAnswer(last.strip("* "), "the last line")
    sentence = re.split(r"(?<=[.。!?])\s+(?=[A-Z\u0080-\U0010ffff])", last)[-1]
    if concluded := _conclusion(sentence):
        return concluded
    if len(text) <= 80 and len(lines) == 1 and text.count(" ") <= 8:
        return ExtractedAnswer(text, "the whole text")
    return None


def _conclusion(sentence: str) -> ExtractedAnswer | None:
    """The answer that the last clause of `sentence` concludes with, or None."""
    if _REFUSAL.search(sentence[-150:]):
        return None
    if said := _CHINESE.search(sentence):
        return ExtractedAnswer(said[1].strip(), "after 是", loose=True)
    bold = _last(_BOLD, sentence)
    if bold and re.search(r"\d", bold[1]):
        return ExtractedAnswer(bold[1], "in bold in the last sentence", loose=True)
    math = _last(_MATH, sentence)
    if math and len(sentence) - math.end() <= 40:
        before = sentence[: math.start()]
        if _CONCLUDES.search(before) or not re.search(r"[A-Za-z]{2}", before):
            return ExtractedAnswer(next(g for g in math.groups() if g is not None), "the formula that concludes")
    if bracket := re.search(r"\[([^\[\]]{1,100})\]\.?$", sentence):
        return ExtractedAnswer(bracket[1], "in brackets at the end", loose=True)
    number = _last(_NUMBER, sentence)
    if number is None:
        return None
    concludes = _CONCLUDES.search(sentence[: number.start()]) and len(sentence) - number.end() <= 40
    if concludes or len(_OTHER_SCRIPT.findall(sentence)) > len(sentence) / 3:  # a script whose words aren't known here
        return ExtractedAnswer(number[0], "the number that concludes", loose=True)
    return None


def _is_answer(text: str) -> bool:
    """True for a text that is an answer and nothing else."""
    from rlvr.verifiers.expressions.errors import ParseError
    from rlvr.verifiers.expressions.normalize import latex
    from rlvr.verifiers.expressions.parser import parse

    if text.startswith("[") and text.endswith("]"):
        return False
    if re.fullmatch(r"\$[^$]*\\text\{[^{}$]*\}[^$]*\$|[A-Za-z-]{1,20}\.?|\$\$?\s*\\text\{[^{}$]*\}\s*\$\$?", text):
        return True
    try:
        parse(latex(text))
    except ParseError:
        return False
    return True


__all__ = ["ExtractedAnswer", "Mode", "extract", "gold_answer"]
