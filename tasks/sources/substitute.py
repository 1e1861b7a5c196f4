"""Generated rows that replace a data set if neither the hub nor a mirror answers: [data.substitute]. A run records it."""

import warnings

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.tasks.pack import Pack
from rlvr.tasks.sources.hub import MIRROR_VARIABLE
from rlvr.tasks.sources.rows import Origin, Rows, of_split


def substitute_rows(pack: Pack, split: str, reason: str) -> tuple[Rows, Origin]:
    """The rows of reasoning-gym's generator; `reason` says why the data itself isn't used.

    Each split has seeds of its own, and no question of an earlier split. Raises PrerequisiteError if the pack has no
    substitute or reasoning-gym is missing, ConfigError if the generator refuses the pack's options.
    """
    hub, substitute = of_split(pack, split, pack.task.data.hub_splits).hub, pack.task.data.substitute
    if substitute is None:
        raise PrerequisiteError(
            f"{hub} can't be loaded: {reason}; or point --hub-mirror (or {MIRROR_VARIABLE}) at a copy of it"
        )
    of_split(pack, split, substitute.sizes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # in a dependency of reasoning-gym
            import reasoning_gym
    except ImportError:
        raise PrerequisiteError(
            f"the pack's substitute needs reasoning-gym: pip install 'rlvr[data]' ({hub} can't be loaded)"
        ) from None
    earlier: set[str] = set()  # questions of the splits before this one
    for number, (name, size) in enumerate(substitute.sizes.items(), 1):
        seed = substitute.seed + 1_000_000 * number
        try:
            rows = list(reasoning_gym.create_dataset(substitute.dataset, size=size, seed=seed, **substitute.options))
        except (ValueError, TypeError, AssertionError) as error:
            raise ConfigError(f"{pack.folder / 'task.toml'}: data.substitute: {error}") from error
        if name == split:
            break
        earlier |= {row["question"] for row in rows}
    kept = [
        {"question": row["question"], "gold": row["answer"], "category": substitute.dataset}
        for row in rows
        if row["question"] not in earlier
    ]
    return kept, {
        "source": "substitute", "dataset": f"reasoning_gym:{substitute.dataset}",
        "seed": substitute.seed, "instead_of": hub, "because": reason,
    }  # fmt: skip
