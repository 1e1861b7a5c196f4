"""`instructions`: a right and a wrong text for every kind, attacks, languages, constraints that are wrong themselves."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.errors import VerifierError
from rlvr.verifiers.audit.cases import Label, shipped_cases
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.symbolic.instructions.kinds import KINDS, Text
from rlvr.verifiers.symbolic.instructions.language import LANGUAGES, detect
from rlvr.verifiers.symbolic.instructions.verifier import instructions
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U = Status.CORRECT, Status.INCORRECT, Status.UNPARSED
CASES = shipped_cases(instructions)


def verify(text: str, *constraints: dict[str, Any], question: str = "") -> Verdict:
    example = Example("", question, "", metadata={"constraints": list(constraints)})
    verdict: Verdict = instructions(example, Completion(text))
    return verdict


def test_there_are_attacks_enough_and_every_kind_has_both() -> None:
    assert sum(case.label is Label.WRONG for case in CASES) >= 15
    for label in (Label.RIGHT, Label.WRONG):
        seen = {c["kind"] for case in CASES if case.label is label for c in case.example.metadata["constraints"]}
        assert seen == set(KINDS)


@pytest.mark.parametrize(
    ("text", "words", "sentences"),
    [
        ("One two three.", 3, 1),
        ("Don't stop. Well-made things last!", 5, 2),
        ("Dr. Ada met Mr. Bell. They spoke.", 7, 2),
        ("It costs 3.50 now. Really?", 6, 2),
        ('"Go!" he said. "Now."', 4, 3),
        ("- one\n- two\n- three", 3, 3),
        ("No end", 2, 1),
        ("...", 0, 0),
        ("Était-ce l’été ? Oui.", 3, 2),
        ("今日は晴れ。明日は雨。", 2, 2),
    ],
)
def test_words_and_sentences(text: str, words: int, sentences: int) -> None:
    piece = Text(text)
    assert (len(piece.words), len(piece.sentences)) == (words, sentences)


def test_parts_name_each_constraint() -> None:
    verdict = verify("one two", {"kind": "words", "least": 2}, {"kind": "words", "most": 1}, {"kind": "lowercase"})
    assert verdict.status is X
    assert verdict.parts == {"words": 1.0, "words_2": 0.0, "lowercase": 1.0}
    assert verdict.reason == "words: 2 words, more than 1"


def test_the_prompt_is_the_question_by_default() -> None:
    assert verify("Say it. Said.", {"kind": "repeat_prompt"}, question="Say it.").status is C
    assert verify("Said.", {"kind": "repeat_prompt"}, question="Say it.").status is X


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "The quick brown fox jumps over the lazy dog and runs into the forest."),
        ("de", "Der schnelle braune Fuchs springt über den faulen Hund und läuft in den Wald."),
        ("fr", "Le renard brun saute par-dessus le chien paresseux et il court dans la forêt."),
        ("es", "El zorro marrón salta sobre el perro perezoso y corre por el bosque con su hermano."),
        ("it", "La volpe marrone salta sopra il cane pigro e corre nella foresta con gli amici."),
        ("pt", "A raposa marrom salta sobre o cão preguiçoso e não corre para a floresta com os amigos."),
        ("nl", "De snelle bruine vos springt over de luie hond en rent naar het bos."),
        ("pl", "Szybki lis nie jest leniwy, ale pies śpi w lesie i to już wszystko."),
        ("sv", "Den snabba räven hoppar över hunden och springer till skogen som är mörk."),
        ("ru", "Быстрая лиса прыгает через ленивую собаку и бежит в лес, где мы живём."),
        ("uk", "Швидка лисиця стрибає через собаку і біжить до лісу, де її дім."),
        ("el", "Η γρήγορη αλεπού πηδάει πάνω από τον σκύλο."),
        ("ja", "すばやい茶色の狐はのろまな犬を飛び越えた。"),
        ("zh", "敏捷的棕色狐狸跳过懒狗。"),
        ("ko", "빠른 갈색 여우가 게으른 개를 뛰어넘는다."),
        ("ar", "الثعلب البني السريع يقفز فوق الكلب الكسول."),
        ("he", "השועל החום המהיר קופץ מעל הכלב העצלן."),
        ("hi", "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।"),
        ("th", "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ"),
        (None, "xyz qwv brr tkk lmn"),
        (None, "12345 !!!"),
        (None, "The end."),
    ],
)
def test_languages(code: str | None, text: str) -> None:
    assert detect(text) == code
    assert code is None or code in LANGUAGES


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ([], "1 to 30"),
        ([{"kind": "rhymes"}], "known 'kind'"),
        (["words"], "known 'kind'"),
        ([{"kind": "words"}], "least or most"),
        ([{"kind": "words", "lest": 3}], "lest"),
        ([{"kind": "words", "least": "3"}], "least"),
        ([{"kind": "words", "least": -1}], "least"),
        ([{"kind": "keywords", "words": "rain"}], "words"),
        ([{"kind": "keywords", "words": []}], "empty"),
        ([{"kind": "keywords"}], "words is missing"),
        ([{"kind": "letter", "letter": "ab", "least": 1}], "one letter"),
        ([{"kind": "language", "code": "la"}], "code must be"),
    ],
)
def test_a_wrong_example_is_our_fault(constraints: list[Any], message: str) -> None:
    with pytest.raises(VerifierError, match=message):
        verify("text", *constraints)


EVERY = [c for case in CASES if case.label is Label.RIGHT for c in case.example.metadata["constraints"]][:30]


@pytest.mark.parametrize(
    "text",
    ["[" + "a" * 45_000, "<<" * 20_000, "*a " * 15_000, "\n" * 45_000 + "x", " " * 45_000 + "x", "a. " * 15_000,
     "P.S.\n" * 9_000, '{"a":' * 9_000, "Section 1\n" * 4_000, "é\u0301" * 20_000, "аb" * 20_000, "[[" * 20_000],
    ids=range(12),
)  # fmt: skip
def test_long_texts_are_decided_in_time(text: str) -> None:
    example = Example("", "Say it.", "", metadata={"constraints": EVERY})
    assert shared_engine().verify(instructions, example, Completion(text)).status in (X, U)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_every_kind_is_total(text: str) -> None:
    assert verify(text, *EVERY).status in (C, X, U)
    assert verify(text, {"kind": "words", "least": 0}).status is (C if verify(text, *EVERY).status is not U else U)
