"""A pack as a taskset of PrimeIntellect's `verifiers` (0.4 and later, `verifiers.v1`), with its rubric: the pack's reward.

    import rlvr

    class Gsm8k(rlvr.as_prime_taskset("gsm8k")):
        "Tasksets are found by module: put this into one, as that package's documentation says."

That package's folder is called `verifiers`, as ours is in a checkout: keep the checkout's root off `sys.path`.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from rlvr.errors import PrerequisiteError, VerifierError
from rlvr.tasks.interop.rows import pack_of, to_example, to_rows
from rlvr.tasks.pack import Pack
from rlvr.tasks.prompt import gold_completion
from rlvr.verifiers.engine.engine import Engine, shared_engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict


def as_prime_taskset(
    pack: Pack | str,
    split: str = "train",
    *,
    shots: int | None = None,
    hub_mirror: str | None = None,
    engine: Engine | None = None,
) -> type[Any]:
    """A Taskset class whose tasks are the pack's examples and whose one reward is what the pack pays.

    A masked verdict raises VerifierError, so that the reward stays unscored and the trace holds the reason. `validate`
    says whether the verifier accepts the gold answer. Raises PrerequisiteError without the package, ConfigError for what is
    wrong with the pack.
    """
    try:
        import verifiers.v1 as vf
    except ImportError as error:
        raise PrerequisiteError(
            f"PrimeIntellect's package 'verifiers' can't be used ({error}): pip install 'verifiers>=0.4'"
        ) from None
    loaded = pack_of(pack)

    async def decide(example: Example, completion: Completion) -> Verdict:
        return await asyncio.wrap_future(loaded.submit(engine or shared_engine(), example, completion))

    class Data(vf.TaskData):  # type: ignore[misc]
        row: dict[str, Any]

    class Task(vf.Task[Data]):  # type: ignore[misc]
        @vf.reward  # type: ignore[untyped-decorator]
        async def verdict(self, trace: Any) -> float:
            completion = Completion(trace.last_reply, finish_reason="length" if trace.is_truncated else "stop")
            example = to_example(self.data.row)
            verdict = await decide(example, completion)
            value = loaded.reward(example, completion, verdict).value
            if value is None:
                raise VerifierError(f"{verdict.status}: {verdict.reason}")
            trace.record_metrics({f"verdict/{status}": float(verdict.status is status) for status in Status})
            return value

        async def validate(self, runtime: Any) -> bool | None:
            example = to_example(self.data.row)
            gold = gold_completion(loaded, example)
            return None if gold is None else (await decide(example, gold)).status is Status.CORRECT

    class Taskset(vf.Taskset[Task]):  # type: ignore[misc]
        def load(self) -> Iterator[Task]:
            for row in to_rows(loaded, split, shots, hub_mirror):
                system, *rest = row.pop("prompt")
                prompt = rest if system["role"] == "system" else [system, *rest]
                yield Task(
                    Data(
                        id=row["id"],
                        prompt=prompt[0]["content"] if len(prompt) == 1 else prompt,
                        system_prompt=system["content"] if system["role"] == "system" else None,
                        row=row,
                    ),
                    self.config.task,
                )

    return Taskset
