"""From a bank's file to evidence: every line an event, a posting and a claim; a bad file is one clear sentence."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence, capture
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.investigation.investigate import investigate
from esworkbench.forensics.replay.replay import balance_at

LEDGER = """
name = "small"
[file]
delimiter = ";"
date_format = "%Y-%m-%d"
currency = "CHF"
rounding_limit = 10
[file.columns]
id = "id"
account = "account"
date = "date"
type = "type"
amount = "amount"
balance = "balance"
[file.sign]
IN = 1
OUT = -1
"""
HEADER = "id;account;date;type;amount;balance\n"
ROWS = """4;A;2026-01-02;OUT;30.00;170.00
2;A;2026-01-01;IN;100.00;200.00
1;A;2026-01-01;IN;100.00;100.00
3;B;2026-01-01;IN;7.00;7.00
"""


def captured(folder: Path, text: str | bytes, ledger: str = LEDGER) -> Evidence:
    source, description = folder / "bank.csv", folder / "bank.toml"
    source.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    description.write_text(ledger, encoding="utf-8")
    return capture(str(source), folder / "evidence", ledger=description, progress=False)


def test_lines_become_events_postings_and_running_claims_in_the_order_found(tmp_path: Path) -> None:
    evidence = captured(tmp_path, HEADER + ROWS)
    assert [(p.event_id, p.version, p.amount_minor) for p in evidence.postings("A")] == [
        ("1", 1, 10_000),
        ("2", 2, 10_000),
        ("4", 3, -3_000),
    ]
    claims = evidence.assertions("A", "CHF", source="file", kind="running")
    assert [(c.claimed_minor, c.step_minor, c.order_key) for c in claims] == [
        (10_000, 10_000, 1),
        (20_000, 10_000, 2),
        (17_000, -3_000, 3),
    ]
    assert claims[0].day == date(2026, 1, 1)
    assert claims[0].recorded_at == claims[0].valid_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert evidence.manifest.order == {"exact": 3, "rounded": 0, "unresolved": 0, "ambiguous": 0}
    positions = evidence.connection().execute("SELECT event_id FROM events ORDER BY position").fetchall()
    assert positions == [("3",), ("1",), ("2",), ("4",)], "the newest line stands first, so the last is the oldest"


def test_an_event_keeps_the_texts_of_its_line(tmp_path: Path) -> None:
    evidence = captured(tmp_path, HEADER + ROWS)
    (payload,) = evidence.connection().execute("SELECT payload FROM events WHERE event_id = '4'").fetchall()[0]
    assert json.loads(payload) == {
        "id": "4", "account": "A", "date": "2026-01-02", "type": "OUT", "amount": "30.00", "balance": "170.00",
    }  # fmt: skip


def test_each_day_says_how_its_order_was_found(tmp_path: Path) -> None:
    rounded = "5;B;2026-01-02;IN;1.00;8.10\n"
    unresolved = "6;B;2026-01-03;IN;1.00;99.00\n"
    evidence = captured(tmp_path, HEADER + ROWS + rounded + unresolved)
    days = evidence.connection().execute(
        "SELECT account, day, rows, verdict, rounded_steps, largest_residual_minor FROM order_days ORDER BY 1, 2"
    )
    assert days.fetchall() == [
        ("A", date(2026, 1, 1), 2, "exact", 0, 0),
        ("A", date(2026, 1, 2), 1, "exact", 0, 0),
        ("B", date(2026, 1, 1), 1, "exact", 0, 0),
        ("B", date(2026, 1, 2), 1, "rounded", 1, 10),
        ("B", date(2026, 1, 3), 1, "unresolved", 0, 8_990),
    ]
    assert [(claim.claimed_minor, claim.step_minor) for claim in evidence.assertions("B")] == [
        (700, 700),
        (810, 110),
        (9_900, 9_090),
    ]


IN_FILE_ORDER = LEDGER.replace("rounding_limit = 10", 'order = "file"')


def test_a_file_whose_order_is_known_is_left_in_it(tmp_path: Path) -> None:
    oldest_first = "".join(reversed(ROWS.splitlines(keepends=True)))
    evidence = captured(tmp_path, HEADER + oldest_first, IN_FILE_ORDER)
    assert [p.event_id for p in evidence.postings("A")] == ["1", "2", "4"]
    assert evidence.manifest.order is None
    assert not any("newest" in each for each in evidence.manifest.assumptions)


def test_a_file_that_runs_newest_first_is_read_from_its_end_and_says_so(tmp_path: Path) -> None:
    evidence = captured(tmp_path, HEADER + ROWS, IN_FILE_ORDER)
    assert [p.event_id for p in evidence.postings("A")] == ["1", "2", "4"]
    assert diff(evidence).divergent == 0
    assert any("newest line first" in each for each in evidence.manifest.assumptions)


def test_balances_tell_which_way_a_file_of_one_day_runs(tmp_path: Path) -> None:
    one_day = "3;A;2026-01-01;OUT;5.00;25.00\n2;A;2026-01-01;IN;10.00;30.00\n1;A;2026-01-01;IN;20.00;20.00\n"
    assert diff(captured(tmp_path, HEADER + one_day, IN_FILE_ORDER)).divergent == 0


def test_a_wrong_balance_does_not_turn_a_file_round(tmp_path: Path) -> None:
    rows = "1;A;2026-01-01;IN;20.00;20.00\n2;A;2026-01-02;IN;10.00;31.00\n3;A;2026-01-03;OUT;5.00;26.00\n"
    evidence = captured(tmp_path, HEADER + rows, IN_FILE_ORDER)
    assert [(row.at_position, row.delta) for row in diff(evidence).rows] == [(2, 100)]


def test_each_account_begins_with_what_its_own_first_row_implies(tmp_path: Path) -> None:
    rows = (
        "1;A;2026-01-02;OUT;10.00;490.00\n2;B;2026-01-02;IN;5.00;25.00\n3;A;2026-01-03;OUT;90.00;400.00\n"
        "4;C;2026-01-03;IN;1.00;1.00\n5;D;2026-01-03;IN;1.00;1.00\n"
    )
    for setting in ("", "\nopening_minor = 50000"):
        folder = tmp_path / f"with{len(setting)}"
        folder.mkdir()
        evidence = captured(folder, HEADER + rows, LEDGER.replace("[file]", f"[file]{setting}"))
        assert (evidence.opening("A", "CHF"), evidence.opening("B", "CHF")) == (50_000, 2_000)
        assert (balance_at(evidence, "A").balance, balance_at(evidence, "B").balance) == (40_000, 2_500)
        assert diff(evidence).divergent == 0
        [assumption] = evidence.manifest.assumptions
        assert "A with 500.00 CHF, B with 20.00 CHF, C with 0.00 CHF and 1 more" in assumption
        assert ("one figure for several accounts" in assumption) == bool(setting)


def test_an_opening_that_is_said_of_the_only_account_is_held_against_its_first_row(tmp_path: Path) -> None:
    ledger = LEDGER.replace("[file]", "[file]\nopening_minor = 50000")
    rows = "1;A;2026-01-02;OUT;10.00;489.00\n2;A;2026-01-03;OUT;90.00;399.00\n"
    evidence = captured(tmp_path, HEADER + rows, ledger)
    assert evidence.manifest.assumptions == []
    assert [(row.at_position, row.delta) for row in diff(evidence).rows] == [(1, -100)]


@pytest.mark.parametrize("order", ["day", "file"])
def test_a_certain_divergence_is_the_same_for_diff_bisect_and_investigate(tmp_path: Path, order: str) -> None:
    rows = "11;K;2025-03-03;IN;250.00;250.00\n12;K;2025-03-04;OUT;40.00;198.00\n13;K;2025-03-05;OUT;8.00;190.00\n"
    evidence = captured(tmp_path, HEADER + rows, LEDGER.replace("rounding_limit = 10", f'order = "{order}"'))
    [row] = diff(evidence).rows
    assert (row.account, row.delta, row.at_position) == ("K", -1_200, 2)
    found = bisect(evidence, "K")
    assert (found.event_id, found.position, found.delta) == ("12", 2, -1_200)
    inquiry = investigate(evidence, account="K")
    assert (inquiry.claimed_by, inquiry.claimed, inquiry.event_sum) == ("file", 19_000, 20_200)
    assert "event 12" in inquiry.steps[3].answer
    assert [(each.amount, each.at_position) for each in inquiry.unexplained] == [(-1_200, 2)]


def test_a_row_missing_from_a_day_of_several_is_one_divergence_of_its_amount(tmp_path: Path) -> None:
    rows = (
        "1;A;2026-01-01;IN;100.00;100.00\n4;A;2026-01-02;OUT;7.00;150.00\n2;A;2026-01-02;IN;50.00;150.00\n"
        "5;A;2026-01-02;IN;1.00;151.00\n6;A;2026-01-03;IN;9.00;160.00\n"
    )
    evidence = captured(tmp_path, HEADER + rows, LEDGER.replace("rounding_limit = 10\n", ""))
    found = diff(evidence)
    assert [row.delta for row in found.rows] == [700]
    assert [problem.rows for problem in found.order_problems] == [3]
    assert "the 3 rows of its day add up in no order" in bisect(evidence, "A").note


def test_a_wrong_balance_inside_a_day_heals_and_leaves_the_sum_right(tmp_path: Path) -> None:
    rows = (
        "1;A;2026-01-01;IN;100.00;100.00\n2;A;2026-01-02;IN;50.00;157.00\n3;A;2026-01-02;OUT;30.00;120.00\n"
        "4;A;2026-01-03;IN;5.00;125.00\n"
    )
    evidence = captured(tmp_path, HEADER + rows, LEDGER.replace("rounding_limit = 10\n", ""))
    assert [(row.at_position, row.delta) for row in diff(evidence).rows] == [(2, 700), (3, 0)]


def test_a_clock_time_is_kept_and_days_begin_at_midnight_in_the_ledgers_zone(tmp_path: Path) -> None:
    zoned = LEDGER.replace('name = "small"', 'name = "small"\ntime_zone = "Europe/London"')
    local = zoned.replace('"%Y-%m-%d"', '"%Y-%m-%d %H:%M"')
    rows = "1;A;2024-07-01 00:30;IN;1.00;1.00\n2;A;2024-07-01 23:30;IN;1.00;2.00\n"
    evidence = captured(tmp_path, HEADER + rows, local)
    assert [p.recorded_at for p in evidence.postings("A")] == [
        datetime(2024, 6, 30, 23, 30, tzinfo=UTC),
        datetime(2024, 7, 1, 22, 30, tzinfo=UTC),
    ]
    assert {claim.day for claim in evidence.assertions("A")} == {date(2024, 7, 1)}


def test_an_offset_in_the_file_wins_over_the_ledgers_zone(tmp_path: Path) -> None:
    zoned = LEDGER.replace('name = "small"', 'name = "small"\ntime_zone = "Europe/London"')
    rows = "1;A;2024-07-01T00:30:00+0000;IN;1.00;1.00\n"
    evidence = captured(tmp_path, HEADER + rows, zoned.replace('"%Y-%m-%d"', '"%Y-%m-%dT%H:%M:%S%z"'))
    assert evidence.postings("A")[0].recorded_at == datetime(2024, 7, 1, 0, 30, tzinfo=UTC)
    assert evidence.assertions("A")[0].day == date(2024, 7, 1)


def test_a_date_alone_is_its_midnight_in_the_ledgers_zone(tmp_path: Path) -> None:
    evidence = captured(tmp_path, HEADER + ROWS, LEDGER.replace("[file]", 'time_zone = "America/New_York"\n[file]'))
    assert evidence.postings("B")[0].valid_at == datetime(2026, 1, 1, 5, tzinfo=UTC)
    assert evidence.assertions("B")[0].day == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("marks", "amount", "minor"),
    [
        ("decimal_mark = ','\nthousands_mark = '.'", "2.500", 250_000),
        ("decimal_mark = ','\nthousands_mark = '.'", "1.250,5", 125_050),
        ("decimal_mark = ','\nthousands_mark = ' '", "1 250 000,05", 125_000_005),
        ("thousands_mark = '\u202f'", "1\u202f250.05", 125_005),
        ("thousands_mark = ','", "1,250.05", 125_005),
        ('thousands_mark = "\'"', "1'250", 125_000),
        ("thousands_mark = ','", "12.05", 1_205),
    ],
)
def test_thousands_are_read_where_the_mark_is_said(tmp_path: Path, marks: str, amount: str, minor: int) -> None:
    evidence = captured(
        tmp_path, HEADER + f"1;A;2026-01-01;IN;{amount};{amount}\n", LEDGER.replace("[file]", f"[file]\n{marks}")
    )
    assert [p.amount_minor for p in evidence.postings("A")] == [minor]


@pytest.mark.parametrize(
    ("marks", "amount", "words"),
    [
        ("decimal_mark = ','", "2.500", "if '.' groups thousands, say `thousands_mark = \".\"`"),
        ("decimal_mark = ','", "2.50", "decimals stand behind ',' (`decimal_mark`)"),
        ("", "1,000.00", "if ',' groups thousands, say `thousands_mark = \",\"`"),
        ("", "1'000.00", '`thousands_mark = "\'"`'),
        ("thousands_mark = ','", "10,00", "`thousands_mark` is ',' and `decimal_mark` '.'"),
        ("thousands_mark = ','", "1,000,0.5", "`thousands_mark` is ','"),
        ("", "1.005", "see `scale` and `decimals`"),
    ],
)
def test_a_mark_that_is_not_said_is_never_guessed(tmp_path: Path, marks: str, amount: str, words: str) -> None:
    with pytest.raises(UnusableInput, match="line 2") as caught:
        captured(tmp_path, HEADER + f"1;A;2026-01-01;IN;{amount};1\n", LEDGER.replace("[file]", f"[file]\n{marks}"))
    assert words in str(caught.value)


def test_an_account_whose_claims_agree_is_claimed_by_the_file(tmp_path: Path) -> None:
    inquiry = investigate(captured(tmp_path, HEADER + ROWS), account="A")
    assert (inquiry.claimed_by, inquiry.claimed, inquiry.delta) == ("file", 17_000, 0)
    assert "nobody" not in inquiry.question


def test_a_column_may_say_the_currency_and_amounts_their_own_sign(tmp_path: Path) -> None:
    ledger = """
