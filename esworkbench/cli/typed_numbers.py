"""The one seam at which a number that was typed is read: digits, one decimal point at most, a minus sign before them.

Python's own ``int`` and ``float`` take more: ``1_0``, `` 10 ``, other scripts' digits, ``1e2``; and ``nan``, which is
below no limit and above none. Who types those meant something else.
"""

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

import typer
from typer.models import ParameterInfo

LARGEST = {int: 2**63 - 1, float: 10**9}
"""A database's integers end there; and no count a second, and no time to wait, is as large."""

_WRITTEN = {int: re.compile("-?[0-9]+"), float: re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)")}
_LONGEST = 40


def reads_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """The command, with each of its parameters that is an int or a float read here."""
    for each in inspect.signature(function).parameters.values():
        if get_origin(each.annotation) is Annotated:
            kind, *more = get_args(each.annotation)
            number = next((one for one in (int, float) if kind == one or kind == one | None), None)
            for info in more:
                if number is not None and isinstance(info, ParameterInfo):
                    info.parser = _reader(number, info.min, info.max)
    return function


def _reader(kind: type[int] | type[float], least: float | None, most: float | None) -> Callable[[Any], int | float]:
    largest = LARGEST[kind]

    def read(value: Any) -> int | float:
        if not isinstance(value, str):
            return kind(value)  # a default
        # Whole or not at all: in a part of an address nobody would know its password again.
        said = repr(value) if len(value) <= _LONGEST else f"what was typed, of {len(value)} characters,"
        if _WRITTEN[kind].fullmatch(value) is None:
            wanted = "a whole number: write digits only" if kind is int else "a number: write digits, as 1.5 or 10"
            raise typer.BadParameter(f"{said} is not {wanted}")
        if len(value) > _LONGEST or abs(number := kind(value)) > largest:
            raise typer.BadParameter(f"{said} is too large: at most {largest}")
        if (least is not None and number < least) or (most is not None and number > most):
            limits = [f"at least {least}"] if least is not None else []
            limits += [f"at most {most}"] if most is not None else []
            raise typer.BadParameter(f"{said} is out of range: {', '.join(limits)}")
        return number

    return read
