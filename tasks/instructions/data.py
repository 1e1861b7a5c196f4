"""Short texts to write under constraints, each with a text that satisfies them, from a seed.

The text is generated first, from sentences about a subject and in some form; the constraints are then chosen from those that
it satisfies by construction. A hash of the question decides the split, so no test question can be a training question,
whatever the seeds and sizes.
"""

import hashlib
import itertools
import random
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

TEST_SHARE = 5  # one question in five

Row = dict[str, Any]
Constraint = dict[str, Any]
LEVELS = {"one": (1, 1), "few": (2, 3), "many": (4, 6)}
SUBJECTS = ["harbour", "orchard", "library", "station", "workshop", "garden", "market", "bakery", "museum", "lighthouse",
            "forest", "bridge", "theatre", "kitchen", "island"]  # fmt: skip
NOUNS = ["lantern", "kettle", "ladder", "window", "basket", "clock", "letter", "violin", "blanket", "compass", "bicycle",
         "mirror", "pebble", "ribbon", "umbrella", "whistle"]  # fmt: skip
ADJECTIVES = ["quiet", "bright", "narrow", "gentle", "dusty", "golden", "hollow", "modest", "patient", "rusty", "silver",
              "tiny", "wooden", "yellow"]  # fmt: skip
VERBS = ["waits", "shines", "rests", "hangs", "stands", "turns", "sleeps", "leans"]
PLACES = ["near", "behind", "above", "beside", "under", "across from"]
CLOSINGS = ["That is all for today.", "Come and see for yourself.", "Nobody knows why.", "Thank you for reading."]
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


