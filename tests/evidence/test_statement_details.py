"""What banks say beside days and amounts, and where: pages, batches, corrections, references, and where it begins."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bank_days import Account, Day, camt053, mt940, ofx
from test_hostile_statements import CAMT, DAY, MT, OFX1, ONE, batch, read

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.statement_file import StatementLine
from esworkbench.evidence.capturing.statements.recognise import StatementRead, with_accounts_of

ZONE = ZoneInfo("Europe/Berlin")


def booked(found: StatementRead) -> list[tuple[str, int]]:
    return [(line.reference, line.amount_minor) for line in found.lines if line.kind == "entry"]


def days(lines: list[StatementLine]) -> list[tuple[str, date]]:
    return [(line.kind, line.booked_at.astimezone(ZONE).date()) for line in lines]


def first_of(found: StatementRead) -> StatementLine:
    return next(line for line in found.lines if line.kind == "entry")


# CAMT.053


@pytest.mark.parametrize("status", ["PDNG", "INFO", "FUTR"])
def test_what_no_balance_counts_is_no_line(status: str, tmp_path: Path) -> None:
    found = read(tmp_path, CAMT.replace("<Sts><Cd>BOOK", f"<Sts><Cd>{status}", 1))
    assert booked(found) == [("pay", 99)]
    assert any(each.startswith("1 entries of") for each in found.said)


def test_a_part_of_a_batch_may_go_the_other_way(tmp_path: Path) -> None:
    text = batch(["3.00", "0.50"])
    for amount, way in (("3.00", "DBIT"), ("0.50", "CRDT")):
        text = text.replace(f"{amount}</Amt>", f"{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd>")
    assert booked(read(tmp_path, text)) == [("E0", -300), ("E1", 50), ("pay", 99)]


@pytest.mark.parametrize("amounts", [["2.00", "0.50"], ["2.50", "7.00"]])
def test_a_batch_of_which_a_part_is_told_in_another_currency_is_one_line(amounts: list[str], tmp_path: Path) -> None:
    text = batch(amounts).replace(f'"EUR">{amounts[1]}</Amt></TxDtls>', f'"USD">{amounts[1]}</Amt></TxDtls>')
    assert booked(read(tmp_path, text)) == [("B1", -250), ("pay", 99)]


def test_a_part_of_a_batch_has_the_id_that_it_is_given(tmp_path: Path) -> None:
    text = batch(["2.00", "0.50"]).replace("<EndToEndId>E0<", "<AcctSvcrRef>P0</AcctSvcrRef><EndToEndId>E0<")
    assert [line.bank_id for line in read(tmp_path, text).lines if line.kind == "entry"] == ["P0", "B1", "B2"]


def test_a_page_has_interim_balances_at_its_ends(tmp_path: Path) -> None:
    text = CAMT.replace("OPBD", "ITBD").replace("CLBD", "ITBD")
    [last] = re.findall(r"<Bal>(?:(?!<Bal>).)*8\.49.*?</Bal>", text)
    between = last.replace("8.49", "7.50")
    found = read(tmp_path, text.replace(last, between + last))
    assert [line.balance_minor for line in found.lines if line.amount_minor == 0] == [1_000, 849]


def test_a_statement_may_open_with_the_balance_that_the_one_before_closed_with(tmp_path: Path) -> None:
    first = read(tmp_path, CAMT.replace("OPBD", "PRCD")).lines[0]
    assert (first.kind, first.balance_minor, first.balance_is_computed) == ("opening", 1_000, False)


def test_pages_of_one_statement_are_no_repetition(tmp_path: Path) -> None:
    second = ONE[0]._replace(opening=849, begins=DAY, entries=[Day(DAY, DAY, 1, "more", "B3")])
    text = camt053([*ONE, second])
    for number in (0, 1):
        text = text.replace(f"<Id>S{number}</Id>", f"<Id>S</Id><StmtPgntn><PgNb>{number}</PgNb></StmtPgntn>")
    assert booked(read(tmp_path, text)) == [("rent", -250), ("pay", 99), ("more", 1)]


def test_an_entry_without_a_day_of_booking_stands_at_its_value_day(tmp_path: Path) -> None:
    text = re.sub("<BookgDt>.*?</BookgDt>", "", CAMT, count=1)
    assert days(read(tmp_path, text).lines)[1] == ("entry", DAY)


@pytest.mark.parametrize(
    ("told", "reference"),
    [
        ("<EndToEndId>NOTPROVIDED</EndToEndId><InstrId>I</InstrId><TxId>T</TxId>", "I"),
        ("<EndToEndId>NotProvided</EndToEndId><TxId>T</TxId>", "T"),
        ("<EndToEndId>NOTPROVIDED</EndToEndId>", "B1"),
    ],
)
def test_where_the_payer_gave_no_reference_the_payment_is_known_by_the_next(
    told: str, reference: str, tmp_path: Path
) -> None:
    assert first_of(read(tmp_path, CAMT.replace("<EndToEndId>rent</EndToEndId>", told))).reference == reference


def test_the_bank_s_id_may_stand_in_the_only_transaction(tmp_path: Path) -> None:
    text = CAMT.replace("<AcctSvcrRef>B1</AcctSvcrRef>", "").replace(
        "<Refs><EndToEndId>rent", "<Refs><AcctSvcrRef>P1</AcctSvcrRef><EndToEndId>rent"
    )
    assert first_of(read(tmp_path, text)).bank_id == "P1"


def test_an_account_without_iban_has_another_id(tmp_path: Path) -> None:
    text = CAMT.replace("<IBAN>DE89</IBAN>", "<Othr><Id>47-11</Id></Othr>")
    assert {line.account for line in read(tmp_path, text).lines} == {"47-11"}


def test_an_amount_with_a_plus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"'\+2.50' has a sign"):
        read(tmp_path, CAMT.replace(">2.50<", ">+2.50<"))


def test_a_date_with_an_offset_is_that_day_of_the_bank_s(tmp_path: Path) -> None:
    text = CAMT.replace("<BookgDt><Dt>2026-03-05", "<BookgDt><Dt>2026-03-05+14:00", 1)
    assert days(read(tmp_path, text).lines)[1] == ("entry", DAY)


def test_the_other_end_is_computed_and_stands_at_the_last_day(tmp_path: Path) -> None:
    later = DAY + timedelta(days=2)
    account = ONE[0]._replace(entries=[ONE[0].entries[0], Day(later, later, 99, "pay", "B2")])
    text = re.sub(r"<Bal>(?:(?!<Bal>).)*CLBD.*?</Bal>", "", camt053([account]))
    found = read(tmp_path, text)
    last = found.lines[-1]
    assert (last.kind, last.balance_minor, last.balance_is_computed) == ("closing", 849, True)
    assert days([last]) == [("closing", later)]
    assert any("states a balance at one end alone" in each for each in found.said)


# MT940


@pytest.mark.parametrize(
    ("words", "reference"),
    [("?20EREF+INV-2026/03?21more", "INV-2026"), ("?20EREF+NOTPROVIDED?21more", "B1"), ("?20none", "B1")],
)
def test_the_payer_s_reference_may_stand_among_the_words(words: str, reference: str, tmp_path: Path) -> None:
    text = MT.replace("NTRFrent//B1", "NTRFNONREF//B1").replace("?20some words", words, 1)
    assert first_of(read(tmp_path, text)).reference == reference


def test_a_reference_longer_than_sixteen_characters_stays_whole(tmp_path: Path) -> None:
    assert first_of(read(tmp_path, MT.replace("NTRFrent", "NTRFRENT-OF-MARCH-2026"))).reference == "RENT-OF-MARCH-2026"


def test_two_closing_balances_in_one_message_are_refused(tmp_path: Path) -> None:
    [closing] = re.findall(":62F:.*", MT)
    with pytest.raises(UnusableInput, match="it states 2 closing balances"):
        read(tmp_path, MT.replace(closing, f"{closing}\n{closing}"))


def test_a_message_in_the_middle_opens_and_closes_with_intermediate_balances(tmp_path: Path) -> None:
    found = read(tmp_path, MT.replace(":60F:", ":60M:").replace(":62F:", ":62M:"))
    assert [line.balance_minor for line in found.lines if line.amount_minor == 0] == [1_000, 849]


# OFX


@pytest.mark.parametrize(
    ("action", "left"), [("REPLACE", [("pay", 99)]), ("DELETE", [])]
)  # fmt: skip
def test_what_a_later_transaction_corrects_does_not_count(
    action: str, left: list[tuple[str, int]], tmp_path: Path
) -> None:
    text = OFX1.replace("<FITID>B2", f"<FITID>B2\n<CORRECTFITID>B1\n<CORRECTACTION>{action}")
    found = read(tmp_path, text)
    assert booked(found) == left
    assert any("takes 'B1' back by 'B2': only the latter counts" in each for each in found.said)


def test_an_amount_in_another_currency_than_the_account_s_is_refused(tmp_path: Path) -> None:
    foreign = "<NAME>SOMEBODY &amp; CO\n<CURRENCY>\n<CURRATE>1.1\n<CURSYM>USD\n</CURRENCY>\n</STMTTRN>"
    with pytest.raises(UnusableInput, match="its amount is in 'USD', and the account in EUR"):
        read(tmp_path, re.sub("<NAME>SOMEBODY &amp; CO\n</STMTTRN>", foreign, OFX1, count=1))


@pytest.mark.parametrize(
    ("told", "reference"), [("<CHECKNUM>1007", "1007"), ("<REFNUM>NONREF", "B1"), ("<REFNUM>NONREF\n<CHECKNUM>7", "7")]
)
def test_a_payment_without_reference_is_known_by_its_cheque_or_by_the_bank_s_id(
    told: str, reference: str, tmp_path: Path
) -> None:
    assert first_of(read(tmp_path, OFX1.replace("<REFNUM>rent", told))).reference == reference


@pytest.mark.parametrize("later", [0, 1])
def test_a_balance_of_a_later_day_than_the_list_is_said(later: int, tmp_path: Path) -> None:
    of = f"{DAY + timedelta(days=later):%Y%m%d}"
    found = read(tmp_path, OFX1.replace(f"<DTASOF>{DAY:%Y%m%d}", f"<DTASOF>{of}"))
    assert any("states a balance of a later day" in each for each in found.said) is bool(later)


def test_pending_transactions_are_counted(tmp_path: Path) -> None:
    pending = "</LEDGERBAL>\n<BANKTRANLISTP>\n<STMTTRNP>\n<TRNAMT>-1.00\n</STMTTRNP>\n</BANKTRANLISTP>"
    found = read(tmp_path, OFX1.replace("</LEDGERBAL>", pending))
    assert booked(found) == [("rent", -250), ("pay", 99)]
    assert any(each.startswith("1 entries of") for each in found.said)


@pytest.mark.parametrize(("zone", "hour", "minute"), [("5.75:NPT", 4, 15), ("-3.5:NST", 13, 30), ("+1:CET", 9, 0)])
def test_an_offset_is_told_in_hours_and_parts_of_them(zone: str, hour: int, minute: int, tmp_path: Path) -> None:
    text = OFX1.replace("<DTPOSTED>20260305", f"<DTPOSTED>20260305100000.000[{zone}]", 1)
    assert next(line for line in read(tmp_path, text).lines if line.bank_id == "B1").booked_at == datetime(
        2026, 3, 5, hour, minute, tzinfo=UTC
    )


def test_a_decimal_comma_is_one(tmp_path: Path) -> None:
    found = read(tmp_path, OFX1.replace("<TRNAMT>-2.50", "<TRNAMT>-2,50").replace("<BALAMT>8.49", "<BALAMT>8,49"))
    assert [line.balance_minor for line in found.lines] == [1_000, 750, 849, 849]


def test_the_statement_of_a_card_is_one(tmp_path: Path) -> None:
    text = OFX1.replace("BANKMSGSRSV1", "CREDITCARDMSGSRSV1").replace("STMTTRNRS", "CCSTMTTRNRS")
    text = text.replace("<STMTRS>", "<CCSTMTRS>").replace("</STMTRS>", "</CCSTMTRS>")
    text = (
        text.replace("BANKACCTFROM", "CCACCTFROM").replace("<BANKID>37040044\n", "").replace("<ACCTTYPE>CHECKING\n", "")
    )
    assert {line.account for line in read(tmp_path, text).lines} == {"DE89"}


# Statements after one another


def part(opening: int, day: date, amount: int, *, begins: date | None = None) -> Account:
    return Account("DE89", "EUR", opening, begins or day, day, [Day(day, day, amount, f"R{amount}", f"B{amount}")])


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_step_between_two_statements_is_a_line_and_no_step_is_none(newest_first: bool, tmp_path: Path) -> None:
    next_day = DAY + timedelta(days=1)
    for opening, kinds in ((750, []), (760, ["opening"])):
        parts = [part(1_000, DAY, -250), part(opening, next_day, 99)]
        lines = read(tmp_path, mt940(parts[::-1] if newest_first else parts)).lines
        assert [line.kind for line in lines] == ["opening", "entry", "closing", *kinds, "entry", "closing"]
        assert [line.line for line in lines] == list(range(1, len(lines) + 1))
        assert lines[-1].balance_minor == opening + 99


@pytest.mark.parametrize("writer", [mt940, lambda accounts: ofx(accounts, 1)])
def test_of_statements_that_close_on_one_day_the_first_is_the_one_that_opened_first(
    writer: Callable[[list[Account]], str], tmp_path: Path
) -> None:
    before = DAY - timedelta(days=3)
    early = Account("DE89", "EUR", 1_000, before, DAY, [Day(before, before, -250, "R", "B")])
    lines = read(tmp_path, writer([part(750, DAY, 99), early])).lines
    assert [line.amount_minor for line in lines if line.kind == "entry"] == [-250, 99]
    assert [line.kind for line in lines].count("opening") == 1


def opening_day(text: str, tmp_path: Path) -> date:
    [(kind, day), *_] = days(read(tmp_path, text).lines)
    assert kind == "opening"
    return day


def test_an_opening_balance_is_that_of_the_day_after_the_one_before_unless_the_statement_says_more(
    tmp_path: Path,
) -> None:
    """It bears the day on which the one before closed, or the first of its own."""
    last = DAY + timedelta(days=9)
    account = Account("DE89", "EUR", 1_000, DAY, last, [Day(last, last, 99, "pay", "B2")])
    assert opening_day(mt940([account]), tmp_path) == DAY + timedelta(days=1)
    assert opening_day(mt940([account._replace(entries=[Day(DAY, DAY, 99, "pay", "B2")])]), tmp_path) == DAY
    assert opening_day(ofx([account], 1), tmp_path) == DAY
    begins = "<FrToDt><FrDtTm>2026-03-03T00:00:00</FrDtTm></FrToDt><Acct>"
    assert opening_day(camt053([account]).replace("<Acct>", begins), tmp_path) == date(2026, 3, 3)


def test_a_closing_balance_stands_after_the_last_line_whatever_its_day(tmp_path: Path) -> None:
    later = DAY + timedelta(days=2)
    account = Account("DE89", "EUR", 1_000, DAY, DAY, [Day(later, later, 99, "pay", "B2")])
    assert days(read(tmp_path, mt940([account])).lines)[-1] == ("closing", later)


def test_newest_first_is_turned_around_day_by_day_and_inside_a_day(tmp_path: Path) -> None:
    later = DAY + timedelta(days=1)
    newest_first = [Day(later, later, 3, "c", "B3"), Day(DAY, DAY, 2, "b", "B2"), Day(DAY, DAY, 1, "a", "B1")]
    account = Account("DE89", "EUR", 0, DAY, later, newest_first)
    assert [reference for reference, _ in booked(read(tmp_path, camt053([account])))] == ["a", "b", "c"]


def test_a_time_without_an_offset_is_of_the_ledger_s_zone_and_midnight_is_the_day(tmp_path: Path) -> None:
    told = "<BookgDt><DtTm>2026-03-05T10:00:00</DtTm></BookgDt>"
    line = first_of(read(tmp_path, re.sub("<BookgDt>.*?</BookgDt>", told, CAMT, count=1)))
    assert (line.booked_at, line.by_day) == (datetime(2026, 3, 5, 9, tzinfo=UTC), False)
    line = first_of(read(tmp_path, re.sub("<BookgDt>.*?</BookgDt>", told.replace("T10", "T00"), CAMT, count=1)))
    assert (line.booked_at.astimezone(ZONE).date(), line.by_day) == (DAY, True)


def test_an_amount_beyond_what_is_counted_exactly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="beyond what is counted exactly"):
        read(tmp_path, CAMT.replace(">2.50<", f">{(2**53) // 100}.{2**53 % 100:02}<"))


def test_an_iban_is_the_same_with_spaces_and_in_small_letters(tmp_path: Path) -> None:
    found = read(tmp_path, CAMT)
    named = with_accounts_of(found, "march.txt", lambda: {"ACC-1"}, {"de 89": "ACC-1"})
    assert {line.account for line in named.lines} == {"ACC-1"}


def test_a_file_with_our_own_columns_may_tell_of_an_account_of_which_no_event_is_left(tmp_path: Path) -> None:
    head = "account_id,currency,booked_at,reference,amount_minor,balance_minor"
    text = f"{head}\nGONE,EUR,2026-03-05T10:00:00Z,r,1,1\n"
    found = read(tmp_path, text, "own.csv")
    assert with_accounts_of(found, "own.csv", lambda: {"ACC-1"}, {}) == found
    with pytest.raises(UnusableInput, match="is about 'DE89', which the ledger doesn't know"):
        with_accounts_of(read(tmp_path, CAMT), "march.txt", lambda: {"ACC-1"}, {})


def test_days_without_hours_are_said_to_be_days_of_the_ledger_s_zone(tmp_path: Path) -> None:
    assert any("tells days without hours: they were taken as days in Europe/Berlin" in each
               for each in read(tmp_path, CAMT).said)  # fmt: skip
