"""`rlvr sandbox`: the image, what runs, how fast it is, leftovers, and whether isolation holds on this machine."""

import asyncio
import dataclasses
import json
import time
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from rich.markup import escape
from rich.table import Table

from rlvr.errors import ConfigError, ExitCode, PrerequisiteError, SandboxError
from rlvr.runner.display.terminal_view import View

app = App(
    name="sandbox", help="Sandboxes: build the image, see what runs, measure, clean up, check that isolation holds."
)
Json = Annotated[bool, Parameter(name="--json", negative="")]
Provider = Literal["auto", "docker", "bubblewrap"]
PROGRAM = "def total(xs):\n    return sum(xs)\n"


@app.command
def build(*, packages: tuple[str, ...] = (), force: bool = False, json_: Json = False) -> int:
    """Build the sandbox's image and file system, so that the first run needn't.

    Parameters
    ----------
    packages
        Packages from PyPI that programs may import.
    force
        Build the image again even if it exists.
    json_
        Print the result as one JSON object on stdout.
    """
    from rlvr.sandboxes import docker_client, image, rootfs

    view, start = View(), time.perf_counter()
    built: dict[str, Any] = {"key": rootfs.key(packages), "folder": None, "image": None, "origin": None}
    with view.console.status("building the file system"):
        built["folder"] = str(rootfs.build(packages))
    if docker_client.answers():
        with view.console.status("building the image"):
            client = docker_client.connect()
            built["image"] = image.ensure(client, packages, force=force)
            built["origin"] = image.origin(client, built["image"])
    built["seconds"] = round(time.perf_counter() - start, 3)
    view.console.print(f"file system for bubblewrap: {built['folder']}")
    origin = f", made from {escape(str(built['origin']))}" if built["image"] else ""
    view.console.print(f"image for docker: {built['image'] or 'no engine answers'}{origin}")
    return _out(built, json_)


@app.command
def status(*, json_: Json = False) -> int:
    """Say which providers work here, and which containers of rlvr run.

    Parameters
    ----------
    json_
        Print the result as one JSON object on stdout.
    """
    from rlvr.sandboxes import auto, bubblewrap, container, docker_client, image

    status: dict[str, Any] = {"auto": None, "docker": "", "bubblewrap": "", "image": None, "containers": []}
    try:
        client = docker_client.connect()
        status["docker"] = f"engine {client.version()['Version']}"
        status["image"] = image.tag() if any(image.tag() in stored.tags for stored in client.images.list()) else None
        status["containers"] = [dataclasses.asdict(each) for each in container.listed(client)]
    except (PrerequisiteError, ConfigError, SandboxError) as error:
        status["docker"] = str(error)
    try:
        status["bubblewrap"] = str(bubblewrap.find())
    except PrerequisiteError as error:
        status["bubblewrap"] = str(error)
    try:
        status["auto"] = auto.choose()
    except PrerequisiteError as error:
        status["auto"] = str(error)
    view = View()
    for key in ("auto", "docker", "bubblewrap"):
        view.console.print(f"{key}: {escape(str(status[key]))}")
    view.console.print(f"image: {status['image'] or 'not built yet: rlvr sandbox build'}")
    table = Table(title="containers", title_justify="left")
    for column in ("name", "state", "owner", "image"):
        table.add_column(column)
    for listed in status["containers"]:
        table.add_row(*(str(listed[column]) for column in ("name", "state", "owner", "image")))
    view.console.print(table)
    return _out(status, json_)


@app.command
def bench(*, sandbox: Provider = "auto", seconds: float = 3.0, workers: int = 0, json_: Json = False) -> int:
    """Measure a program with four tests: alone, and as many as go through.

    Parameters
    ----------
    sandbox
        The provider.
    seconds
        How long to measure each.
    workers
        Programs at a time (default: one for each processor).
    json_
        Print the result as one JSON object on stdout.
    """
    _require_positive(seconds, workers)
    figures = asyncio.run(_bench(sandbox, seconds, workers or None))
    view = View()
    table = Table(title=f"sandbox {figures['sandbox']}, {figures['workers']} at a time", title_justify="left")
    for column in ("", "value"):
        table.add_column(column, justify="left" if not column else "right")
    for key, value in figures.items():
        if key not in ("sandbox", "workers"):
            shown = f"{value:.2f}" if isinstance(value, float) else "yes" if value else "no"
            table.add_row(key.replace("_", " "), shown)
    view.console.print(table)
    return _out(figures, json_)


