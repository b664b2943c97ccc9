"""Promise 17: statements come from strangers. What can't be read is refused in a sentence, and what is odd is said."""

import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bank_days import BANK_CSV, Account, Day, bank_csv, camt053, mt940, ofx, some_accounts

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.statements.recognise import StatementRead, format_of, read_lines
from esworkbench.evidence.ledger import LedgerDefinition

LEDGER = LedgerDefinition.parse(b'name = "l"\ntime_zone = "Europe/Berlin"\nwithout_posting = ["Nothing"]\n', "l.toml")
DESCRIBED = LedgerDefinition.parse(BANK_CSV.encode(), "bank.toml")
DAY = date(2026, 3, 5)
ONE = [Account("DE89", "EUR", 1_000, DAY, DAY, [Day(DAY, DAY, -250, "rent", "B1"), Day(DAY, DAY, 99, "pay", "B2")])]
CAMT, MT, OFX1, OFX2 = camt053(ONE), mt940(ONE), ofx(ONE, 1), ofx(ONE, 2)


def read(tmp_path: Path, text: str | bytes, name: str = "march.txt") -> StatementRead:
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_lines(tmp_path / name, LEDGER)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><Document><BkToCstmrStmt>&i;</BkToCstmrStmt></Document>"
)
FETCHED = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "at its beginning: it declares a document type or entities"),
        (FETCHED, "at its beginning: it declares a document type or entities"),
        (CAMT[:-40], "it is no whole XML document .*ask for it again"),
        (CAMT.replace("BkToCstmrStmt", "BkToCstmrAcctRpt"), "it holds BkToCstmrAcctRpt and no BkToCstmrStmt"),
        ("<html><body>log in</body></html>", "it holds body and no BkToCstmrStmt"),
        (CAMT.replace("2.50", "1" * 40), "statement 1, entry 1: '1{40}' is no amount of EUR"),
        (CAMT.replace("2.50", "99999999999999999.99"), "is no amount of EUR|beyond what is counted exactly"),
        (CAMT.replace("2.50", "1e3"), "'1e3' is no amount of EUR with at most 2 decimals"),
        (CAMT.replace("2.50", "2.505"), "'2.505' is no amount of EUR with at most 2 decimals"),
        (CAMT.replace("2.50", "٢.50"), "is no amount of EUR"),
        (CAMT.replace("2.50", "-2.50"), "statement 1, entry 1: its amount '-2.50' has a sign"),
        (CAMT.replace(">8.49<", ">-8.49<"), "balance CLBD: its amount '-8.49' has a sign"),
        (CAMT.replace("2.50", ""), "'' is no amount of EUR"),
        (CAMT.replace('Ccy="EUR">2.50', 'Ccy="USD">2.50'), "its amount is in 'USD', and the account in EUR"),
        (CAMT.replace("<Sts><Cd>BOOK", "<Sts><Cd>MAYBE", 1), "entry 1: its status 'MAYBE' is none of"),
        (CAMT.replace("<CdtDbtInd>DBIT", "<CdtDbtInd>OUT"), "CdtDbtInd is 'OUT'"),
        (CAMT.replace("<BookgDt><Dt>2026-03-05", "<BookgDt><Dt>2026-02-30"), "BookgDt: '2026-02-30' is no date"),
        (CAMT.replace("OPBD", "CLAV").replace("CLBD", "CLAV"), "it states no booked balance"),
        (CAMT.replace("<IBAN>DE89</IBAN>", ""), "it names no account"),
        (camt053([*ONE, *ONE]).replace("<Id>S1<", "<Id>S0<"), "statement 2: the statement 'S0' is there twice"),
        (CAMT.replace("UTF-8", "no-such-code"), "no whole XML document|its encoding can't be read"),
        (MT.replace("EUR10,00", "EUR10"), "message 1: ':60F:C260305EUR10' is no whole balance"),
        (MT[: MT.index(":62F:")], "message 1: it states no closing balance"),
        (MT.partition(":60F:")[0], "message 1: it states no opening balance"),
        (MT.replace("D2,50", "D2,50,1"), "is no line with dates, C or D"),
        (MT.replace("D2,50", "D2.50"), "message 1: ':61:.*D2.50NTRFrent//B1' is no line with dates"),
        (MT.replace("260305", "261305", 2), "message 1: .*(can't be read|is none)"),
        (MT.replace(":25:DE89", ":25:"), "it names no account"),
        (MT.replace(":61:", " :61:", 2).replace(" :61:", ":61:", 1), "is no line with dates"),
        (MT.replace("EUR8,49", "USD8,49"), "it opens in EUR and closes in USD"),
        ("hello\r\n" + MT, "is neither CAMT.053|stands before the first :20:"),
        (OFX1.replace("</OFX>", ""), "isn't closed: where it breaks off, ask for it again"),
        (OFX1[: OFX1.index("<FITID>B2")], "isn't closed|not whole"),
        (OFX2.replace("</STMTTRN>", "", 1), "begins before the last one ended"),
        (OFX1.replace("</BANKTRANLIST>", "</BANKTRANLIST></LOST>"), "closes what isn't open"),
        (OFX1.replace("<TRNAMT>-2.50", "<TRNAMT>lots"), "transaction 1, TRNAMT: 'lots' is no amount"),
        (OFX1.replace("<DTPOSTED>20260305", "<DTPOSTED>20261305"), "DTPOSTED: '20261305' is no date or time of OFX"),
        (OFX1.replace("<LEDGERBAL>", "<AVAILBAL>").replace("</LEDGERBAL>", "</AVAILBAL>"), "it states no balance"),
        (OFX1.replace("CURDEF>EUR", "CURDEF>€€€"), "can't be read|is no code of a currency"),
        (OFX1.replace("VERSION:102", "VERSION:one"), "read as OFX"),
        (OFX1.replace("<FITID>B1", "<CORRECTFITID>B0<FITID>B1"), "it corrects 'B0', which isn't in this file"),
        ("", "is empty"),
        ("just words", "is neither CAMT.053, MT940 nor OFX, nor a CSV"),
        (b"\x00\x01\x02" * 50, "is neither CAMT.053, MT940 nor OFX, nor a CSV"),
    ],
)
def test_a_bad_statement_is_one_sentence(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(UnusableInput, match=words) as refused:
        read(tmp_path, text)
    sentence = str(refused.value)
    assert "march.txt" in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500


def refusal_of(tmp_path: Path, content: bytes) -> None:
    """Read what may be anything: it is read, or it is refused in one line."""
    refusal = ""
    try:
        read(tmp_path, content)
    except UnusableInput as error:
        refusal = str(error)
    assert "\n" not in refusal


WHOLE: dict[str, str] = {"CAMT.053": CAMT, "MT940": MT, "OFX": OFX1, "OFX 2": OFX2}


@pytest.mark.parametrize("name", WHOLE)
def test_a_torn_or_altered_file_is_read_or_refused_and_never_fails(tmp_path: Path, name: str) -> None:
    """Every byte at which a file may break off, and bytes of chance in it; what is read of a torn one, it says."""
    whole = WHOLE[name].encode()
    dice = random.Random(name)
    first = read(tmp_path, whole).lines
    for cut in range(0, len(whole), 7):
        try:
            torn = read(tmp_path, whole[:cut])
        except UnusableInput:
            continue
        assert torn.lines == first or any("no end" in each for each in torn.said), cut
    for _ in range(150):
        changed = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        refusal_of(tmp_path, bytes(changed))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_an_encoding_that_xml_declares_is_read(tmp_path: Path, encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    account = [ONE[0]._replace(entries=[ONE[0].entries[0]._replace(reference="Müller")])]
    head = f'<?xml version="1.0" encoding="{name}"?>'
    found = read(tmp_path, camt053(account, head=head).encode(encoding))
    assert [line.reference for line in found.lines if line.kind == "entry"] == ["Müller"]


def test_mt940_that_is_no_utf_8_is_read_as_windows_writes_and_said_to_be(tmp_path: Path) -> None:
    found = read(tmp_path, MT.replace("rent", "Miete ü").encode("cp1252"))
    assert [line.reference for line in found.lines if line.kind == "entry"] == ["Miete ü", "pay"]
    assert any("Windows-1252" in each for each in found.said)


def test_a_format_is_seen_by_what_is_in_the_file(tmp_path: Path) -> None:
    for text, name in ((CAMT, "CAMT.053"), (MT, "MT940"), (OFX1, "OFX"), (OFX2, "OFX")):
        (tmp_path / "x.csv").write_text(text, "utf-8")
        assert format_of(tmp_path / "x.csv") == name
        assert read(tmp_path, text, "x.csv").format == name
    (tmp_path / "own.xml").write_text(
        "account_id,currency,booked_at,reference,amount_minor,balance_minor\na,EUR,2026-03-05T10:00:00Z,r,1,1\n"
    )
    assert read_lines(tmp_path / "own.xml", LEDGER).format == "own CSV"


def test_pending_entries_are_counted_and_not_booked(tmp_path: Path) -> None:
    found = read(tmp_path, CAMT.replace("<Sts><Cd>BOOK", "<Sts><Cd>PDNG", 1))
    assert [line.bank_id for line in found.lines if line.kind == "entry"] == ["B2"]
    assert any(each.startswith("1 entries of march.txt are pending") for each in found.said)


def batch(amounts: list[str], more: str = "") -> str:
    parts = "".join(
        f'<TxDtls><Refs><EndToEndId>E{number}</EndToEndId></Refs>{more}<Amt Ccy="EUR">{amount}</Amt></TxDtls>'
        for number, amount in enumerate(amounts)
    )
    return re.sub(r"<NtryDtls>.*?</NtryDtls>", f"<NtryDtls>{parts}</NtryDtls>", CAMT, count=1)


def test_a_batch_is_its_transactions_where_they_come_to_what_was_booked(tmp_path: Path) -> None:
    lines = [line for line in read(tmp_path, batch(["2.00", "0.50"])).lines if line.bank_id == "B1"]
    assert [(line.reference, line.amount_minor, line.balance_minor) for line in lines] == [
        ("E0", -200, 800), ("E1", -50, 750),
    ]  # fmt: skip
    lines = [line for line in read(tmp_path, batch(["3.00", "0.50"])).lines if line.bank_id == "B1"]
    assert [(line.reference, line.amount_minor) for line in lines] == [("B1", -250)]
    assert any("is a batch whose 2 transactions" in each for each in read(tmp_path, batch(["3.00", "0.50"])).said)


def test_an_id_on_two_lines_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, OFX1.replace("<FITID>B2", "<FITID>B1"))
    assert len(found.lines) == 4
    assert any("under one id of its sender's" in each and "'B1'" in each for each in found.said)


def test_a_balance_that_does_not_follow_from_the_lines_is_kept_as_the_bank_states_it(tmp_path: Path) -> None:
    for text in (camt053([ONE[0]._replace(closing_off=7)]), mt940([ONE[0]._replace(closing_off=7)])):
        lines = read(tmp_path, text).lines
        assert [(line.kind, line.amount_minor, line.balance_minor) for line in lines] == [
            ("opening", 0, 1_000), ("entry", -250, 750), ("entry", 99, 849), ("closing", 0, 856),
        ]  # fmt: skip


def test_times_are_as_exact_as_the_bank_tells_them(tmp_path: Path) -> None:
    told = CAMT.replace("<BookgDt><Dt>2026-03-05</Dt>", "<BookgDt><DtTm>2026-03-05T23:30:00-05:00</DtTm>", 1)
    line = next(line for line in read(tmp_path, told).lines if line.bank_id == "B1")
    assert (line.booked_at, line.by_day) == (datetime(2026, 3, 6, 4, 30, tzinfo=UTC), False)
    told = OFX1.replace("<DTPOSTED>20260305", "<DTPOSTED>20260305233000.000[-5:EST]", 1)
    line = next(line for line in read(tmp_path, told).lines if line.bank_id == "B1")
    assert (line.booked_at, line.by_day) == (datetime(2026, 3, 6, 4, 30, tzinfo=UTC), False)
    for text in ("20260305233000", "20260305120000[0:GMT]"):  # whose half past eleven, nobody says
        line = next(line for line in read(tmp_path, OFX1.replace("<DTPOSTED>20260305", f"<DTPOSTED>{text}", 1)).lines
                    if line.bank_id == "B1")  # fmt: skip
        assert (line.booked_at.astimezone(ZoneInfo("Europe/Berlin")).date(), line.by_day) == (DAY, True)


def test_an_ofx_file_made_by_its_library_is_read(tmp_path: Path) -> None:
    """Another writer's file: ofxtools' models, which hold themselves to the specification."""
    from xml.etree.ElementTree import tostring

    from ofxtools.header import make_header
    from ofxtools.models import (
        BANKACCTFROM,
        BANKMSGSRSV1,
        BANKTRANLIST,
        LEDGERBAL,
        OFX,
        SIGNONMSGSRSV1,
        SONRS,
        STATUS,
        STMTRS,
        STMTTRN,
        STMTTRNRS,
    )

    at = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
    lines = [STMTTRN(trntype="DEBIT", dtposted=at, trnamt="-2.50", fitid="B1", refnum="rent"),
             STMTTRN(trntype="CREDIT", dtposted=at, trnamt="0.99", fitid="B2", refnum="pay")]  # fmt: skip
    fine = STATUS(code=0, severity="INFO")
    statement = STMTRS(
        curdef="EUR", bankacctfrom=BANKACCTFROM(bankid="1", acctid="DE89", accttype="CHECKING"),
        banktranlist=BANKTRANLIST(*lines, dtstart=at, dtend=at), ledgerbal=LEDGERBAL(balamt="8.49", dtasof=at),
    )  # fmt: skip
    whole = OFX(signonmsgsrsv1=SIGNONMSGSRSV1(sonrs=SONRS(status=fine, dtserver=at, language="ENG")),
                bankmsgsrsv1=BANKMSGSRSV1(STMTTRNRS(trnuid="1", status=fine, stmtrs=statement)))  # fmt: skip
    text = str(make_header(version=220)) + tostring(whole.to_etree()).decode()
    found = read(tmp_path, text)
    assert [(line.account, line.amount_minor, line.balance_minor, line.reference, line.booked_at)
            for line in found.lines if line.kind == "entry"] == [
        ("DE89", -250, 750, "rent", at), ("DE89", 99, 849, "pay", at),
    ]  # fmt: skip


def test_a_bank_s_csv_that_counts_a_currency_otherwise_is_refused(tmp_path: Path) -> None:
    described = LedgerDefinition.parse((BANK_CSV + "[decimals]\nEUR = 4\n").encode(), "bank.toml")
    (tmp_path / "march.txt").write_text(bank_csv(ONE), "utf-8")
    assert len(read_lines(tmp_path / "march.txt", LEDGER, DESCRIBED).lines) == 2
    with pytest.raises(UnusableInput, match="counts EUR with 4 decimals, and the evidence with 2"):
        read_lines(tmp_path / "march.txt", LEDGER, described)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "writer", [camt053, mt940, lambda accounts: ofx(accounts, 1), lambda accounts: ofx(accounts, 2)]
)
def test_bytes_of_chance_never_fail(tmp_path: Path, writer: Callable[[list[Account]], str]) -> None:
    dice = random.Random(7)
    for seed in range(40):
        whole = writer(some_accounts(seed)).encode()
        for _ in range(40):
            changed = bytearray(whole)
            for _ in range(dice.randint(1, 6)):
                at = dice.randrange(len(changed))
                changed[at : at + dice.randint(0, 30)] = dice.randbytes(dice.randint(0, 6))
            refusal_of(tmp_path, bytes(changed))
