"""The picture of a case shows what diff found: same sums, same differences."""

from pathlib import Path

import pytest

from esworkbench.composition import capture
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.timeline import timeline
from esworkbench.forensics.investigation.seven_steps import suspicious
from esworkbench.lab import Incident, build_incident, reveal
from esworkbench.plots import as_data_uri, as_png, balance_figure, window_figure


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Incident:
    url = f"sqlite:///{tmp_path_factory.mktemp('timeline') / 'bank.db'}"
    return build_incident(url, fault="unresolved_pending", seed=11, scale="small")


@pytest.fixture(scope="module")
def evidence(incident: Incident) -> Evidence:
    return capture(incident.url, Path(incident.outside).parent / "evidence", progress=False)


def test_a_running_claim_that_agrees_is_drawn_on_the_sum(evidence: Evidence, incident: Incident) -> None:
    frame = timeline(evidence, incident.account, incident.currency, against="transaction_history")
    assert len(frame) > 50
    assert frame["claimed_minor"].notna().all()
    assert (frame["claimed_minor"] == frame["event_sum_minor"]).all()


def test_a_statement_parts_once_and_by_the_planted_amount(evidence: Evidence, incident: Incident) -> None:
    [planted] = reveal(incident.url)
    frame = timeline(evidence, incident.account, incident.currency, against="statement.csv")
    claims = frame.dropna(subset=["claimed_minor"])
    apart = claims["claimed_minor"] - claims["event_sum_minor"]
    assert set(apart) == {0, planted.amount}
    assert apart.is_monotonic_increasing
    assert claims["position"][apart != 0].min() >= planted.positions[0]


def test_without_a_source_nothing_is_claimed(evidence: Evidence, incident: Incident) -> None:
    frame = timeline(evidence, incident.account, incident.currency)
    assert frame["claimed_minor"].isna().all()
    assert frame["event_sum_minor"].iloc[-1] == incident.claimed_minor - 4723


def test_the_event_that_moves_the_difference_stands_out_first(evidence: Evidence, incident: Incident) -> None:
    [planted] = reveal(incident.url)
    suspects = suspicious(evidence, incident.account, incident.currency, planted.amount)
    assert planted.event_ids[0] in {suspect.event_id for suspect in suspects if "exactly" in suspect.why}
    assert "exactly" in suspects[0].why


def test_without_a_difference_no_event_is_said_to_move_it(evidence: Evidence, incident: Incident) -> None:
    assert not [each for each in suspicious(evidence, incident.account, incident.currency, 0) if "exactly" in each.why]


def test_the_same_picture_has_the_same_bytes(evidence: Evidence, incident: Incident) -> None:
    frame = timeline(evidence, incident.account, incident.currency, against="statement.csv")
    first, second = (as_png(balance_figure(frame, currency="USD", culprits=[5])) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert as_data_uri(balance_figure(frame, currency="USD")).startswith("data:image/png;base64,")


def test_a_window_is_drawn_with_and_without_claims(evidence: Evidence, incident: Incident) -> None:
    for against in ("statement.csv", None):
        frame = timeline(evidence, incident.account, incident.currency, against=against)
        figure = window_figure(frame, currency="USD", good=0, bad=len(frame), probe=None)
        assert len(figure.axes) == 1


@pytest.mark.parametrize(
    ("currency", "decimals", "unit", "major"),
    [
        ("USD", None, "USD", 100),
        ("XOF", None, "XOF", 1),
        ("USD", 4, "USD", 10_000),
        ("PTS", None, "minor units of PTS", 1),
    ],
)
def test_a_picture_is_drawn_by_the_scale_of_its_amounts(
    evidence: Evidence, incident: Incident, currency: str, decimals: int | None, unit: str, major: int
) -> None:
    frame = timeline(evidence, incident.account, incident.currency, against="statement.csv")
    figures = [
        balance_figure(frame, currency=currency, decimals=decimals),
        window_figure(frame, currency=currency, decimals=decimals, good=0, bad=len(frame), probe=None),
    ]
    for figure in figures:
        axes = figure.axes[0]
        assert axes.get_ylabel() == f"balance, {unit}"
        assert float(axes.lines[0].get_ydata()[-1]) == frame["event_sum_minor"].iloc[-1] / major
