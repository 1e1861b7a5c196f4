"""Trackers that get a run's metrics too (`report_to`), through the integrations of transformers."""

import sys
from collections.abc import Sequence

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.text import did_you_mean


def require(names: Sequence[str]) -> None:
    """Raises ConfigError for a tracker that doesn't exist, PrerequisiteError for one that isn't installed."""
    if not names:
        return
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    available = get_available_reporting_integrations()
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            raise ConfigError(
                f"report_to: unknown tracker {name!r}{did_you_mean(name, INTEGRATION_TO_CALLBACK)} "
                f"(there are: {', '.join(sorted(INTEGRATION_TO_CALLBACK))})"
            )
        if name not in available:
            raise PrerequisiteError(f"report_to: {name} is not installed: pip install {name.replace('_', '-')}")


def finish(names: Sequence[str]) -> None:
    """Let wandb print its last lines now; at the end of the process they would follow our JSON on stdout."""
    wandb = sys.modules.get("wandb")
    if "wandb" in names and wandb is not None:
        wandb.finish()


def behind(error: BaseException, names: Sequence[str]) -> str:
    """The tracker in `names` that raised `error`, as one without a login does; empty if none did."""
    module = type(error).__module__.partition(".")[0]
    return module if module in names else ""
