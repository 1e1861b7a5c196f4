"""The registry in this process: what comes with rlvr, names and suggestions, and what one plugin may do to another.

Plugins as people install them are in tests/test_plugins.py.
"""

import types
from pathlib import Path

import pluggy
import pytest

from rlvr.text import did_you_mean
from rlvr.verifiers import ConfigError, PluginError, Verifier, verifier
from rlvr.verifiers.plugins import hookspecs
from rlvr.verifiers.plugins.hookspecs import hookimpl
from rlvr.verifiers.plugins.registry import Registry, lookup, registry


def test_it_is_made_once() -> None:
    assert registry() is registry()


def test_what_comes_with_rlvr() -> None:
    installed = registry()
    assert {"choice", "code", "exact", "math", "math-verify", "number"} <= set(installed.verifiers)
    assert {"bubblewrap", "docker"} <= set(installed.sandboxes)
    assert all(installed.owners["verifier", name] == "rlvr" for name in ("exact", "number"))


@pytest.mark.parametrize("name", sorted(registry().verifiers))
def test_every_verifier_is_complete(name: str) -> None:
    registered = registry().verifiers[name]
    assert isinstance(registered, Verifier)
    assert registered.name == name
    assert registered.description.endswith(".")


def test_options_are_set_on_the_way() -> None:
    assert registry().verifier("number", mode="lenient").options == {"mode": "lenient"}
    assert registry().verifier("number") is registry().verifiers["number"]
    parts = [{"name": "exact"}, {"name": "number", "mode": "lenient"}]
    assert [part.label for part in registry().verifier("all", of=parts).of] == ["exact", "number"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("numbr", "number"),
        ("exakt", "exact"),
        ("math_verify", "math-verify"),
        ("Number", "number"),
        ("chioce", "choice"),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(name: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry().verifier(name)
    assert f"no verifier is called {name!r}; did you mean {meant!r}? (`rlvr list verifiers` shows all)" in str(
        caught.value
    )


@pytest.mark.parametrize("name", ["", "zzzzzzzz", "#", "a" * 10_000])
def test_a_hopeless_name_gets_none(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry().verifier(name)
    assert "did you mean" not in str(caught.value)


def test_a_wrong_option_is_told() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mode'"):
        registry().verifier("number", mod="lenient")


def test_lookup_and_suggestions() -> None:
    table = {"alpha": 1, "beta": 2}
    assert lookup("thing", table, "beta") == 2
    with pytest.raises(ConfigError, match=r"no thing is called 'bet'; did you mean 'beta'\? \(`rlvr list things`"):
        lookup("thing", table, "bet")
    assert did_you_mean("alpa", table) == "; did you mean 'alpha'?"
    assert did_you_mean("alpha", []) == ""


# ---- plugins, without installing them


@pytest.fixture
def fresh() -> Registry:
    registry = Registry(pluggy.PluginManager("rlvr"))
    registry.manager.add_hookspecs(hookspecs)
    return registry


def module(**hooks: object) -> types.ModuleType:
    plugin = types.ModuleType("a_plugin")
    for name, hook in hooks.items():
        setattr(plugin, name, hookimpl(hook))
    return plugin


def take(fresh: Registry, name: str, **hooks: object) -> str:
    plugin = module(**hooks)
    fresh.manager.register(plugin, name=name)
    return fresh.register(plugin, name)


def always(name: str) -> Verifier:
    return verifier(name)(lambda example, completion: True)


def test_a_plugin_registers_all_kinds(fresh: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "task.toml").touch()

    def register_verifiers(register):
        register(always("one"))
        register(always("two"))

    def register_sandboxes(register):
        register("box", lambda **options: None)

    def register_packs(register):
        register(str(folder))

    problem = take(
        fresh, "p", register_verifiers=register_verifiers, register_sandboxes=register_sandboxes,
        register_packs=register_packs,
    )  # fmt: skip
    assert problem == ""
    assert list(fresh.verifiers) == ["one", "two"]
    assert list(fresh.sandboxes) == ["box"]
    assert fresh.packs == {"mine": folder}
    assert set(fresh.owners) == {("verifier", "one"), ("verifier", "two"), ("sandbox", "box"), ("pack", "mine")}


def test_a_plugin_that_fails_half_way_registers_nothing(fresh: Registry) -> None:
    def register_verifiers(register):
        register(always("one"))

    def register_packs(register):
        raise OSError("no disk")

    assert take(fresh, "p", register_verifiers=register_verifiers, register_packs=register_packs) == "OSError: no disk"
    assert fresh.verifiers == {}
    assert fresh.owners == {}


@pytest.mark.parametrize(
    ("name", "factory"), [(3, len), ("box", 3), ("box", None)], ids=["no name", "no function", "nothing"]
)
def test_a_wrong_sandbox_is_a_problem(fresh: Registry, name: object, factory: object) -> None:
    def register_sandboxes(register):
        register(name, factory)

    problem = take(fresh, "p", register_sandboxes=register_sandboxes)
    assert problem.startswith("register_sandboxes: expected a name and a function, not ")


def test_one_name_of_two_kinds_is_no_collision(fresh: Registry) -> None:
    def register_verifiers(register):
        register(always("same"))

    def register_sandboxes(register):
        register("same", lambda **options: None)

    assert take(fresh, "p", register_verifiers=register_verifiers, register_sandboxes=register_sandboxes) == ""


@pytest.mark.parametrize("kind", ["sandbox", "pack"])
def test_two_plugins_with_one_name_are_an_error(fresh: Registry, tmp_path: Path, kind: str) -> None:
    (tmp_path / "task.toml").touch()

    def hooks(value: object) -> dict[str, object]:
        if kind == "pack":
            return {"register_packs": lambda register: register(tmp_path)}
        return {"register_sandboxes": lambda register: register("same", lambda **options: value)}

    assert take(fresh, "first", **hooks(1)) == ""
    with pytest.raises(PluginError, match=rf"two plugins register the {kind} '.*': first and second; uninstall one"):
        take(fresh, "second", **hooks(2))


def test_one_plugin_with_one_name_twice_is_an_error(fresh: Registry) -> None:
    def register_verifiers(register):
        register(always("same"))
        register(always("same"))

    with pytest.raises(PluginError, match="two plugins register the verifier 'same': p and p"):
        take(fresh, "p", register_verifiers=register_verifiers)
