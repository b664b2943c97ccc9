"""What a command doesn't need isn't imported when it starts. Modules are counted; seconds depend on the day."""

import subprocess
import sys

import pytest
import typer

from esworkbench.cli import COMMANDS, app

PLOTS_AND_FRAMES = {"IPython", "ipywidgets", "matplotlib", "pandas"}
ALWAYS_LATER = {*PLOTS_AND_FRAMES, "cryptography", "jinja2", "jupyter_client", "opentelemetry", "psycopg", "tqdm"}
DATABASES = {"duckdb", "numpy", "pyarrow", "sqlalchemy"}


def loaded_after(code: str) -> set[str]:
    """The top-level modules of a new interpreter that ran this code."""
    shown = "import sys; print('\\nloaded', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{shown}"], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def loaded_by(*arguments: str) -> set[str]:
    return loaded_after(f"from esworkbench import cli; assert cli.run({list(arguments)!r}) == 0")


def test_the_package_alone_brings_only_the_standard_library() -> None:
    # What the interpreter itself starts with, site-packages' .pth files included, is not ours to count.
    brought = loaded_after("import esworkbench") - loaded_after("")
    assert brought <= {"esworkbench", *sys.stdlib_module_names}
    assert "esworkbench" in brought


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "--version",
        "explain lag",
        "doctor --help",
        "lab --help",
        "interview",
        "interview mock",
        "interview due",
    ],
)
def test_what_opens_no_store_starts_without_a_database_library(arguments: str) -> None:
    assert loaded_by(*arguments.split()) & (ALWAYS_LATER | DATABASES) == set()


@pytest.mark.parametrize("arguments", ["lag --help", "pending --help", "outbox --help", "incident new --help"])
def test_what_reads_a_store_starts_without_what_reads_evidence(arguments: str) -> None:
    assert loaded_by(*arguments.split()) & (ALWAYS_LATER | (DATABASES - {"sqlalchemy"})) == set()


def test_no_command_loads_for_its_help_what_plots_or_talks_to_a_server() -> None:
    every = f"from esworkbench import cli; assert not any(cli.run([name, '--help']) for name in {list(COMMANDS)!r})"
    assert loaded_after(every) & ALWAYS_LATER == set()


def test_a_sqlite_store_works_without_the_driver_of_postgresql() -> None:
    code = """
import tempfile
from esworkbench.event_store import EventStore
from esworkbench.domains.bank import Bank, OpenAccount
with tempfile.TemporaryDirectory() as folder:
    bank = Bank(EventStore.open(f"{folder}/bank.db"))
    bank.handle(OpenAccount(account_id="a", owner="Ada", currency="USD"))
    assert bank.store.head_position() == 1
    bank.store.engine.dispose()
"""
    assert loaded_after(code) & ALWAYS_LATER == set()


def test_the_list_of_commands_says_of_each_what_the_command_itself_says() -> None:
    commands = typer.main.get_command(app).commands
    assert list(commands) == list(COMMANDS)
    for name in commands:
        assert commands.help_of(name)
        assert commands.help_of(name) == commands[name].help
