"""Every miss comes with what to do about it."""

import sqlite3
import sys
from pathlib import Path

import psycopg
import pytest
from packaging.requirements import Requirement

from esworkbench import doctor
from esworkbench.event_store import EventStore


def test_every_look_names_what_it_found_and_advises_on_each_miss() -> None:
    checks = doctor.check()
    names = [each.name for each in checks]
    assert len(set(names)) == len(names) == 10
    for each in checks:
        assert each.found
        assert bool(each.advice) is not each.ok


def test_this_environment_runs_the_package() -> None:
    assert {each.name for each in doctor.check() if each.required and not each.ok} == set()


def test_a_package_missing_or_too_old_is_named() -> None:
    wanted = [Requirement("no-such-package-anywhere>=1"), Requirement("packaging>=9999"), Requirement("packaging>=1")]
    misses = doctor.package_misses(wanted)
    assert len(misses) == 2
    assert misses[0] == "no-such-package-anywhere is missing"
    assert misses[1].endswith("not >=9999")


def test_a_kernel_of_another_environment_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    for command, here in [("/opt/other/bin/python", False), (sys.executable, True), ("python", True)]:
        (kernel / "kernel.json").write_text(
            f'{{"argv": ["{command}"], "display_name": "x", "language": "python"}}', encoding="utf-8"
        )
        assert doctor.check_kernel().ok is here


def test_missing_widgets_are_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: ["/no/such/folder"])
    assert "jupyterlab-widgets" in doctor.check_widgets().advice


def test_an_old_sqlite_is_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 0))
    assert "newer" in doctor.check_sqlite().advice


def test_an_unreachable_postgres_is_a_miss_that_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", "postgresql://someone:hush-hush@127.0.0.1:9/none")
    look = doctor.check_postgres()
    assert not look.ok
    assert not look.required
    assert "ESWORKBENCH_PG_DSN" in look.advice
    assert "hush-hush" not in "".join(map(str, look))


def test_a_data_folder_that_takes_no_file_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")
    monkeypatch.setenv("ESWORKBENCH_HOME", str(in_the_way))
    look = doctor.check_data_folder()
    assert not look.ok
    assert "ESWORKBENCH_HOME" in look.advice


def test_a_data_folder_not_there_yet_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "not" / "yet"))
    assert doctor.check_data_folder().ok
    assert not (tmp_path / "not").exists()


def test_no_browser_is_a_miss_that_only_the_tests_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    look = doctor.check_browser()
    assert not look.ok
    assert not look.required


def test_a_store_whose_sequence_has_a_cache_is_a_miss(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 2: its readers would skip events, and nothing else would say so."""
    EventStore.open(postgres_url)
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", postgres_url)
    assert doctor.check_postgres().ok
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ALTER SEQUENCE events_global_position_seq CACHE 20")
    look = doctor.check_postgres()
    assert not look.ok
    assert "ALTER SEQUENCE events_global_position_seq CACHE 1" in look.found
