"""Command-line flags made from a settings model: its fields, types, docstrings and defaults, in groups by subject."""

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import Group, Parameter
from pydantic import BaseModel
from pydantic.fields import FieldInfo

SCALARS = (bool, int, float, str)


def flag_type(annotation: Any) -> Any:
    """What a flag takes for a field of this type: None if it is no flag, because only a table can hold its value.

    Of a union, the members that a flag can give; a class of our own is given as text.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return flag_type(arguments[0])
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in map(flag_type, arguments) if kind is not None]
        return functools.reduce(lambda left, right: left | right, kinds) if kinds else None
    if origin in (list, tuple):
        items = tuple(flag_type(item) for item in arguments)
        return None if None in items else origin[items if origin is tuple else items[0]]
    if origin is Literal or annotation in SCALARS:
        return annotation
    if annotation is type(None) or origin is dict or annotation is dict or issubclass(annotation, BaseModel):
        return None
    return str


def shown_default(field: FieldInfo) -> str | Literal[False]:
    """A field's default for `--help`; False if its text says what leaving it out means."""
    if field.default is True:
        return "on"
    return str(field.default) if isinstance(field.default, SCALARS) and field.default not in (False, "") else False


def with_flags(
    model: type[BaseModel], subject_of: Callable[[str], str]
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """A decorator that gives a command the fields of `model` as flags.

    The command gets them as its argument `flags`: a mapping of those that were given. Tables are no flags. Raises
    TypeError if the command has a parameter with the name of a field.
    """
    groups: dict[str, Group] = {}
    parameters = []
    for name, field in model.model_fields.items():
        kind = flag_type(field.annotation)
        if kind is None:
            continue
        subject = subject_of(name)
        group = groups.setdefault(subject, Group.create_ordered(subject))
        text = " ".join((field.description or "").split())
        negative = "" if get_origin(kind) is tuple else None  # nothing says "an empty pair"
        flag = Parameter(group=group, help=text, show_default=shown_default(field), negative=negative)
        parameters.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, flag]
            )
        )
    names = {parameter.name for parameter in parameters}

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def wrapper(*arguments: Any, **values: Any) -> int:
            flags: Mapping[str, Any] = {name: value for name, value in values.items() if name in names}
            own = {name: value for name, value in values.items() if name not in names}
            return command(*arguments, flags={n: v for n, v in flags.items() if v is not None}, **own)

        own = [p for name, p in inspect.signature(command).parameters.items() if name != "flags"]
        if taken := names & {parameter.name for parameter in own}:
            raise TypeError(f"{command.__name__} has a parameter of its own with a field's name: {', '.join(taken)}")
        signature = inspect.Signature([*own, *parameters], return_annotation=int)
        wrapper.__signature__ = signature  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return wrapper

    return decorate
