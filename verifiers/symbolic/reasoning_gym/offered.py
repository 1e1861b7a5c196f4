"""Which of reasoning-gym's generators are offered, and how their answers are scored.

By a comparison of scorers.py; or, for problems with many solutions, by reasoning-gym's own scorer if it checks them. The
source of each such scorer was read, and its digest is pinned, so that another version isn't trusted silently. None of them
executes an answer.
"""

from dataclasses import dataclass

VERSION = "0.1.25"  # of reasoning-gym, which this table describes


@dataclass(frozen=True, slots=True)
class ScoringRule:
    """How answers are scored: the name of a comparison, or a pattern that they must match before the library scores them.

    `gold` names the field of the entry's metadata that holds a solution, if the generator gives no answer.
    """

    compare: str = ""
    pattern: str = ""
    digest: str = ""  # of the source of the library's scorer
    gold: str = ""
    note: str = ""

    @property
    def by_library(self) -> bool:
        """Whether reasoning-gym's own scorer decides."""
        return bool(self.pattern)


def _all(compare: str, names: str, note: str = "") -> dict[str, ScoringRule]:
    return {name: ScoringRule(compare, note=note) for name in names.split()}


_COLOR = r'"?[0-9]{1,3}"?: ?[0-9]{1,2}'
_POUR = r'"(?:fill [A-Z]|empty [A-Z]|pour [A-Z]->[A-Z])"'
_KNIGHT = r'"[wB],[A-Z][0-9],[A-Z][0-9]"'
_DISK = r"Move disk \d{1,2} from Peg \d{1,2} to Peg \d{1,2}"
OFFERED: dict[str, ScoringRule] = {
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
    "word_sorting": ScoringRule("items"),
    "knights_knaves": ScoringRule("clauses"),
    "advanced_geometry": ScoringRule("numbers"),
    "complex_arithmetic": ScoringRule("complex"),
    "fraction_simplification": ScoringRule("fraction"),
    "dice": ScoringRule("fraction"),
    "prime_factorization": ScoringRule("factors"),
    "time_intervals": ScoringRule("duration"),
    "coin_flip": ScoringRule("probability"),
    "power_function": ScoringRule("significant"),
    "number_format": ScoringRule("near"),
    "polynomial_equations": ScoringRule("roots"),
    "sudoku": ScoringRule("sudoku"),
    "mini_sudoku": ScoringRule("sudoku"),
    "futoshiki": ScoringRule("text"),
    "survo": ScoringRule("survo"),
    "n_queens": ScoringRule("queens"),
    "countdown": ScoringRule("countdown"),
    "puzzle24": ScoringRule("countdown"),
    "simple_integration": ScoringRule("antiderivative", note="by the verifier `calculus`"),
    "intermediate_integration": ScoringRule(
        "antiderivative", note="by `calculus`; questions whose stored answer is unevaluated are left out"
    ),
    "polynomial_multiplication": ScoringRule("polynomial", note="by the verifier `calculus`"),
    "cryptarithm": ScoringRule(pattern=r"[A-Z]=[0-9](?:, ?[A-Z]=[0-9]){0,9}+", digest="9dfd7012e4fda20c"),
    "graph_color": ScoringRule(pattern=rf"\{{{_COLOR}(?:,\s?{_COLOR}){{0,200}}+\}}", digest="b89db0e352de50fe",
                        gold="possible_answer"),
    "jugs": ScoringRule(pattern=rf"\[{_POUR}(?:,\s?{_POUR}){{0,300}}+\]", digest="9a14c33afbb2fcf0"),
    "kakurasu": ScoringRule(pattern=r"[01](?:[ \n][01]){3,400}+", digest="32952922a3c863ba"),
    "knight_swap": ScoringRule(pattern=rf"No|\[{_KNIGHT}(?:,\s?{_KNIGHT}){{0,300}}+\]", digest="a9de444d885125e0"),
    "palindrome_generation": ScoringRule(pattern=r"[a-z]{1,200}", digest="6823b3787d901f01"),
    "quantum_lock": ScoringRule(pattern=r"[A-C](?: ?(?:→|->|,) ?[A-C]){0,200}+", digest="2f96d165fe0a33fb"),
    "rubiks_cube": ScoringRule(pattern=r"[FBLRUD]'?(?: [FBLRUD]'?){0,500}+", digest="6e218e556f694050",
                        gold="example_correct_answer"),
    "shortest_path": ScoringRule(pattern=r"infeasible|(?:up|down|left|right)(?: (?:up|down|left|right)){0,1000}+",
                          digest="40756d552a64f6c7"),
    "sokoban": ScoringRule(pattern=r"[LRUD]{1,1000}", digest="19bdaa006e58627d"),
    "tower_of_hanoi": ScoringRule(pattern=rf"{_DISK}(?:\n{_DISK}){{0,3000}}+", digest="6a983d45cd5ef3a6"),
    "word_ladder": ScoringRule(pattern=r"[A-Z]{2,12}(?:, ?[A-Z]{2,12}){1,100}+", digest="8a82e0dee96401a0"),
}  # fmt: skip

REFUSED: dict[str, str] = {
    "boxnet": "it gives no solution, and its scorer pays for moves that don't finish",
    "codeio": "it runs the programs of its questions, outside any sandbox, to make its answers",
    "composite": "a mixture of other generators: use those",
    "propositional_logic": "its scorer pays for a premise that is repeated",
    "rush_hour": "it gives no solution to check its scorer by",
}
