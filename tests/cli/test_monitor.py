"""Promises 7, 9: the hourly monitor is silent on a healthy bank at work, and sees each broken thing; it only reads."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_shell import Shell, fingerprint
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sqlalchemy import text

from esworkbench.cli import monitor_command
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, RequestWithdrawal, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.keys import SigningKey, create_key
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.event_store.database import write_transaction
from esworkbench.event_store.guards import create_guards, drop_guards
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.events import utc_now
from esworkbench.evidence.monitoring.checks import MonitorCheck, Round
from esworkbench.evidence.monitoring.gauges import FOUND, RUN_AT, UNCHECKED, register_monitor_gauges
from esworkbench.projections import ProjectionRunner
from tests.support import new_event

AT_WORK = Path(__file__).parent / "bank_at_work.py"


def run_all(store: EventStore, up_to: int | None = None) -> None:
    for make in BANK_PROJECTIONS.values():
        ProjectionRunner(store, make(), bank_decoder(), run_id="run").catch_up(up_to=up_to)


class Watched:
    """A small bank with two anchors, and the monitor's findings by check."""

    def __init__(self, url: str, folder: Path, shell: Shell) -> None:
        self.url = url
        self._shell = shell
        self._state = folder / "state.json"
        self.store = EventStore.open(url)
        self.bank = Bank(self.store)
        self._key: SigningKey = create_key(folder / "key.pem")
        for account in ("A1", "A2"):
            self.bank.handle(OpenAccount(account_id=account, owner="Ada", currency="USD"))
        self.deposits(8)
        self.bank.handle(
            RequestWithdrawal(account_id="A1", amount_minor=10, currency="USD", reference="w", withdrawal_id="W1")
        )
        self.anchor()
        self.deposits(4)
        self.anchor()
        self.deposits(4)
        run_all(self.store)

    def deposits(self, count: int, account: str = "A1") -> None:
        for number in range(count):
            deposit = Deposit(account_id=account, amount_minor=100 + number, currency="USD", reference=f"r{number}")
            self.bank.handle(deposit)

    def anchor(self) -> None:
        take_anchor(self.store, outside_folder(self.url), self._key, clock=utc_now)

    def damage(self, *statements: str) -> None:
        """By somebody who takes the guards away and puts them back."""
        with write_transaction(self.store.engine) as connection:
            drop_guards(connection, ("events", "checkpoint_log"))
            for statement in statements:
                connection.execute(text(statement))
            create_guards(connection, ("events", "checkpoint_log"))

    def look(self, *options: str) -> dict[str, dict[str, Any]]:
        ran = self._shell.json("monitor", self.url, "--state", self._state, *options)
        assert ran.code in (0, 1), ran.err
        checks = {each["name"]: each for each in ran.document["checks"]}
        self.notes: list[str] = ran.document["notes"]
        assert ran.code == any(each["state"] == "found" for each in checks.values())
        return checks

    def found(self, *options: str) -> set[str]:
        return {name.partition(" ")[0] for name, each in self.look(*options).items() if each["state"] == "found"}


