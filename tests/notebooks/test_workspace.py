"""A notebook runs from any state: each place it asks for is empty, whatever an earlier run left there."""

from pathlib import Path

import pytest
from sqlalchemy import inspect

from esworkbench.course.workspace import fresh_folder, fresh_store
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, open_database
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.resources import notebooks_path


@pytest.fixture(autouse=True)
def among_the_readers_own_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))


def leave_something(url: str) -> None:
    EventStore.open(url).create_tables()
    outside_folder(url).mkdir(parents=True)
    (outside_folder(url) / "answer.sealed").write_text("of the last run", encoding="utf-8")


def test_a_store_asked_for_again_is_empty_again() -> None:
    leave_something(fresh_store("again"))
    url = fresh_store("again")
    assert url == "sqlite:///work/again/bank.db"
    assert list(Path("work/again").iterdir()) == []


def test_a_postgres_store_asked_for_again_is_empty_again(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", postgres_server)
    leave_something(fresh_store("again", "postgres"))
    url = fresh_store("again", "postgres")
    assert inspect(open_database(url)).get_table_names() == []
    assert not outside_folder(url).exists()
    assert url.partition("?")[0].endswith("/esworkbench_notebook_again")


def test_two_places_do_not_touch_each_other() -> None:
    (fresh_folder("one") / "kept").touch()
    fresh_folder("other")
    assert Path("work/one/kept").exists()


def test_nothing_is_left_among_the_original_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(notebooks_path())
    assert notebooks_path() not in fresh_folder("passing").resolve().parents


@pytest.mark.parametrize("name", ["", "..", "a/b", 'x"; DROP', "Große", "A"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(UnusableInput, match="can't name a place to work in"):
        fresh_store(name)


def test_an_unknown_kind_of_store_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnusableInput, match="choose sqlite or postgres"):
        fresh_store("again", "oracle")
