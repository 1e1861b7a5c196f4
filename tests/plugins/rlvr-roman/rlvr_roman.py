"""A plugin for rlvr: the verifier `roman`. It is all that a plugin needs, beside the entry point in pyproject.toml."""

import rlvr

VALUES = {"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}


@rlvr.verifier("roman")
def roman(example, completion):
    """The completion is the gold number as a Roman numeral."""
    text = completion.text.strip().upper()
    if not text or set(text) - set(VALUES):
        return rlvr.Verdict.unparsed("not a Roman numeral")
    values = [VALUES[letter] for letter in text]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True)) == int(example.gold)


@rlvr.hookimpl
def register_verifiers(register):
    register(roman)