class Draft(NamedTuple):
    """A text, and the constraints that it satisfies."""

    text: str
    constraints: list[Constraint]


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the levels in turn."""
    draw = random.Random(f"instructions {split} {seed}")
    seen: set[str] = set()
    levels = list(LEVELS.items())
    while len(seen) < size:
        level, (least, most) = levels[len(seen) % len(levels)]
        subject = draw.choice(SUBJECTS)
        draft = _draft(draw, subject)
        count = draw.randint(least, most)
        if len(draft.constraints) < count:
            continue
        chosen = draw.sample(draft.constraints, count)
        question = f"Write a short text about a {subject}.\n" + "\n".join(
            f"- {_in_words(constraint)}" for constraint in chosen
        )
        key = re.sub(r"\W+", " ", question.casefold())
        if key in seen or held_out(key) != (split == "test"):
            continue
        seen.add(key)
        yield {
            "id": f"{split}-{len(seen)}",
            "question": question,
            "gold": draft.text,
            "category": level,
            "metadata": {"constraints": chosen},
        }


def held_out(key: str) -> bool:
    """Whether the question belongs to the test split."""
    return hashlib.sha256(key.encode()).digest()[0] % TEST_SHARE == 0


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """For each constraint, the gold text changed to violate it; and texts that only seem to satisfy them."""
    text, constraints = row["gold"], row["metadata"]["constraints"]
    wrong = [VIOLATE[constraint["kind"]](text, constraint) for constraint in constraints]
    wrong += ["", "\u200b", f"<think>{text}</think>"]
    draw.shuffle(wrong)
    return wrong


# ---- the text


def _sentence(draw: random.Random, subject: str) -> str:
    noun, other = draw.sample(NOUNS, 2)
    first, second, third = draw.sample(ADJECTIVES, 3)
    return draw.choice((
        f"The {first} {noun} {draw.choice(VERBS)} {draw.choice(PLACES)} the {second} {subject}.",
        f"In the {subject} a {first} {noun} {draw.choice(VERBS)} {draw.choice(PLACES)} a {second} {other}.",
        f"Every {first} {subject} has a {second} {noun} and a {third} {other}.",
        f"My {noun} is {first} but the {other} in the {subject} is {second}.",
    ))  # fmt: skip


def _draft(draw: random.Random, subject: str) -> Draft:
    sentences = [_sentence(draw, subject) for _ in range(draw.randint(3, 7))]
    constraints: list[Constraint] = []
    form = draw.choice(("plain", "plain", "bullets", "numbered", "sections"))
    casing = draw.choice(("", "", "", "uppercase", "lowercase")) if form != "sections" else ""
    if draw.random() < 0.4:
        count = draw.randint(1, min(3, len(sentences)))
        nouns = [next(word for word in sentence.rstrip(".").split() if word in NOUNS) for sentence in sentences[:count]]
        sentences[:count] = [s.replace(noun, f"*{noun}*", 1) for s, noun in zip(sentences, nouns, strict=False)]
        constraints.append({"kind": "highlights", "least": len(set(nouns))})
    if draw.random() < 0.3:
        sentences.append("Ask [name] at [address].")
        constraints.append({"kind": "placeholders", "least": 2})
    if form != "sections" and draw.random() < 0.3 and not casing:
        sentences[0] = f"NASA AND ESA say this: {sentences[0]}"
        constraints.append({"kind": "capital_words", "least": 3})
    closing = draw.choice(CLOSINGS) if draw.random() < 0.4 else ""
    blocks, more = _arranged(draw, sentences, closing, form)
    constraints += more
    if draw.random() < 0.25:
        blocks = [f"<<The {draw.choice(ADJECTIVES).title()} {subject.title()}>>", *blocks]
        constraints = _without(constraints, "paragraphs", "paragraph_first_word", "sentences")
        constraints.append({"kind": "title"})
    if draw.random() < 0.25:
        blocks.append(f"P.S. {_sentence(draw, subject)}")
        constraints = _without(constraints, "paragraphs", "sentences")
        constraints.append({"kind": "postscript", "marker": "P.S."})
    text = "\n\n".join(blocks)
    if casing:
        text = text.upper() if casing == "uppercase" else text.lower()
        if casing == "lowercase":
            constraints = _without(constraints, "postscript")
        constraints.append({"kind": casing})
    elif closing and text.endswith(closing):
        constraints.append({"kind": "ends_with", "phrase": closing})
    if form == "plain" and not text.startswith("<<") and draw.random() < 0.15:
        text = f'"{text}"'
        constraints = _without(constraints, "ends_with")
        constraints.append({"kind": "quoted"})
    return Draft(text, constraints + _of_words(draw, text))


def _without(constraints: list[Constraint], *kinds: str) -> list[Constraint]:
    return [constraint for constraint in constraints if constraint["kind"] not in kinds]


def _arranged(draw: random.Random, sentences: list[str], closing: str, form: str) -> tuple[list[str], list[Constraint]]:
    """The sentences in blocks, to be separated by empty lines, and the constraints that the form satisfies."""
    if form == "plain":
        count = draw.randint(1, min(4, len(sentences)))
        cuts = [0, *sorted(draw.sample(range(1, len(sentences)), count - 1)), len(sentences)]
        blocks = [" ".join(sentences[a:b]) for a, b in itertools.pairwise(cuts)]
        if closing:
            blocks[-1] += f" {closing}"
        total, which = len(sentences) + bool(closing), draw.randint(1, count)
        first = re.findall(r"\w+", blocks[which - 1])[0].lower()
        return blocks, [
            {"kind": "paragraphs", "least": count, "most": count},
            {"kind": "sentences", "least": total, "most": total},
            {"kind": "paragraph_first_word", "paragraph": which, "word": first},
        ]
    end = [closing] if closing else []
    if form == "sections":
        count = draw.randint(2, min(4, len(sentences)))
        pieces = [" ".join(sentences[index::count]) for index in range(count)]
        blocks = [f"Section {index}\n{piece}" for index, piece in enumerate(pieces, 1)]
        return [*blocks, *end], [{"kind": "sections", "marker": "Section", "count": count}]
    first, *rest = sentences
    if form == "bullets":
        listed = "\n".join(f"- {sentence}" for sentence in rest)
        return [first, listed, *end], [{"kind": "bullets", "least": len(rest), "most": len(rest)}]
    listed = "\n".join(f"{index}. {sentence}" for index, sentence in enumerate(rest, 1))
    return [first, listed, *end], [{"kind": "numbered", "count": len(rest)}]


def _of_words(draw: random.Random, text: str) -> list[Constraint]:
    """Constraints on words and letters that the finished text satisfies."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    there = sorted(set(words) & {*NOUNS, *ADJECTIVES})
    absent = [word for word in (*NOUNS, *ADJECTIVES, *SUBJECTS) if word not in text.lower()]
    room, word = draw.randint(0, 8), draw.choice(there)
    letter = draw.choice("aeiorst")
    constraints: list[Constraint] = [
        {"kind": "keywords", "words": draw.sample(there, min(len(there), draw.randint(1, 3)))},
        {"kind": "forbidden", "words": draw.sample(absent, draw.randint(1, 3))},
        {"kind": "frequency", "word": word, "least": words.count(word), "most": words.count(word)},
        {"kind": "letter", "letter": letter, "least": max(1, text.lower().count(letter) - draw.randint(0, 4))},
        {"kind": "first_word", "word": words[0]},
        {"kind": "last_word", "word": words[-1]},
        {"kind": "without", "characters": draw.choice((",", ";", "!", "?"))},
    ]
    if "p.s." not in text.lower():  # which counts as one word or two
        constraints.append(
            {"kind": "words", "least": max(1, len(words) - room), "most": len(words) + draw.randint(0, 8)}
        )
    return constraints


