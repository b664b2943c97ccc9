"""Commands that are imported when they are called, so that none waits for another's libraries.

For the list that ``--help`` prints, the docstrings are read from the source: nothing is imported to be described.
"""

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.resources import files
from typing import Any

import typer
from typer.core import TyperGroup

from esworkbench.cli.custody import kept
from esworkbench.cli.typed_numbers import reads_numbers


class Commands(Mapping[str, Any]):
    """Name → command, each made when it is first asked for.

    ``places`` says where to find each, as ``module:object``: a function, or a ``typer.Typer`` with commands of its own.
    """

    def __init__(self, package: str, places: Mapping[str, str]) -> None:
        self._package = package
        self._places = places
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module, _, attribute = self._places[name].partition(":")
            found = getattr(import_module(f"{self._package}.{module}"), attribute)
            commands = _each_kept(name, found) if isinstance(found, typer.Typer) else _of(kept(name, found))
            self._made[name] = made = typer.main.get_command(commands)
            made.name = name
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def help_of(self, name: str) -> str:
        """What ``--help`` says about the command: a function's docstring, or of several commands their module's."""
        module, _, attribute = self._places[name].partition(":")
        tree = ast.parse(files(self._package).joinpath(f"{module}.py").read_bytes())
        functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        return ast.get_docstring(functions.get(attribute, tree)) or ""


def _each_kept(group: str, commands: typer.Typer) -> typer.Typer:
    if commands.registered_callback is not None and commands.registered_callback.callback is not None:
        reads_numbers(commands.registered_callback.callback)
    for each in commands.registered_commands:
        if each.callback is not None and not hasattr(each.callback, "__wrapped__"):
            each.callback = reads_numbers(kept(f"{group} {each.name or each.callback.__name__}", each.callback))
    return commands


def _of(function: Any) -> typer.Typer:
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command()(reads_numbers(function))
    return alone


def _first_sentence(text: str) -> str:
    sentence, stop, _ = " ".join(text.split()).partition(". ")
    return sentence + stop.rstrip()


def group(package: str, places: Mapping[str, str]) -> type[TyperGroup]:
    """A group of commands for ``typer.Typer(cls=…)``, in the order of ``places``."""

    class OnDemand(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands: Any = Commands(package, places)

        def list_commands(self, ctx: Any) -> list[str]:
            return list(self.commands)

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(name, _first_sentence(self.commands.help_of(name))) for name in self.commands])

    return OnDemand