name = "signed"
[file]
date_format = "%d.%m.%y"
decimal_mark = ","
delimiter = ";"
header = false
encoding = "latin-1"
names = ["n", "konto", "tag", "betrag", "saldo", "w"]
columns = { id = "n", account = "konto", date = "tag", amount = "betrag", balance = "saldo", currency = "w" }
"""
    evidence = captured(
        tmp_path, "1;Zürich;01.02.26;-5,5;-5,50;EUR\n2;Zürich;01.02.26;3;3,00;USD\n".encode("latin-1"), ledger
    )
    assert evidence.accounts() == [("Zürich", "EUR"), ("Zürich", "USD")]
    assert [(p.currency, p.amount_minor) for p in evidence.postings("Zürich")] == [("EUR", -550), ("USD", 300)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (HEADER, "has no rows"),
        ("id;account;date;type;amount\n" + ROWS, "has no column 'balance'"),
        ("id;id;account;date;type;amount;balance\n", "the column 'id' more than once"),
        (HEADER + "1;A;2026-01-01;IN;1.005;1.00\n", "line 2: amount '1.005' is not an amount with at most 2 decimals"),
        (HEADER + "1;A;2026-01-01;IN;1.00;NaN\n", "line 2: balance 'NaN' is not an amount"),
        (HEADER + "1;A;2026-01-01;IN;1,000.00;1.00\n", "line 2: amount '1,000.00' is not an amount"),
        (HEADER + "1;A;2026-01-01;IN;1e99999999999999999999;1.00\n", "line 2: amount '1e9999"),
        (HEADER + "1;A;2026-01-01;IN;1e999999990;1.00\n", "line 2: amount '1e9999"),
        (HEADER + "1;;2026-01-01;IN;1.00;1.00\n", "line 2: account is empty"),
        (
            HEADER + "1;A;2026-01-01;IN;-5.00;1.00\n",
            "line 2: amount '-5.00' is negative, though its type already has a sign",
        ),
        (HEADER + "1;A;2026-13-01;IN;1.00;1.00\n", "line 2: date '2026-13-01' isn't a date of the form %Y-%m-%d"),
        (HEADER + "1;A;2026-01-01;FEE;1.00;1.00\n", "line 2: type 'FEE' has no sign"),
        (HEADER + "1;A;2026-01-01;IN;1.00\n", "line 2 has 1 fields too few"),
        (HEADER + "1;A;2026-01-01;IN;1.00;1.00;x;y\n", "line 2 has 2 fields too many"),
        (HEADER + ROWS + "3;B;2026-01-01;IN;7.00;14.00\n", "the id '3' is on line 5 and again on line 6"),
        (HEADER + '1;"A;2026-01-01;IN;1.00;1.00\n', "line 2: unexpected end of data"),
        (HEADER.encode() + b"1;\xe9;2026-01-01;IN;1.00;1.00\n", "is not utf-8 text"),
    ],
)
def test_a_bad_file_is_one_sentence_and_leaves_nothing(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(UnusableInput) as caught:
        captured(tmp_path, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bank.csv", "bank.toml"]


def test_an_encoding_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="encoding 'klingon', which is not known"):
        captured(tmp_path, HEADER + ROWS, LEDGER.replace("[file]", '[file]\nencoding = "klingon"'))


def test_a_file_without_a_ledger_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "bank.csv").write_text(HEADER + ROWS, encoding="utf-8")
    with pytest.raises(UnusableInput, match="needs a ledger file"):
        capture(str(tmp_path / "bank.csv"), tmp_path / "evidence", progress=False)


def test_a_ledger_of_events_does_not_describe_a_file(tmp_path: Path) -> None:
    posting = 'name = "x"\n[[posting]]\nevent = "P"\namount = "a"\ncurrency = "USD"\nkind = "k"\n'
    with pytest.raises(UnusableInput, match="describes events"):
        captured(tmp_path, HEADER + ROWS, posting)
