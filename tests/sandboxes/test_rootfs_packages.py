"""`[sandbox] packages`: from the real package index, made once, the same in both providers; a wrong name is one line."""

import asyncio

import pytest

from rlvr.errors import ConfigError
from rlvr.sandboxes import Call, calls_job, make, rootfs


@pytest.fixture(scope="module")
def package_index(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rootfs, "INSTALL_SECONDS", 60)  # a slow index is no failure of the sandbox
        patch.setenv("PIP_RETRIES", "1")
        patch.setenv("PIP_TIMEOUT", "10")
        try:
            rootfs.install(("sortedcontainers",), tmp_path_factory.mktemp("probe"))
        except ConfigError as error:
            pytest.skip(f"no package index answers: {error}")
        yield


@pytest.mark.usefixtures("package_index")
def test_numpy(provider):
    program = "import numpy as np\ndef f(n): return float(np.arange(n).sum()), np.eye(2).tolist()"

    async def main():
        async with make(provider, workers=1, packages=("numpy",)) as sandbox:
            results = await sandbox.run_jobs(program, [calls_job([Call("f", (4,))])] * 2)
            shown = await sandbox.run("import numpy; print(numpy.linalg.det(numpy.eye(3)))")
            return results, shown

    results, shown = asyncio.run(main())
    assert all(b'["f","6.0"]' in result.answer for result in results)
    assert shown.stdout == b"1.0\n"


@pytest.mark.usefixtures("package_index")
def test_made_once(monkeypatch):
    folder = rootfs.build(("numpy",))
    assert (folder / "opt/rlvr/zygote.py").exists()

    def again(*_):
        raise AssertionError("it was installed again")

    monkeypatch.setattr(rootfs, "install", again)
    assert rootfs.build(("numpy",)) == folder
    assert rootfs.build(()) != folder


def test_a_package_is_for_those_who_ask(sandbox):
    assert b"No module named 'numpy'" in sandbox.run("import numpy").stderr


@pytest.mark.usefixtures("package_index")
def test_a_package_that_does_not_exist(provider):
    before = set(rootfs.cache().glob("*"))
    with pytest.raises(ConfigError, match="sandbox packages rlvr-no-such-package can't be installed: ") as error:
        asyncio.run(make(provider, workers=1, packages=("rlvr-no-such-package",)).run("print(1)"))
    assert len(str(error.value).splitlines()) == 1
    assert set(rootfs.cache().glob("*")) <= before | {rootfs.cache() / "lock"}


@pytest.mark.parametrize("name", ["--index-url=x", "a b", "../x", "numpy @ file:///x", "", "x;y", "$(x)"])
def test_what_is_no_package_name(provider, name):
    with pytest.raises(ConfigError, match="no package name"):
        asyncio.run(make(provider, workers=1, packages=(name,)).run("print(1)"))