@pytest.fixture
def watched(store_url: str, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    return Watched(store_url, tmp_path, shell)


@contextmanager
def at_work(url: str, *parts: tuple[str, str]) -> Iterator[list[int]]:
    """Real processes; gives what each wrote, once it is over."""
    done: list[int] = []
    with ExitStack() as stack:
        running = []
        for part in parts:
            command = [sys.executable, str(AT_WORK), url, *part]
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            running.append(process)
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield done
        done += [int(process.communicate(timeout=60)[0]) for process in running]


def test_a_healthy_bank_at_work_is_silent(watched: Watched) -> None:
    """Two writers that want the same account, and a runner, all the while; each look is at one cut."""
    with at_work(watched.url, ("writer", "1"), ("writer", "2"), ("runner", "0")) as done:
        found = [watched.found(), *(watched.found() for _ in range(6)), watched.found("--whole-every", "0m")]
    assert found == [set()] * 8
    assert done[0] + done[1] > 20, "they did write"


def test_nothing_is_written_to_the_store(watched: Watched, tmp_path: Path) -> None:
    def rows() -> list[Any]:
        with watched.store.engine.connect() as connection:
            tables = ("events", "checkpoints", "checkpoint_log", "account_balances", "dead_letters")
            return [connection.execute(text(f"SELECT count(*), min(ctid) FROM {each}" if postgres else
                                            f"SELECT count(*) FROM {each}")).all() for each in tables]  # fmt: skip

    postgres = watched.store.engine.dialect.name == "postgresql"
    before = rows()
    watched.store.engine.dispose()
    files = {} if postgres else {k: v for k, v in fingerprint(tmp_path).items() if k.startswith("bank.db")}
    assert watched.found() == set()
    assert postgres or files == {k: v for k, v in fingerprint(tmp_path).items() if k.startswith("bank.db")}
    assert rows() == before


BALANCE = "UPDATE account_balances SET balance_minor = balance_minor + 1 WHERE account_id = 'A1'"
DAMAGES: dict[str, tuple[list[str], set[str]]] = {
    "a balance edited": ([BALANCE], {"balances", "whole"}),
    "a balance deleted": (["DELETE FROM account_balances WHERE account_id = 'A1'"], {"balances", "whole"}),
    "a balance of nobody": (
        ["INSERT INTO account_balances SELECT 'A9', currency, 5, version, position FROM account_balances LIMIT 1"],
        {"balances", "whole"},
    ),
    "a history edited": (
        ["UPDATE transaction_history SET amount_minor = amount_minor + 1 WHERE position = 9"], {"whole"},
    ),
    "an event deleted": (["DELETE FROM events WHERE global_position = 13"], {"log", "anchors", "whole"}),
    "the end cut off": (
        ["DELETE FROM events WHERE global_position > 13"], {"log", "lag", "anchors", "whole"},
    ),
    "a payload edited": (["UPDATE events SET payload = '{\"amount_minor\": 1, \"currency\": \"USD\", \"reference\": "
                          "\"r\"}' WHERE global_position = 5"], {"whole"}),
    "a hash edited": (
        ["UPDATE events SET hash = prev_hash WHERE global_position = 14"], {"log", "anchors", "whole"},
    ),
    "a checkpoint ahead": (["UPDATE checkpoints SET position = 99 WHERE projection = 'daily_summaries'"],
                           {"lag", "whole"}),
    "an old hold": (["UPDATE pending_withdrawals SET requested_at = '2020-01-01T00:00:00.000000Z'"],
                    {"pending", "whole"}),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_each_broken_thing_is_seen(watched: Watched, name: str) -> None:
    """By the next look already, where a bounded one can see it; by a look at the whole store in any case."""
    statements, expected = DAMAGES[name]
    assert watched.found() == set()
    watched.damage(*statements)
    assert watched.found() == expected - {"whole"}
    assert watched.found("--whole-every", "0m") == expected
    assert watched.found() == expected, "what a look at the whole store found stands until the next"


def test_a_look_dated_ahead_of_the_clock_puts_off_none(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was once ahead would otherwise switch the look at the whole store off until then."""
    with monkeypatch.context() as ahead:
        ahead.setattr(monitor_command, "utc_now", lambda: utc_now() + timedelta(days=9000))
        watched.look()
    watched.damage("UPDATE transaction_history SET amount_minor = amount_minor + 1 WHERE position = 9")
    assert watched.found() == {"whole"}
    assert any("one of the two clocks was wrong" in each for each in watched.notes), watched.notes
    assert watched.found() == {"whole"}
    assert not any("clock" in each for each in watched.notes)


def test_what_was_anchored_long_ago_is_looked_at_with_the_whole_store(watched: Watched) -> None:
    """Rewritten with all that follows: nothing in the store contradicts it."""
    assert watched.found() == set()
    watched.damage(
        "DELETE FROM events WHERE stream_id = 'BankAccount-A2'",
        "DELETE FROM account_balances WHERE account_id = 'A2'",
    )
    assert watched.look()["anchors"]["state"] == "ok", "the last stretch still stands"
    assert {"anchors", "whole"} <= watched.found("--whole-every", "0m")
    assert "whole" in watched.found()


OWN = "position, event_count, root, anchored_at, key_id, signature, log_id, previous"


def own_row(watched: Watched, row: str) -> None:
    with write_transaction(watched.store.engine) as connection:
        connection.execute(
            text(f"INSERT INTO anchors ({OWN}) SELECT {row} FROM anchors ORDER BY position DESC LIMIT 1")
        )


def test_a_row_of_the_stores_own_table_of_anchors_that_nobody_signed_is_told_and_is_no_alarm(watched: Watched) -> None:
    assert watched.found() == set()
    own_row(watched, "2, 2, root, anchored_at, key_id, signature, log_id, previous")
    check = watched.look()["anchors"]
    assert (check["state"], check["total"]) == ("ok", 0)
    assert "row at position 2 of the store's own table" in check["words"]
    assert "rewritten" not in check["words"]


def test_what_the_stores_own_table_says_was_anchored_must_still_stand(watched: Watched) -> None:
    """The outside folder was set back, and the log cut off after what is left there."""
    last = max((outside_folder(watched.url) / "anchors").glob("*.json"))
    cut = int(last.stem)
    last.unlink()
    assert watched.found() == set()
    watched.damage(f"DELETE FROM events WHERE global_position >= {cut}")
    check = watched.look()["anchors"]
    assert check["state"] == "found"
    ends = {"what": "the log ends before an anchor in its own table", "head": cut - 1, "anchored": cut}
    assert ends in check["found"]


def test_with_no_anchor_outside_the_own_table_is_asked_how_long_the_log_was(watched: Watched) -> None:
    """Its rows aren't proved then, so they alone are no finding: whoever watches may be elsewhere than who anchors."""
    folder = outside_folder(watched.url) / "anchors"
    cut = int(max(folder.glob("*.json")).stem)
    for each in folder.iterdir():
        each.unlink()
    check = watched.look()["anchors"]
    assert (check["state"], "2 rows of the store's own table" in check["words"]) == ("not_checked", True)
    watched.damage(f"DELETE FROM events WHERE global_position >= {cut}")
    assert watched.look()["anchors"]["state"] == "found"


def test_what_rows_say_wrongly_of_their_events_is_told_in_words(watched: Watched) -> None:
    watched.damage("UPDATE transaction_history SET event_type = 'Odd' WHERE position = 4")
    whole = watched.look("--whole-every", "0m")["whole"]
    assert [each for each in whole["found"] if "{" in each["what"]] == []
    assert "transaction_history" in whole["found"][0]["what"]


def test_a_missing_guard_is_seen(watched: Watched) -> None:
    with write_transaction(watched.store.engine) as connection:
        drop_guards(connection)
    assert watched.found() == {"guards"}


def test_events_that_wait_are_seen_and_lag_is_not_corruption(watched: Watched) -> None:
    """A read model is held against the events up to its own checkpoint."""
    late = EventStore.open(watched.url, clock=lambda: utc_now() - timedelta(hours=2))
    Bank(late).handle(Deposit(account_id="A1", amount_minor=5, currency="USD", reference="late"))
    assert watched.found() == {"lag"}
    assert watched.found("--lag-limit", "3h") == set()
    run_all(watched.store)
    assert watched.found() == set()


def test_money_held_for_too_long_is_seen_by_the_servers_clock(watched: Watched) -> None:
    assert watched.found("--older-than", "1d") == set()
    with write_transaction(watched.store.engine) as connection:
        moment = (utc_now() - timedelta(hours=25)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        connection.execute(text(f"UPDATE pending_withdrawals SET requested_at = '{moment}'"))
    (hold,) = watched.look()["pending"]["found"]
    assert (hold["account"], hold["request"], hold["amount"], hold["currency"]) == ("A1", "W1", 10, "USD")
    assert watched.found("--older-than", "2d") == set()


def test_a_parked_event_is_seen(watched: Watched) -> None:
    watched.store.append(
        "BankAccount-A1",
        [new_event("PointsGranted", {"points": 1})],
        expected_version=watched.store.stream_version("BankAccount-A1"),
    )
    run_all(watched.store)
    assert "dead_letters" in watched.found()


def test_each_run_reads_only_what_is_new_and_a_long_log_is_summed_in_parts(watched: Watched) -> None:
    first = watched.look("--events", "7")
    assert first["balances account_balances"]["state"] == "not_checked"
    assert "7 of 19 positions" in first["balances account_balances"]["words"]
    assert watched.look("--events", "7")["balances account_balances"]["state"] == "not_checked"
    assert watched.look("--events", "7")["balances account_balances"]["state"] == "ok"
    with write_transaction(watched.store.engine) as connection:
        connection.execute(text(BALANCE))
    assert "balances" in watched.found("--events", "1")


def test_a_read_model_that_is_rebuilt_is_summed_anew(watched: Watched) -> None:
    assert watched.found() == set()
    with write_transaction(watched.store.engine) as connection:
        connection.execute(text("UPDATE checkpoints SET position = 0 WHERE projection = 'account_balances'"))
        connection.execute(text("DELETE FROM account_balances"))
    assert watched.found("--lag-limit", "1d") == set()
    run_all(watched.store)
    assert watched.found() == set()


def test_another_log_in_its_place_is_another_log(watched: Watched, tmp_path: Path) -> None:
    assert watched.found() == set()
    watched.damage("DELETE FROM events WHERE global_position < 3")
    ran = watched._shell.json("monitor", watched.url, "--state", tmp_path / "state.json")
    assert any("first event is another" in note for note in ran.document["notes"])
    assert ran.code == 1


OURS = b'{"kind":"esworkbench:monitor:v1"'


@pytest.mark.parametrize("rest", [b"", b"}}", b"[" * 100_000, b', "sums": {"a": {"position": -1}}}', b"\xff"])
def test_a_state_that_cannot_be_used_begins_anew(watched: Watched, tmp_path: Path, rest: bytes) -> None:
    (tmp_path / "state.json").write_bytes(OURS + rest)
    ran = watched._shell.json("monitor", watched.url, "--state", tmp_path / "state.json")
    assert ran.code == 0
    assert "begins anew" in ran.document["notes"][0]


def test_what_no_run_left_is_never_overwritten(watched: Watched, tmp_path: Path) -> None:
    """The store itself among them."""
    for name, content in (("notes.txt", b"{}"), ("list.json", b'{"sums": {}}'), ("half.json", OURS[:9])):
        (tmp_path / name).write_bytes(content)
        ran = watched._shell("monitor", watched.url, "--state", tmp_path / name)
        assert (ran.code, "not overwritten" in ran.err) == (2, True), ran
        assert (tmp_path / name).read_bytes() == content
    if watched.url.startswith("sqlite"):
        store = Path(watched.url.removeprefix("sqlite:///"))
        before = store.read_bytes()
        assert watched._shell("monitor", watched.url, "--state", store).code == 2
        assert store.read_bytes() == before


def test_what_is_no_store_and_no_duration_is_refused(watched: Watched, tmp_path: Path, shell: Shell) -> None:
    for options in (["--every", "5s"], ["--every", "0m"], ["--every", "1h", "--json"], ["--older-than", "x"]):
        assert shell("monitor", watched.url, *options).code == 2
    assert shell("monitor", tmp_path / "nothing.db").code == 2
    assert shell("monitor", watched.url, "--state", tmp_path / "no" / "folder").code == 2


class Ended(BaseException):
    pass


def test_again_and_again_tells_of_a_database_that_is_away_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    rounds: list[Callable[[], Round]] = [lambda: round_of("ok"), _away, lambda: round_of("found")]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise Ended

    with pytest.raises(Ended):
        monitor_command._keep_looking(60, lambda: rounds.pop(0)(), clock=lambda: 0.0, sleep=sleep)
    told = capsys.readouterr().out
    assert "not looked at" in told
    assert "found" in told
    assert slept == [60, 60, 60]


def _away() -> Round:
    raise ConnectionRefusedError("nobody there")


def round_of(state: Any) -> Round:
    return Round(
        utc_now(), "server", [MonitorCheck("log", state, "words", 2 * (state == "found"), [{"what": "x"}])], []
    )


def test_dashboards_read_the_latest_round() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    latest: list[Round] = []
    register_monitor_gauges(lambda: latest[-1] if latest else None, meter=provider.get_meter("test"))
    assert reader.get_metrics_data() is None
    latest.append(round_of("found"))
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {each.name: each.data.data_points for each in data.resource_metrics[0].scope_metrics[0].metrics}
    assert [(point.attributes, point.value) for point in metrics[FOUND]] == [({"check": "log"}, 2)]  # type: ignore[union-attr]
    assert [point.value for point in metrics[UNCHECKED]] == [0]  # type: ignore[union-attr]
    assert [point.value for point in metrics[RUN_AT]] == [latest[0].at.timestamp()]  # type: ignore[union-attr]
