"""Formats described in words, with the regular expressions for them, from a seed.

A format is a row of parts, some of them optional or alternatives, or a condition on texts of a few letters. A hash of
the description decides the split, so no test question can be a training question, whatever the seeds and sizes.
"""

import hashlib
import random
import re
import string
from collections.abc import Iterator
from typing import Any, NamedTuple

TEST_SHARE = 5  # one format in five
HIDDEN = 12  # texts of each kind that the verifier tries and the question doesn't show

Row = dict[str, Any]
CLASSES = {
    "digit": ("[0-9]", string.digits),
    "lower-case letter": ("[a-z]", string.ascii_lowercase),
    "capital letter": ("[A-Z]", string.ascii_uppercase),
    "hexadecimal digit (0-9, a-f)": ("[0-9a-f]", "0123456789abcdef"),
    "vowel (a, e, i, o, u)": ("[aeiou]", "aeiou"),
    "octal digit (0-7)": ("[0-7]", "01234567"),
}
MARKS = {
    "a hyphen": "-", "a full stop": ".", "a slash": "/", "a colon": ":", "an underscore": "_", "an at sign": "@",
    "a plus sign": "+", "a number sign": "#", "an opening parenthesis": "(", "an asterisk": "*", "a dollar sign": "$",
    "a space": " ", "a question mark": "?", "a vertical bar": "|",
}  # fmt: skip
WORDS = ["red", "green", "blue", "north", "south", "tmp", "log", "v", "id", "ref", "alpha", "beta", "jan", "feb", "usd"]
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"]


