"""A real bank's file that nobody here wrote: an order where there is one, and no alarm for want of one."""

from pathlib import Path

import pytest

from esworkbench.evidence import Evidence, capture
from esworkbench.resources import data_path

FILE = Path(__file__).parents[3] / "shared" / "data" / "berka" / "trans.asc"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the bank's file has no licence, so it isn't kept here")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = tmp_path_factory.mktemp("berka") / "evidence"
    return capture(str(FILE), folder, ledger=data_path("ledgers", "berka.toml"), progress=False)


def test_nearly_every_day_chains_and_none_in_two_ways(evidence: Evidence) -> None:
    assert evidence.manifest.order == {"exact": 18_374, "rounded": 1_097, "unresolved": 16, "ambiguous": 0}
    assert evidence.manifest.rows["events"] == 23_932
    assert len(evidence.accounts()) == 591


def test_the_days_without_an_order_are_all_the_last_where_the_file_was_cut(evidence: Evidence) -> None:
    found = evidence.connection().execute("SELECT DISTINCT day FROM order_days WHERE verdict = 'unresolved'")
    assert [str(day) for (day,) in found.fetchall()] == ["1994-03-31"]


def test_rounding_stays_within_ten_and_takes_at_most_two_steps(evidence: Evidence) -> None:
    found = evidence.connection().execute(
        "SELECT rounded_steps, count(*), max(abs(largest_residual_minor)) FROM order_days "
        "WHERE verdict = 'rounded' GROUP BY 1 ORDER BY 1"
    )
    assert found.fetchall() == [(1, 1_079, 10), (2, 18, 10)]


def test_steps_part_from_amounts_only_where_the_days_say_so(evidence: Evidence) -> None:
    found = evidence.connection().execute(
        "SELECT count(*) FROM postings p JOIN assertions a USING (position) WHERE a.step_minor <> p.amount_minor"
    )
    rounded_steps, unresolved_days = 1_079 + 2 * 18, 16
    assert found.fetchall() == [(rounded_steps + unresolved_days,)]
