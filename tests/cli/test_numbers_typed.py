"""Promise: a number is what people write as one: digits, one decimal point at most; all else is refused in a sentence.

Python reads ``1_0``, `` 10 `` and other scripts' digits as numbers too, and ``nan`` is below no limit. Every numeric
option is found by walking the parser, so that a new one is held to the same.
"""

from pathlib import Path
from typing import Any

import pytest
import typer
from cli_shell import Shell, fingerprint
from test_every_command import registered

from esworkbench.lab import Incident

ODD = [
    "1_0", " 10 ", "10 ", "\t10", "１０", "١٠", "²", "1e2", "1E2", "nan", "NaN", "inf", "-inf", "infinity", "+10",
    "0x10", "1.2.3", "1,5", "--10", "-", ".", "", "10\n", "true", "9" * 400,
]  # fmt: skip
DURATIONS = ["--every", "--whole-every", "--lag-limit", "--older-than"]


def numeric() -> dict[str, tuple[str, Any]]:
    """Every parameter of a command that is a number: by its words, the command's and itself."""
    return {
        f"{name} {each.name}": (name, each)
        for name, command in registered().items()
        for each in command.params
        if each.type_descriptor.annotation in (int, float)
    }


def refusal(name: str, parameter: Any, value: str) -> str:
    """What the parser says of a value. The command itself isn't run: some end only when they are ended."""
    if parameter.param_type_name == "option":
        typed = [f"{parameter.opts[0]}={value}"]
    else:
        arguments = [each.name for each in registered()[name].params if each.param_type_name == "argument"]
        typed = [*("x" for _ in arguments[: arguments.index(parameter.name)]), "--", value]
    with pytest.raises(typer.BadParameter) as refused:
        registered()[name].make_context(f"esworkbench {name}", typed)
    return str(refused.value.format_message())


def test_the_walk_finds_options_and_arguments_of_commands_and_groups() -> None:
    assert {"diagnose require", "drill start seed", "interview rate rating", "lag watch"} <= set(numeric())


@pytest.mark.parametrize("where", numeric())
def test_what_nobody_writes_as_a_number_is_refused(where: str) -> None:
    name, parameter = numeric()[where]
    whole = parameter.type_descriptor.annotation is int
    for value in [*ODD, *(["10.0", "1.5"] if whole else [])]:
        said = refusal(name, parameter, value)
        assert "digits" in said or "is too large" in said, (value, said)
        assert (parameter.opts[0] if parameter.param_type_name == "option" else parameter.name) in said.casefold()
        assert len(said) < 200


@pytest.mark.parametrize("where", numeric())
def test_a_range_is_kept_and_what_people_write_is_taken(where: str) -> None:
    name, parameter = numeric()[where]
    kind = parameter.type_descriptor.annotation
    context = registered()[name].make_context(name, [], resilient_parsing=True)

    def read(value: str) -> int | float:
        found: int | float = parameter.get_runtime_param().coerce(value, param=parameter, ctx=context)
        assert type(found) is kind
        return found

    assert read("2") == 2
    if kind is float:
        assert [read(each) for each in ("1.5", "7.", "0017")] == [1.5, 7.0, 17.0]
    elif parameter.min is None:
        assert read("-12") == -12
    for limit, beyond in ((parameter.min, -1), (parameter.max, 1)):
        if limit is not None:
            assert read(str(limit)) == limit
            said = refusal(name, parameter, str(limit + beyond))
            assert str(limit) in said
            assert parameter.opts[0] in said


ANY = {"investigate claimed", "drill verdict amount"}
CHECKED_LATER = {"incident new accounts", "interview rate rating"}


def test_every_number_says_its_least_or_any_means_something() -> None:
    """A rate of -1 has no pause, and of 0 no end."""
    free = {name for name, (_, each) in numeric().items() if each.min is None and each.name != "seed"}
    assert free == ANY | CHECKED_LATER


@pytest.mark.parametrize("value", ["0", "-1", "0.5"])
def test_a_rate_at_which_nothing_is_read_is_refused(
    shell: Shell, incident: Incident, tmp_path: Path, value: str
) -> None:
    for command in (["capture", incident.url, "--into", tmp_path / "e"], ["monitor", incident.url]):
        ran = shell(*command, f"--rate-limit={value}")
        assert (ran.code, len(ran.err.strip().splitlines())) == (2, 1)
        assert "--rate-limit" in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["1_0", " 10 ", "１０", "1e2", "nan", "101", "-1"])
def test_a_share_that_is_none_is_refused_in_one_sentence(shell: Shell, shared_evidence: Path, value: str) -> None:
    before = fingerprint(shared_evidence)
    ran = shell("diagnose", shared_evidence, f"--require={value}")
    assert ran.code == 2
    assert "--require" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert shell.json("diagnose", shared_evidence, f"--require={value}").document["error"]
    assert fingerprint(shared_evidence) == before


@pytest.mark.parametrize("option", DURATIONS)
@pytest.mark.parametrize("value", ["１h", "1_0h", " 1h", "1h ", "1h\n", "1.5h", "-1h", "nan", "1e2h", "1 h"])
def test_a_duration_is_digits_and_a_unit(shell: Shell, incident: Incident, option: str, value: str) -> None:
    command = {"--every": "anchor", "--older-than": "pending"}.get(option, "monitor")
    ran = shell(command, incident.url, f"{option}={value}")
    assert ran.code == 2
    assert "is not a duration" in ran.err