# ---- what a constraint says, and how a text violates it


def _in_words(constraint: Constraint) -> str:
    """A constraint in words."""
    listed = ", ".join(f'"{word}"' for word in constraint.get("words", ()))
    least, most = constraint.get("least", 0), constraint.get("most", 0)
    number = NUMBERS[least] if least < len(NUMBERS) else str(least)
    more = "s" if least != 1 else ""
    texts = {
        "words": f"It has {least} to {most} words.",
        "sentences": f"It has exactly {number} sentence{more}.",
        "paragraphs": f"It has exactly {number} paragraph{more}, with an empty line between paragraphs.",
        "bullets": f"It has exactly {number} bullet{more}, lines that begin with a hyphen and a space.",
        "numbered": f"It has a numbered list: lines that begin with 1. and so on up to {constraint.get('count')}., and no others.",
        "sections": f'It has {constraint.get("count")} sections; the line "Section 1" begins the first, and so on.',
        "keywords": f"It has each of the words {listed}.",
        "forbidden": f"It has none of the words {listed}, not even inside another word.",
        "frequency": f'It has the word "{constraint.get("word")}" exactly {number} time{more}.',
        "letter": f'It has the letter "{constraint.get("letter")}" at least {number} time{more}.',
        "first_word": f'Its first word is "{constraint.get("word")}".',
        "last_word": f'Its last word is "{constraint.get("word")}".',
        "paragraph_first_word": f'The first word of paragraph {constraint.get("paragraph")} is "{constraint.get("word")}".',
        "ends_with": f'It ends with exactly this: "{constraint.get("phrase")}" (without the quotation marks)',
        "without": f"It has no character {constraint.get('characters')!r}.",
        "uppercase": "It is all in capital letters.",
        "lowercase": "It has no capital letters.",
        "capital_words": f"It has at least {number} words all in capitals, of two letters or more.",
        "title": "It has a title in double angular brackets, such as <<a title>>.",
        "postscript": 'It has a postscript at the end that begins with "P.S."',
        "placeholders": f"It has at least {number} different placeholders in square brackets, such as [date].",
        "highlights": f"It has at least {number} different passage{more} between asterisks, such as *this*.",
        "quoted": "All of it stands in double quotation marks.",
    }
    return texts[constraint["kind"]]


def _without_word(text: str, word: str) -> str:
    return re.sub(rf"\b{word}\b", "thing", text, flags=re.IGNORECASE)


def _at_paragraph(text: str, constraint: Constraint) -> str:
    blocks = text.split("\n\n")
    index = constraint["paragraph"] - 1
    blocks[index] = "Well " + blocks[index]
    return "\n\n".join(blocks)


VIOLATE: dict[str, Callable[[str, Constraint], str]] = {
    "words": lambda text, constraint: text + " so" * (constraint["most"] + 1),
    "sentences": lambda text, constraint: text + " It is so.",
    "paragraphs": lambda text, constraint: text + "\n\nIt is so.",
    "bullets": lambda text, constraint: text + "\n- It is so.",
    "numbered": lambda text, constraint: text + f"\n{constraint['count'] + 1}. It is so.",
    "sections": lambda text, constraint: text + f"\n\nSection {constraint['count'] + 1}\nIt is so.",
    "keywords": lambda text, constraint: _without_word(text, constraint["words"][0]),
    "forbidden": lambda text, constraint: f"{text} {constraint['words'][0]}s",
    "frequency": lambda text, constraint: f"{constraint['word']} {text}",
    "letter": lambda text, constraint: re.sub(constraint["letter"], "", text, flags=re.IGNORECASE),
    "first_word": lambda text, constraint: "Well " + text,
    "last_word": lambda text, constraint: text + " So.",
    "paragraph_first_word": _at_paragraph,
    "ends_with": lambda text, constraint: text + " So it is.",
    "without": lambda text, constraint: text.replace(" ", f"{constraint['characters']} ", 1),
    "uppercase": lambda text, constraint: text + " so",
    "lowercase": lambda text, constraint: text + " So",
    "capital_words": lambda text, constraint: text.lower(),
    "title": lambda text, constraint: text.replace("<<", "<"),
    "postscript": lambda text, constraint: text.replace("P.S.", "And"),
    "placeholders": lambda text, constraint: text.replace("[", "("),
    "highlights": lambda text, constraint: text.replace("*", ""),
    "quoted": lambda text, constraint: text[:-1],
}
