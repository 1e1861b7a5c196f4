"""Makes the root file system of a sandbox from the running interpreter: no registry, no package manager.

It holds the interpreter, its trimmed standard library, the shared libraries that both need, the supervisor, and the
requested packages. The same content has the same key, and is made once.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rlvr.errors import ConfigError, PrerequisiteError, SandboxError
from rlvr.paths import cache_folder

INSIDE = Path(__file__).parent / "inside"
TRIMMED = re.compile(
    r"(^|/)(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|site-packages|dist-packages|config-[^/]*"
    r"|turtle\.py|_tkinter[^/]*|_test[^/]*|_ctypes_test[^/]*|xxlimited[^/]*)(/|$)|\.(a|opt-1\.pyc|opt-2\.pyc)$"
)
PYTHON = "/usr/local/bin/python3"
SUPERVISOR = "/opt/rlvr/zygote.py"
INSTALL_SECONDS = 900
PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?([=<>~!]=?[A-Za-z0-9.*,<>=!~-]+)?")


def command(first_uid: int, packages: Sequence[str] = ()) -> list[str]:
    """The command that starts the supervisor inside. `first_uid` is 0 if it can't change uid there."""
    names = [re.split(r"[\[=<>~!]", package)[0].replace("-", "_") for package in packages]
    return [PYTHON, "-I", "-B", "-X", "utf8", SUPERVISOR, str(first_uid), *names]


ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/work",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def key(packages: Sequence[str] = ()) -> str:
    """The name of the content: equal keys mean equal file systems."""
    parts = [sys.version, platform.machine(), *sorted(packages), Path(__file__).read_text()]
    parts += [file.read_text() for file in sorted(INSIDE.glob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def cache() -> Path:
    """The folder of all file systems, each in a folder named by its key."""
    return cache_folder() / "sandbox"


def build(packages: Sequence[str] = ()) -> Path:
    """The folder with the file system, which is made if it isn't there.

    Raises ConfigError for a package that can't be installed, PrerequisiteError if the interpreter's shared libraries
    can't be found, and SandboxError if the folder can't be written.
    """
    for package in packages:
        if not PACKAGE.fullmatch(package):
            raise ConfigError(f"sandbox packages: {package!r} is no package name")
    target = cache() / key(packages)
    try:
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target.parent / "lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not target.is_dir():
                    _make(target, packages)
        _open_to_all(target)  # again: a copied cache may have lost these modes, and programs would fail
    except OSError as error:
        raise SandboxError(f"can't make the sandbox's file system in {target}: {error}") from None
    return target


def _make(target: Path, packages: Sequence[str]) -> None:
    root = Path(tempfile.mkdtemp(prefix="new-", dir=target.parent))
    try:
        root.chmod(0o755)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        library = root / "usr/local" / sys.platlibdir / version
        stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix, "base": sys.base_prefix}))
        shutil.copytree(stdlib, library, ignore=_trim(stdlib), symlinks=False)
        for folder in ("usr/local/bin", "bin", "etc", "tmp", "work", "proc", "dev", "sys", "opt/rlvr", "run", "var"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "var/tmp").symlink_to("/tmp")
        (root / "etc/passwd").write_text("root:x:0:0:root:/work:/bin/false\n")
        (root / "etc/group").write_text("root:x:0:\n")
        binary = Path(sys.executable).resolve()
        shutil.copy2(binary, root / "usr/local/bin" / version)
        for name in ("python3", "python"):
            (root / "usr/local/bin" / name).symlink_to(version)
        if packages:
            install(packages, library / "site-packages")
        for name, source in _libraries([binary, *library.rglob("*.so")]):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, root / name)
        for file in INSIDE.glob("*.py"):
            shutil.copy2(file, root / "opt/rlvr")
        _open(root)
        root.rename(target)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise


def _trim(root: Path) -> Callable[[str, list[str]], list[str]]:
    def ignore(folder: str, names: list[str]) -> list[str]:
        inner = Path(folder).relative_to(root)
        return [name for name in names if TRIMMED.search(str(inner / name))]

    return ignore


def _libraries(binaries: Iterable[Path]) -> Iterable[tuple[str, Path]]:
    """(path inside, path here) of every shared library. Inside they are beside libc, where the loader looks by default."""
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    libraries = dict(re.findall(r"(\S+) => (/\S+)", done.stdout))
    loaders = set(re.findall(r"^\s+(/\S+) \(0x", done.stdout, re.MULTILINE))
    if not libraries or not loaders:
        raise PrerequisiteError(
            f"ldd doesn't list the shared libraries of {sys.executable}: {done.stderr.strip()[:200]}"
        )
    folder = next((Path(path).parent for name, path in libraries.items() if name.startswith("libc.so")), Path("/lib"))
    for loader in loaders:
        yield loader.lstrip("/"), Path(loader)
    for name, path in libraries.items():
        if "/" not in name and "site-packages" not in path:
            yield str(folder / name).lstrip("/"), Path(path)


def install(packages: Sequence[str], target: Path) -> None:
    """Install packages from the index into a folder. Raises ConfigError if one can't be had."""
    attempt = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    if shutil.which("uv") or not shutil.which("pip"):
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        if Path(uv).exists():
            attempt = [uv, "pip", "install", "--quiet", "--python", sys.executable]
    what = f"sandbox packages {', '.join(packages)} can't be installed"
    try:
        done = subprocess.run(
            [*attempt, "--target", str(target), *packages],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{what}: the package index took longer than {INSTALL_SECONDS} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()] or ["no message"]
        raise ConfigError(f"{what}: {lines[-1].strip()[:300]}")


def _open(root: Path) -> None:
    """Make everything readable by anybody: runs have a uid that owns nothing here."""
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                mode = os.stat(path).st_mode
                os.chmod(path, 0o755 if os.path.isdir(path) or mode & 0o100 else 0o644)
    _open_to_all(root)


def _open_to_all(root: Path) -> None:
    for name in ("tmp", "work"):  # an engine gives its mounts there the same mode
        if (root / name).stat().st_mode & 0o7777 != 0o1777:
            (root / name).chmod(0o1777)