def _require_positive(seconds: float, workers: int) -> None:
    if seconds <= 0 or workers < 0:
        raise ConfigError("expected a positive number of seconds, and no negative number of workers")


async def _bench(name: str, seconds: float, workers: int | None) -> dict[str, Any]:
    from rlvr.sandboxes import Call, calls_job, make

    jobs = [calls_job([Call("total", ([i, 2, 3],))]) for i in range(4)]
    async with make(name, workers=workers) as sandbox:
        start = time.perf_counter()
        await sandbox.ready()
        ready = time.perf_counter() - start
        alone: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or not alone:
            start = time.perf_counter()
            await sandbox.run_jobs(PROGRAM, jobs)
            alone.append(1000 * (time.perf_counter() - start))
        count, start = 0, time.perf_counter()
        end = start + seconds

        async def work() -> None:
            nonlocal count
            while time.perf_counter() < end:
                await sandbox.run_jobs(PROGRAM, jobs)
                count += 1

        await asyncio.gather(*(work() for _ in range(2 * sandbox.workers)))
        elapsed = time.perf_counter() - start
        hits = []
        for _ in range(50):
            start = time.perf_counter()
            async with sandbox.slot() as slot:
                hits.append(1000 * (time.perf_counter() - start))
        alone.sort()
        hits.sort()
        return {
            "sandbox": sandbox.name,
            "workers": sandbox.workers,
            "ready_s": ready,
            "four_tests_median_ms": alone[len(alone) // 2],
            "four_tests_p95_ms": alone[int(len(alone) * 0.95)],
            "programs_per_second": count / elapsed,
            "tests_per_second": 4 * count / elapsed,
            "pool_hit_median_ms": hits[25],
            "counts_denied_calls": slot.counts_denied,
        }


@app.command
def clean(*, every: Annotated[bool, Parameter(name="--all", negative="")] = False, json_: Json = False) -> int:
    """Remove containers that dead processes left. Those of running ones stay.

    Parameters
    ----------
    every
        Remove all containers of rlvr's, also those in use, and its images and file systems.
    json_
        Print the result as one JSON object on stdout.
    """
    import contextlib
    import shutil

    from rlvr.sandboxes import container, docker_client, image, rootfs

    client = docker_client.connect()
    removed = {"containers": container.sweep(client, every), "images": [], "folders": []}
    if every:
        for built_image in client.images.list(image.REPOSITORY):
            with contextlib.suppress(Exception):  # in use by a container that came meanwhile
                client.images.remove(built_image.id, force=True)
                removed["images"] += built_image.tags
        for folder in rootfs.cache().glob("*"):
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
                removed["folders"].append(str(folder))
    View().console.print(f"removed: {', '.join(f'{len(names)} {kind}' for kind, names in removed.items())}")
    return _out(removed, json_)


@app.command
def doctor(*, sandbox: Provider = "auto", json_: Json = False) -> int:
    """Try to break out of the sandbox on this machine, in each known way. Exits with 1 if anything gets through.

    Parameters
    ----------
    sandbox
        The provider.
    json_
        Print the result as one JSON object on stdout.
    """
    view = View()
    with view.console.status("trying to break out"):
        name, findings = asyncio.run(_doctor(sandbox))
    table = Table(title=f"sandbox {name}", title_justify="left")
    for column in ("", "probe", "what must hold", "found"):
        table.add_column(column)
    for finding in findings:
        mark = "[green]held[/]" if finding["held"] else "[red]BREACH[/]"
        table.add_row(mark, str(finding["probe"]), str(finding["what"]), escape(str(finding["detail"])))
    view.console.print(table)
    ok = all(finding["held"] for finding in findings)
    _out({"sandbox": name, "ok": ok, "probes": findings}, json_)
    return ExitCode.OK if ok else ExitCode.FAILED


async def _doctor(name: str) -> tuple[str, list[dict[str, Any]]]:
    from rlvr.sandboxes import make
    from rlvr.sandboxes.probes import PROBES, run_probe

    async with make(name, workers=1) as sandbox:
        results = [await run_probe(sandbox, probe) for probe in PROBES]
        return sandbox.name, [
            {"probe": result.probe.name, "what": result.probe.what, "held": result.held, "detail": result.detail}
            for result in results
        ]


def _out(result: dict[str, Any], json_: bool) -> int:
    if json_:
        print(json.dumps(result))
    return ExitCode.OK
