"""The hooks: each is documented with its arguments, and a plugin may leave arguments out."""

import types

import pluggy

from rlvr.verifiers.plugins import hookspecs
from rlvr.verifiers.plugins.hookspecs import hookimpl


def test_every_hook_and_argument_is_documented_in_its_specification() -> None:
    hooks = [hook for hook in vars(hookspecs).values() if hasattr(hook, "rlvr_spec")]
    assert len(hooks) == 6
    for hook in hooks:
        names = hook.__code__.co_varnames[: hook.__code__.co_argcount]
        assert hook.__doc__, hook
        assert any(name in hook.__doc__ for name in names), hook


def test_a_plugin_may_leave_arguments_out() -> None:
    manager = pluggy.PluginManager("rlvr")
    manager.add_hookspecs(hookspecs)
    plugin = types.ModuleType("a_plugin")
    plugin.step_finished = hookimpl(lambda metrics: metrics["reward"])
    manager.register(plugin)
    assert manager.hook.step_finished(step=3, metrics={"reward": 0.5}) == [0.5]
