"""Scheduling: tasks with durations, precedence, release times, deadlines and resources of bounded capacity.

    tasks      {"A": {"duration": 3, "after": ["B"], "uses": {"crane": 1}, "release": 0, "deadline": 20}}
    resources  {"crane": 1}: how much of each may be in use at one time
    makespan   the latest end that is allowed; or optimal: true, if no schedule may end earlier

The answer gives each task its start, a whole number from 0 on: `A = 3, B = 0`.
"""

import re
from collections.abc import Mapping
from typing import Any

from rlvr.verifiers.symbolic.constraints import smt
from rlvr.verifiers.symbolic.constraints.tasks import ScheduledTask
from rlvr.verifiers.symbolic.fields import Unreadable, compare_names, fail, field, pairs, whole

MAX_TASKS = 200
MAX_OPTIMAL = 15  # tasks, if the shortest schedule is asked for
MAX_TIME = 10**9


def schedule(metadata: Mapping[str, Any], answer: str) -> str:
    """The broken constraint, or "". Raises Unreadable, TooExpensive, and VerifierError for the problem."""
    tasks, capacity = _problem(metadata)
    latest = whole(metadata.get("makespan", MAX_TIME), "field 'makespan'", 0, MAX_TIME)
    optimal = field(metadata, "optimal", bool, False)
    starts = {}
    for name, value in pairs(answer, len(tasks)).items():
        if not re.fullmatch(r"[0-9]{1,9}", value.rstrip(".")):
            raise Unreadable(f"{name} starts at {value!r:.40}, which is not a whole number from 0 on")
        starts[name] = int(value.rstrip("."))
    problem = compare_names(starts, tasks, "task") or _broken(tasks, capacity, starts)
    if problem:
        return problem
    end = max(starts[name] + task.duration for name, task in tasks.items())
    if end > latest:
        return f"it ends at {end}, later than {latest}"
    if optimal:
        if len(tasks) > MAX_OPTIMAL:
            fail(f"'optimal' needs at most {MAX_OPTIMAL} tasks, not {len(tasks)}")
        if smt.ends_before(tasks, capacity, end):
            return f"it ends at {end}, and another schedule ends earlier"
    return ""


def _broken(tasks: Mapping[str, ScheduledTask], capacity: Mapping[str, int], starts: Mapping[str, int]) -> str:
    for name, task in tasks.items():
        if starts[name] < task.release:
            return f"{name} starts at {starts[name]}, before its release at {task.release}"
        if starts[name] + task.duration > task.deadline:
            return f"{name} ends at {starts[name] + task.duration}, after its deadline at {task.deadline}"
        for before in task.after:
            if starts[name] < starts[before] + tasks[before].duration:
                return f"{name} starts before {before} has ended"
    for resource, most in capacity.items():
        for name, task in tasks.items():  # use rises only when a task starts
            if task.uses.get(resource) and task.duration:
                now = [n for n, t in tasks.items() if starts[n] <= starts[name] < starts[n] + t.duration]
                used = sum(tasks[n].uses.get(resource, 0) for n in now)
                if used > most:
                    return f"at {starts[name]}, {used} of {resource} are in use, and there are {most}"
    return ""


def _problem(metadata: Mapping[str, Any]) -> tuple[dict[str, ScheduledTask], dict[str, int]]:
    given = field(metadata, "tasks", dict)
    capacity = {
        str(name): whole(most, f"the capacity of {name}", 0, MAX_TIME)
        for name, most in field(metadata, "resources", dict, {}).items()
    }
    if not 1 <= len(given) <= MAX_TASKS:
        fail(f"field 'tasks' must have 1 to {MAX_TASKS} tasks, not {len(given)}")
    tasks = {}
    for name, row in given.items():
        if not isinstance(row, dict):
            fail(f"task {name} must be an object, not {row!r:.80}")
        after, uses = field(row, "after", list, []), field(row, "uses", dict, {})
        if unknown := [other for other in after if other not in given] + [r for r in uses if r not in capacity]:
            fail(f"task {name} names {unknown[0]!r:.40}, which is not a task or resource")
        tasks[name] = ScheduledTask(
            whole(row.get("duration"), f"the duration of {name}", 0, MAX_TIME),
            after,
            {r: whole(amount, f"what {name} uses of {r}", 0, MAX_TIME) for r, amount in uses.items()},
            whole(row.get("release", 0), f"the release of {name}", 0, MAX_TIME),
            whole(row.get("deadline", 2 * MAX_TIME), f"the deadline of {name}", 0, 2 * MAX_TIME),
        )
    return tasks, capacity