class Part(NamedTuple):
    """`samples` are texts that the pattern matches; `near` are patterns that are nearly right."""

    words: str
    pattern: str
    samples: tuple[str, ...]
    near: tuple[str, ...]


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the categories in turn."""
    draw = random.Random(f"regex {split} {seed}")
    seen: set[str] = set()
    categories = list(MAKERS)
    while len(seen) < size:
        category = categories[len(seen) % len(categories)]
        part = MAKERS[category](draw)
        key = re.sub(r"\W+", " ", part.words.casefold())
        if key in seen or held_out(key) != (split == "test"):
            continue
        pattern = re.compile(part.pattern)
        matched = [text for text in dict.fromkeys(part.samples) if pattern.fullmatch(text)]
        spoilt = [_spoilt(draw, text) for text in matched for _ in range(3)]
        refused = [text for text in dict.fromkeys(["", *spoilt]) if not pattern.fullmatch(text)]
        if len(matched) < 3 or len(refused) < 3:
            continue
        seen.add(key)
        shown = f'"{matched[0]}" and "{matched[1]}" match; "{refused[1]}" does not.'
        yield {
            "id": f"{split}-{len(seen)}",
            "question": f"{part.words}\n\nFor example, {shown}",
            "gold": part.pattern,
            "category": category,
            "metadata": {
                "match": matched[: HIDDEN + 2],
                "refuse": refused[:HIDDEN],
                "equivalent": True,
                "near": list(part.near),
            },
        }


def held_out(key: str) -> bool:
    """Whether the format belongs to the test split."""
    return hashlib.sha256(key.encode()).digest()[0] % TEST_SHARE == 0


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """Patterns with one mistake, and patterns that match the texts in the question and little else."""
    metadata, gold = row["metadata"], row["gold"]
    shown = [re.escape(text).replace("\\ ", " ") for text in metadata["match"][:2]]
    wrong = [*metadata["near"], "|".join(shown), ".*", "(?s).+", f"{gold}|x{{40}}", f"(?:{gold})?"]
    wrong = [pattern for pattern in wrong if _differs(gold, pattern, metadata["match"])]
    draw.shuffle(wrong)
    return [f"Answer: {pattern}" for pattern in wrong]


def _spoilt(draw: random.Random, text: str) -> str:
    """`text` with a character added, removed or replaced."""
    at = draw.randrange(len(text) + 1)
    extra = draw.choice(string.ascii_letters + string.digits + "-._ /")
    return draw.choice((text[:at] + extra + text[at:], text[:at] + text[at + 1 :], text[:at] + extra + text[at + 1 :]))


def _class(draw: random.Random) -> Part:
    """A number of characters of one class."""
    name, (pattern, characters) = draw.choice(list(CLASSES.items()))
    other = draw.choice([characters for characters, _ in CLASSES.values() if characters != pattern])
    low = draw.randint(1, 5)
    high = draw.choice((low, low, low + draw.randint(1, 3), 0))
    first, _, rest = name.partition(" (")
    plural = first if (low, high) == (1, 1) else f"{first}s"
    shown = plural + (f" ({rest}" if rest else "")
    if high == low:
        words, count, near = (
            f"exactly {NUMBERS[low]} {shown}",
            f"{{{low}}}",
            [f"{{{low + 1}}}", f"{{{low},}}", f"{{1,{low + 1}}}"],
        )
    elif high:
        words, count = f"{NUMBERS[low]} to {NUMBERS[high]} {shown}", f"{{{low},{high}}}"
        near = [f"{{{low},{high + 1}}}", f"{{{low},{high - 1}}}", f"{{{low - 1},{high}}}", f"{{{low},}}"]
    else:
        words, count = f"{NUMBERS[low]} or more {shown.replace(first, first.rstrip('s') + 's', 1)}", f"{{{low},}}"
        near = [f"{{{low}}}", f"{{{low + 1},}}", "*"]
    lengths = (low, high or low + 2, (low + (high or low + 3)) // 2)
    samples = tuple("".join(draw.choices(characters, k=length)) for length in (*lengths, *lengths, *lengths))
    return Part(words, pattern + count, samples, (*(pattern + wrong for wrong in near), other + count))


def _mark(draw: random.Random) -> Part:
    words, mark = draw.choice(list(MARKS.items()))
    pattern = mark if mark in " -/:_@#" else "\\" + mark
    other = draw.choice([character for character in "-/:_" if character != mark])
    return Part(words, pattern, (mark,) * 9, (f"{pattern}?", f"{pattern}+", other, "." if mark != "." else "[.,]"))


def _word(draw: random.Random) -> Part:
    word = draw.choice(WORDS)
    return Part(f'the text "{word}"', word, (word,) * 9, (f"{word}?", word.upper(), f"(?:{word})+", word + "s"))


def _one_of(draw: random.Random) -> Part:
    words = draw.sample(WORDS, draw.randint(2, 4))
    pattern = f"(?:{'|'.join(words)})"
    listed = ", ".join(f'"{word}"' for word in words)
    near = (
        f"(?:{'|'.join(words[1:])})",
        f"{pattern}?",
        f"(?:{'|'.join([*words, 'x'])})",
        f"[{''.join(sorted(set(''.join(words))))}]+",
    )
    return Part(f"one of {listed}", pattern, tuple(words * 5)[:9], near)


def _optional(draw: random.Random, part: Part) -> Part:
    samples = tuple(text if index % 2 else "" for index, text in enumerate(part.samples))
    near = (part.pattern, f"(?:{part.pattern})*", f"(?:{part.pattern}){{0,2}}")
    return Part(f"optionally {part.words}", f"(?:{part.pattern})?", samples, near)


def _repeated(draw: random.Random) -> Part:
    """One or more groups of a mark and a class."""
    mark, inside = _mark(draw), _class(draw)
    pattern = f"(?:{mark.pattern}{inside.pattern})+"
    once = [a + b for a, b in zip(mark.samples, inside.samples, strict=True)]
    samples = tuple(text if index % 2 else text + once[0] for index, text in enumerate(once))
    words = f"one or more groups, each of {mark.words} followed by {inside.words}"
    return Part(words, pattern, samples, (pattern[:-1], pattern[:-1] + "*", f"{mark.pattern}(?:{inside.pattern})+"))


def _joined(parts: list[Part]) -> Part:
    """The parts in a row. A near miss spoils one part; `near_misses` drops those that match the same texts all the same."""
    words = "The text consists of " + ", then ".join(part.words for part in parts) + "."
    pattern = "".join(part.pattern for part in parts)
    samples = tuple(map("".join, zip(*(part.samples for part in parts), strict=True)))
    near = []
    for index, part in enumerate(parts):
        before, after = ("".join(p.pattern for p in side) for side in (parts[:index], parts[index + 1 :]))
        near += [before + wrong + after for wrong in part.near]
        near.append(before + after)
    return Part(words, pattern, samples, tuple(filter(None, near)))


def _differs(gold: str, other: str, samples: list[str]) -> bool:
    """Whether some text, a sample or one close to it, shows that two patterns differ."""
    first, second = re.compile(gold), re.compile(other)
    texts = [*samples, "", "x" * 40, *(text[:at] + text[at + 1 :] for text in samples for at in range(len(text)))]
    texts += [text[:at] + text[at - 1 : at] + text[at:] for text in samples for at in range(1, len(text) + 1)]
    return any(bool(first.fullmatch(text)) != bool(second.fullmatch(text)) for text in texts)


def _sequence(draw: random.Random) -> Part:
    parts = [_class(draw)]
    for _ in range(draw.randint(1, 2)):
        parts += [draw.choice((_mark, _word))(draw), _class(draw)]
    return _joined(parts)


def _choice(draw: random.Random) -> Part:
    parts = [draw.choice((_one_of, _class, _word))(draw), _mark(draw), draw.choice((_one_of, _repeated))(draw)]
    last = _joined([_mark(draw), _class(draw)])
    last = last._replace(
        words=last.words.removeprefix("The text consists of ").removesuffix(".").replace(", then", " and then")
    )
    return _joined([*parts, _optional(draw, last)])


def _counting(draw: random.Random) -> Part:
    """Texts of two or three letters under a condition, and perhaps two more parts behind."""
    letters = draw.sample("abcdxyz012", draw.randint(2, 3))
    letter, rest = letters[0], "".join(letters[1:])
    others = f"[{rest}]*" if len(rest) > 1 else f"{rest}*"
    count, every = draw.randint(1, 4), f"[{letter}{rest}]"
    listed = ", ".join(letters[:-1]) + f" and {letters[-1]}"
    unit = f"(?:{letter}{others})"
    conditions = [
        (f'"{letter}" stands there exactly {NUMBERS[count]} time{"s" * (count > 1)}', f"{others}{unit}{{{count}}}",
         (f"{others}{unit}{{{count + 1}}}", f"{others}{unit}{{{count},}}", f"{every}{{{count}}}", f"{others}{unit}{{1,{count + 1}}}")),
        (f'the number of "{letter}" is a multiple of {count + 1} (0 is one)', f"{others}(?:{unit}{{{count + 1}}})*",
         (f"{others}(?:{unit}{{{count + 1}}})+", f"{others}(?:{unit}{{{count + 2}}})*", f"(?:{every}{{{count + 1}}})*", f"{every}*")),
        (f'the length is a multiple of {count + 1}, and not 0', f"(?:{every}{{{count + 1}}})+",
         (f"(?:{every}{{{count + 1}}})*", f"(?:{every}{{{count + 2}}})+", f"{every}+", f"(?:{letter}{{{count + 1}}})+")),
        (f'"{letter}" never stands {NUMBERS[count + 1]} times in a row', f"(?:{letter}{{0,{count}}}[{rest}])*{letter}{{0,{count}}}",
         (f"(?:{letter}{{0,{count}}}[{rest}])*", f"(?:{letter}{{0,{count + 1}}}[{rest}])*{letter}{{0,{count + 1}}}", f"{every}*")),
        (f'the text ends in "{letter * count}"', f"{every}*{letter * count}",
         (f"{every}*{letter * (count + 1)}", f"{every}+{letter * count}",
          f"{every}*{letter * count}{every}*", f"{letter * count}{every}*")),
    ]  # fmt: skip
    words, pattern, near = draw.choice(conditions)
    samples = []
    matches = re.compile(pattern)
    for _ in range(120):
        text = "".join(draw.choices(letters, k=draw.randint(0, 9)))
        text += draw.choice(("", letter * count))
        if matches.fullmatch(text) and text not in samples:
            samples.append(text)
    condition = Part(words, pattern, tuple(samples[:9]), near)
    if len(samples) < 9:
        return condition._replace(words="", samples=())
    alphabet = (
        f"The text has no other characters than {listed} (it may be empty, if nothing else is said), and {words}."
    )
    if draw.random() < 0.4:
        return condition._replace(words=alphabet)
    mark, tail = _mark(draw), _class(draw)
    return Part(
        f"The text has three parts in a row. The first has no other characters than {listed} (it may be empty, if nothing "
        f"else is said), and in it {words.replace('the text', 'it')}. The second is {mark.words}. The third is {tail.words}.",
        pattern + mark.pattern + tail.pattern,
        tuple(map("".join, zip(condition.samples, mark.samples, tail.samples, strict=True))),
        (
            *(wrong + mark.pattern + tail.pattern for wrong in condition.near),
            *(pattern + mark.pattern + wrong for wrong in tail.near),
        ),
    )


MAKERS = {"sequence": _sequence, "choice": _choice, "counting": _counting}
