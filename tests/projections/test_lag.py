"""Promise 7, lag is not corruption: it is measured, in positions and seconds, and said out loud when it is too much."""

from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from projection_logs import BankLog, whole_log

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, PendingWithdrawals
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import server_clock
from esworkbench.plots import as_png, lag_figure, lag_table
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.projections.monitoring.gauges import LAG, LAG_POSITIONS, register_lag_gauges
from esworkbench.projections.monitoring.measure import Lag, Percentiles, lag, percentiles, verdict
from esworkbench.projections.monitoring.monitor import LagMonitor, delays
from tests.support import START


class HandClock:
    """A clock that stands still until it is moved; ``pause`` moves it as sleeping would."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def timer(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(store_url: str, clock: HandClock) -> EventStore:
    return EventStore.open(store_url, clock=clock)


@pytest.fixture
def log(store: EventStore, clock: HandClock) -> BankLog:
    """Five appends, ten seconds apart, the last one just now."""
    log = BankLog(store, seed=7)
    log.write(1)
    for _ in range(4):
        clock.pause(10)
        log.write(1)
    return log


def runner_of(store: EventStore, projection: Projection) -> ProjectionRunner:
    return ProjectionRunner(store, projection, bank_decoder(), run_id="run-1", batch_size=50)


def test_lag_is_the_positions_to_the_head_and_the_age_of_the_oldest_unseen_event(
    store: EventStore, log: BankLog, clock: HandClock
) -> None:
    events = whole_log(store)
    head = events[-1].global_position
    assert lag(store, "account_balances") == Lag("account_balances", clock.now, 0, head, 40.0)

    seen = events[len(events) // 2]
    runner_of(store, AccountBalances()).catch_up(up_to=seen.global_position)
    measured = lag(store, "account_balances")
    assert (measured.checkpoint, measured.positions) == (seen.global_position, head - seen.global_position)
    unseen = events[len(events) // 2 + 1]
    assert measured.seconds == (clock.now - unseen.recorded_at).total_seconds()


def test_a_projection_that_caught_up_has_no_lag_however_long_nothing_happens(
    store: EventStore, log: BankLog, clock: HandClock
) -> None:
    runner_of(store, AccountBalances()).catch_up()
    clock.pause(3600)
    measured = lag(store, "account_balances")
    assert (measured.positions, measured.seconds) == (0, 0.0)


def test_an_event_from_a_clock_that_is_ahead_has_waited_for_no_time(
    store: EventStore, log: BankLog, clock: HandClock
) -> None:
    earlier = clock.now - timedelta(hours=1)
    assert lag(store, "account_balances", clock=lambda: earlier).seconds == 0.0


def test_the_server_says_what_time_it_is(store: EventStore) -> None:
    clock = server_clock(store.engine)
    first, second = clock(), clock()
    assert first.tzinfo == UTC
    assert first <= second


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([float(value) for value in range(100, 0, -1)]) == Percentiles(50, 95, 99)
    assert percentiles([3.0]) == Percentiles(3, 3, 3)
    assert percentiles([0.1] * 98 + [5.0] * 2).p99 == 5.0
    assert percentiles([0.1] * 99 + [5.0]).p99 == 0.1
    with pytest.raises(ValueError, match="measure at least once"):
        percentiles([])


@pytest.mark.parametrize(
    ("p99_seconds", "expected"),
    [(0.0, "healthy"), (0.499, "healthy"), (0.5, "warning"), (2.0, "warning"), (2.001, "alarm")],
)
def test_healthy_is_under_half_a_second_and_alarm_is_over_two(p99_seconds: float, expected: str) -> None:
    assert verdict(p99_seconds) == expected


def test_the_monitor_reports_percentiles_of_what_it_sampled_of_each_follower(
    store: EventStore, log: BankLog, clock: HandClock
) -> None:
    runner_of(store, AccountBalances()).catch_up()
    runner_of(store, PendingWithdrawals()).catch_up(up_to=whole_log(store)[-2].global_position)
    monitor = LagMonitor(store)
    monitor.watch(2.0, every=0.1, pause=clock.pause, timer=clock.timer)

    balances, pending = monitor.report()
    assert (balances.latest.projection, balances.samples, balances.verdict) == ("account_balances", 21, "healthy")
    assert pending.latest.projection == "pending_withdrawals"
    assert pending.seconds == pytest.approx((1.0, 1.9, 2.0))
    assert pending.positions == (1, 1, 1)
    assert pending.verdict == "warning"


def test_the_monitor_forgets_what_is_long_past(store: EventStore, log: BankLog, clock: HandClock) -> None:
    monitor = LagMonitor(store, ["account_balances"], samples_kept=10)
    clock.pause(3600)
    monitor.sample()
    runner_of(store, AccountBalances()).catch_up()
    monitor.watch(0.9, every=0.1, pause=clock.pause, timer=clock.timer)
    [report] = monitor.report()
    assert report.samples == len(monitor.history("account_balances")) == 10
    assert report.verdict == "healthy"


def test_the_checkpoint_log_tells_how_long_each_event_waited(store: EventStore, clock: HandClock) -> None:
    log, runner = BankLog(store, seed=3), runner_of(store, AccountBalances())
    expected = []
    for waited in (0.2, 5.0, 0.4):
        before = store.head_position()
        log.write(4)
        clock.pause(waited)
        runner.catch_up()
        expected += [(position, waited) for position in range(before + 1, store.head_position() + 1)]
    log.write(1)

    found = delays(store, "account_balances")
    assert [(delay.position, pytest.approx(delay.seconds)) for delay in found] == expected
    latest = delays(store, "account_balances", latest=3)
    assert [delay.position for delay in latest] == [position for position, _ in expected[-3:]]


def test_a_rebuild_makes_no_old_event_late(store: EventStore, log: BankLog, clock: HandClock) -> None:
    runner = runner_of(store, AccountBalances())
    runner.catch_up()
    before = delays(store, "account_balances")
    clock.pause(86_400)
    runner.rebuild()
    assert delays(store, "account_balances") == before
    log.write(1)
    clock.pause(3)
    runner.catch_up()
    assert {delay.seconds for delay in delays(store, "account_balances")[len(before) :]} == {3.0}
    assert delays(store, "never_ran") == []


def test_opentelemetry_reads_seconds_and_positions_of_each_projection(
    store: EventStore, log: BankLog, clock: HandClock
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    register_lag_gauges(store, meter=provider.get_meter("test"))
    runner_of(store, AccountBalances()).catch_up()
    runner_of(store, PendingWithdrawals()).catch_up(up_to=whole_log(store)[-3].global_position)
    clock.pause(1.5)

    assert collected(reader) == {
        LAG: ("s", {"account_balances": 0.0, "pending_withdrawals": 1.5}),
        LAG_POSITIONS: ("{position}", {"account_balances": 0, "pending_withdrawals": 2}),
    }
    runner_of(store, PendingWithdrawals()).catch_up()
    assert collected(reader)[LAG] == ("s", {"account_balances": 0.0, "pending_withdrawals": 0.0})


def collected(reader: InMemoryMetricReader) -> dict[str, tuple[str | None, dict[object, float]]]:
    """What a collection finds now: unit and value by projection, for each gauge."""
    data = reader.get_metrics_data()
    assert data is not None
    found = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        points = [point for point in metric.data.data_points if isinstance(point, NumberDataPoint)]
        values: dict[object, float] = {(point.attributes or {})["projection"]: point.value for point in points}
        found[metric.name] = (metric.unit, values)
    return found


def test_the_picture_names_both_thresholds_in_words(store: EventStore, log: BankLog, clock: HandClock) -> None:
    """Colour never carries meaning alone: each line has a style and a sentence of its own."""
    runner_of(store, AccountBalances()).catch_up()
    waited = lag_table(delays(store, "account_balances"))
    assert waited["seconds"].max() == 40.0
    monitor = LagMonitor(store, ["account_balances"])
    monitor.sample()
    assert lag_table(monitor.history("account_balances"))["seconds"].tolist() == [0.0]

    [axes] = lag_figure(waited, title="account_balances").axes
    curve, healthy, alarm = axes.get_lines()
    assert list(curve.get_ydata()) == waited["seconds"].tolist()
    assert [line.get_ydata()[0] for line in (healthy, alarm)] == [0.5, 2.0]
    assert len({line.get_linestyle() for line in (curve, healthy, alarm)}) == 3
    said = " ".join(text.get_text() for text in axes.texts)
    assert "healthy below 0.5 s" in said
    assert "alarm above 2 s" in said
    assert as_png(lag_figure(waited)) == as_png(lag_figure(waited))
