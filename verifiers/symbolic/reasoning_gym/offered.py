"""Which of reasoning-gym's generators are offered, and who judges their answers.

`ours`: a comparison of judges.py. `library`: reasoning-gym's own judge, where a problem has many solutions and its judge
checks them; the source of each was read, and is pinned by its digest, so that another version is not trusted silently.
No judge that executes an answer is among them.
"""

from dataclasses import dataclass

VERSION = "0.1.25"  # what this table was made for


@dataclass(frozen=True)
class Rule:
    """How answers are judged: the name of a comparison, or a pattern that an answer must match before the library's judge.

    `gold` names the field of the entry's metadata that holds a solution where the generator gives no answer.
    """

    compare: str = ""
    pattern: str = ""
    digest: str = ""  # of the source of the library's judge
    gold: str = ""
    note: str = ""

    @property
    def by_library(self) -> bool:
        return bool(self.pattern)


def _all(compare: str, names: str, note: str = "") -> dict[str, Rule]:
    return {name: Rule(compare, note=note) for name in names.split()}


_COLOUR = r'"?[0-9]{1,3}"?: ?[0-9]{1,2}'
_POUR = r'"(?:fill [A-Z]|empty [A-Z]|pour [A-Z]->[A-Z])"'
_KNIGHT = r'"[wB],[A-Z][0-9],[A-Z][0-9]"'
_DISK = r"Move disk \d{1,2} from Peg \d{1,2} to Peg \d{1,2}"
OFFERED: dict[str, Rule] = {
    **_all("text", "ab bf caesar_cipher emoji_mystery modulo_grid string_insertion string_manipulation word_sequence_reversal "
                   "spell_backward"),
    **_all("text", "letter_jumble sentence_reordering", "only one stored order counts, though others may make sense too"),
    **_all("word", "acre calendar_arithmetic color_cube_rotation course_schedule family_relationships figlet_font "
                   "game_of_life_halting isomorphic_strings mahjong_puzzle needle_haystack ransom_note syllogism tsumego "
                   "zebra_puzzles circuit_logic"),
    **_all("number", "aiw basic_arithmetic binary_alternation chain_sum count_bits count_primes "
                     "decimal_arithmetic decimal_chain_sum gcd gsm_symbolic largest_island lcm leg_counting letter_counting "
                     "maze number_sequence products rectangle_count rotten_oranges self_reference simple_equations "
                     "simple_geometry"),
    **_all("word", "base_conversion bitwise_arithmetic"),
    **_all("grid", "arc_1d arc_agi binary_matrix manipulate_matrix path_star pool_matrix rearc rotate_matrix spiral_matrix "
                   "string_splitting string_synthesis"),
    **_all("json", "game_of_life list_functions"),
    **_all("strings", "number_filtering number_sorting"),
    **_all("groups", "group_anagrams palindrome_partitioning"),
    "word_sorting": Rule("items"),
    "knights_knaves": Rule("clauses"),
    "advanced_geometry": Rule("numbers"),
    "complex_arithmetic": Rule("complex"),
    "fraction_simplification": Rule("fraction"),
    "dice": Rule("fraction"),
    "prime_factorization": Rule("factors"),
    "time_intervals": Rule("duration"),
    "coin_flip": Rule("probability"),
    "power_function": Rule("significant"),
    "number_format": Rule("near"),
    "polynomial_equations": Rule("roots"),
    "sudoku": Rule("sudoku"),
    "mini_sudoku": Rule("sudoku"),
    "futoshiki": Rule("text"),
    "survo": Rule("survo"),
    "n_queens": Rule("queens"),
    "countdown": Rule("countdown"),
    "puzzle24": Rule("countdown"),
    "simple_integration": Rule("antiderivative", note="by the verifier `calculus`"),
    "intermediate_integration": Rule(
        "antiderivative", note="by `calculus`; questions whose stored answer is unevaluated are left out"
    ),
    "polynomial_multiplication": Rule("polynomial", note="by the verifier `calculus`"),
    "cryptarithm": Rule(pattern=r"[A-Z]=[0-9](?:, ?[A-Z]=[0-9]){0,9}+", digest="9dfd7012e4fda20c"),
    "graph_color": Rule(pattern=rf"\{{{_COLOUR}(?:,\s?{_COLOUR}){{0,200}}+\}}", digest="b89db0e352de50fe",
                        gold="possible_answer"),
    "jugs": Rule(pattern=rf"\[{_POUR}(?:,\s?{_POUR}){{0,300}}+\]", digest="9a14c33afbb2fcf0"),
    "kakurasu": Rule(pattern=r"[01](?:[ \n][01]){3,400}+", digest="32952922a3c863ba"),
    "knight_swap": Rule(pattern=rf"No|\[{_KNIGHT}(?:,\s?{_KNIGHT}){{0,300}}+\]", digest="a9de444d885125e0"),
    "palindrome_generation": Rule(pattern=r"[a-z]{1,200}", digest="6823b3787d901f01"),
    "quantum_lock": Rule(pattern=r"[A-C](?: ?(?:→|->|,) ?[A-C]){0,200}+", digest="2f96d165fe0a33fb"),
    "rubiks_cube": Rule(pattern=r"[FBLRUD]'?(?: [FBLRUD]'?){0,500}+", digest="6e218e556f694050",
                        gold="example_correct_answer"),
    "shortest_path": Rule(pattern=r"infeasible|(?:up|down|left|right)(?: (?:up|down|left|right)){0,1000}+",
                          digest="40756d552a64f6c7"),
    "sokoban": Rule(pattern=r"[LRUD]{1,1000}", digest="19bdaa006e58627d"),
    "tower_of_hanoi": Rule(pattern=rf"{_DISK}(?:\n{_DISK}){{0,3000}}+", digest="6a983d45cd5ef3a6"),
    "word_ladder": Rule(pattern=r"[A-Z]{2,12}(?:, ?[A-Z]{2,12}){1,100}+", digest="8a82e0dee96401a0"),
}  # fmt: skip

REFUSED: dict[str, str] = {
    "boxnet": "it gives no solution, and its scorer pays for moves that don't finish",
    "codeio": "it runs the programs of its questions, outside any sandbox, to make its answers",
    "composite": "a mixture of other generators: use those",
    "propositional_logic": "its scorer pays for a premise that is repeated",
    "rush_hour": "it gives no solution to check its scorer by",
}
