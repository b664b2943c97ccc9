"""From a bank's file to evidence: every line an event, a posting and a claim; a bad file is one clear sentence."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence, capture

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
    assert positions == [("1",), ("2",), ("3",), ("4",)]


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


def test_a_file_whose_order_is_known_is_left_in_it(tmp_path: Path) -> None:
    known = LEDGER.replace("rounding_limit = 10", 'order = "file"')
    evidence = captured(tmp_path, HEADER + ROWS, known)
    assert [p.event_id for p in evidence.postings("A")] == ["4", "2", "1"]
    assert evidence.manifest.order is None


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
