"""Guesses the language of a text, by its script and, for scripts of several languages, by frequent short words.

It knows the languages of `LANGUAGES`, and takes any other for one of them or for none; for a text of fewer than 5 words in
a Latin script it returns none. It is meant for whole answers in one language, not for foreign words in them.
"""

import re
import unicodedata

_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "GREEK": "el", "HEBREW": "he", "ARABIC": "ar",
    "DEVANAGARI": "hi", "THAI": "th", "CYRILLIC": "ru", "LATIN": "latin",
}  # fmt: skip
_STOP_WORDS = {
    "en": "the of and to in is that it was for on are with as his they be at have this from or had by but what were we "
    "when your can said there an each which she do how their if will up about out many then them these some",
    "de": "der die das und ist nicht ein eine ich zu den mit sich des auf für im dem von als auch es an werden aus er hat "
    "dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor",
    "fr": "le la les et est un une des du dans que qui pour pas sur au plus ce il par avec elle ne se sont je vous nous "
    "cette mais ou comme leur tout ses être fait aux même très sans deux été ont c'est",
    "es": "el la los las y es un una de del que en por para con no se su al lo como más pero sus le ya o este sí porque "
    "esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos son está ser",
    "it": "il lo la i gli le e è un una di del della che in per con non si su al dei da come più ma anche sono nel alla "
    "questo questa ha ci o quando molto tutto perché essere stato delle loro tra degli era",
    "pt": "o a os as e é um uma de do da que em para com não se por mais dos das no na como mas ao ele foi seu sua ou "
    "quando muito nos já eu também só pelo pela até isso ela entre depois sem mesmo são está",
    "nl": "de het een en is van ik te dat die in niet zijn op aan met als voor er maar om hem dan zou of wat mijn men dit "
    "zo door over ze zich bij ook tot je uit naar heb hoe heeft hebben deze want nog zal wordt",
    "pl": "i w na z do nie się jest to że o jak ale po co tak za od go już jego czy ten przez tym dla być są było oraz "
    "tylko przy może który która które jej ich sobie bardzo",
    "sv": "och att det i en jag hon som han på den med var sig för så till är men ett om hade de av icke mig du henne då "
    "sin nu har inte hans honom skulle hennes där min man ej vid kunde något från ut när efter upp vi",
}
_WORDS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
LANGUAGES = tuple(sorted({*_WORDS, *_SCRIPTS.values(), "uk"} - {"latin"}))


def detect(text: str) -> str | None:
    """The language of `text`, as a code of ISO 639-1, or None if it can't be told."""
    words = [word.lower() for word in _WORD.findall(unicodedata.normalize("NFC", text))]
    letters: dict[str, int] = {}
    for character in set("".join(words)):
        script = _script(character)
        letters[script] = letters.get(script, 0) + sum(word.count(character) for word in words)
    total = sum(letters.values())
    if not total:
        return None
    kana = letters.get("ja", 0)
    if kana and (kana + letters.get("zh", 0)) / total > 0.7:
        return "ja" if kana / total > 0.1 else "zh"
    script, count = max(letters.items(), key=lambda item: item[1])
    if count / total <= 0.7 or not script:
        return None
    if script == "ru":
        ukrainian, russian = (sum(word.count(c) for word in words for c in some) for some in ("іїєґ", "ыэъё"))
        return "uk" if ukrainian > russian else "ru"
    return _by_words(words) if script == "latin" else script


def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    return next((language for script, language in _SCRIPTS.items() if name.startswith(script)), "")


def _by_words(words: list[str]) -> str | None:
    scores = {language: sum(word in frequent for word in words) for language, frequent in _WORDS.items()}
    (best, most), (_, second) = sorted(scores.items(), key=lambda item: -item[1])[:2]
    return best if len(words) >= 5 and most >= 2 and most > second and most / len(words) > 0.12 else None
