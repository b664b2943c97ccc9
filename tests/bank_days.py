"""Days of a bank as plain data, printed in every format that banks send: by hand, from the formats' public standards.

CAMT.053: ISO 20022, camt.053.001.08 (iso20022.org), elements in the order of its schema. MT940: SWIFT Standards MT,
category 9. OFX 1.6 and 2.2: chapter 11 of the specification (financialdataexchange.org). Nothing of the package is
used.
"""

import csv
import io
import random
from datetime import date, timedelta
from typing import NamedTuple
from xml.sax.saxutils import escape

DECIMALS = {"EUR": 2, "JPY": 0, "BHD": 3, "USD": 2}


class Day(NamedTuple):
    """One booking. Amounts are signed, in minor units."""

    booked: date
    value: date
    amount: int
    reference: str
    bank_id: str
    is_reversal: bool = False


class Account(NamedTuple):
    """An account's bookings, oldest first, from ``opening`` on; ``begins`` and ``ends`` are the statement's days."""

    name: str
    currency: str
    opening: int
    begins: date
    ends: date
    entries: list[Day]
    closing_off: int = 0
    """By how much the bank's closing balance is wrong."""

    @property
    def closing(self) -> int:
        return self.opening + sum(each.amount for each in self.entries) + self.closing_off


def some_accounts(seed: int) -> list[Account]:
    dice = random.Random(seed)
    found = []
    for number in range(dice.randint(1, 3)):
        begins = date(2024, 12, 20) + timedelta(days=dice.randint(0, 20))
        ends = begins + timedelta(days=dice.randint(0, 30))
        entries = []
        day = begins
        for each in range(dice.randint(0, 12)):
            day = min(ends, day + timedelta(days=dice.choice([0, 0, 1, 3])))
            amount = dice.choice([-1, 1]) * dice.choice([1, 7, 10, 99, 4723, 100_000, 123_456_789])
            value = day + timedelta(days=dice.choice([-2, 0, 0, 1]))
            reference = f"R{seed}X{number}X{each}"
            entries.append(Day(day, value, amount, reference, f"B{number}{each:03}", dice.random() < 0.2))
        currency = dice.choice(list(DECIMALS))
        found.append(
            Account(f"DE8937040044053201{number:04}", currency, dice.choice([-5, 0, 250_000]), begins, ends, entries)
        )
    return found


def major(amount: int, currency: str, mark: str = ".") -> str:
    """An amount without its sign, with all its decimals; a whole one has its mark in MT940 alone."""
    decimals = DECIMALS[currency]
    digits = str(abs(amount)).rjust(decimals + 1, "0")
    whole, part = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    return whole + (mark + part if part or mark == "," else "")


def camt053(accounts: list[Account], head: str = '<?xml version="1.0" encoding="UTF-8"?>', version: str = "08") -> str:
    status = "<Sts><Cd>BOOK</Cd></Sts>" if version >= "08" else "<Sts>BOOK</Sts>"
    parts = []
    for number, account in enumerate(accounts):

        def amount(minor: int, currency: str = account.currency) -> str:
            way = "DBIT" if minor < 0 else "CRDT"
            return f'<Amt Ccy="{currency}">{major(minor, currency)}</Amt><CdtDbtInd>{way}</CdtDbtInd>'

        def balance(code: str, minor: int, day: date) -> str:
            kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
            return f"<Bal>{kind}{amount(minor)}<Dt><Dt>{day}</Dt></Dt></Bal>"

        entries = "".join(
            f"<Ntry>{amount(each.amount)}{'<RvslInd>true</RvslInd>' if each.is_reversal else ''}{status}"
            f"<BookgDt><Dt>{each.booked}</Dt></BookgDt><ValDt><Dt>{each.value}</Dt></ValDt>"
            f"<AcctSvcrRef>{each.bank_id}</AcctSvcrRef><BkTxCd/><NtryDtls><TxDtls><Refs>"
            f"<EndToEndId>{escape(each.reference)}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>"
            for each in account.entries
        )
        parts.append(
            f"<Stmt><Id>S{number}</Id><CreDtTm>2025-02-01T08:00:00</CreDtTm>"
            f"<Acct><Id><IBAN>{account.name}</IBAN></Id><Ccy>{account.currency}</Ccy></Acct>"
            + balance("OPBD", account.opening, account.begins) + balance("CLBD", account.closing, account.ends)
            + entries + "</Stmt>"
        )  # fmt: skip
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"
    group = "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2025-02-01T08:00:00</CreDtTm></GrpHdr>"
    return f'{head}\n<Document xmlns="{space}"><BkToCstmrStmt>{group}{"".join(parts)}</BkToCstmrStmt></Document>\n'


def mt940(accounts: list[Account], *, enveloped: bool = False) -> str:
    lines = []
    for number, account in enumerate(accounts):

        def balance(tag: str, minor: int, day: date, currency: str = account.currency) -> str:
            return f":{tag}:{'D' if minor < 0 else 'C'}{day:%y%m%d}{currency}{major(minor, currency, ',')}"

        if enveloped:
            lines.append("{1:F01BANKDEFFAXXX0000000000}{2:I940BANKDEFFXXXXN}{4:")
        lines += [f":20:STARTUMS{number}", f":25:{account.name}", f":28C:{number + 1}/1"]
        lines.append(balance("60F", account.opening, account.begins))
        for each in account.entries:
            # A reversal of a credit takes money out, and that of a debit gives it back.
            mark = ("RC" if each.amount < 0 else "RD") if each.is_reversal else ("D" if each.amount < 0 else "C")
            lines.append(
                f":61:{each.value:%y%m%d}{each.booked:%m%d}{mark}{major(each.amount, account.currency, ',')}"
                f"NTRF{each.reference}//{each.bank_id}"
            )
            lines.append(":86:166?00TRANSFER?20some words?32SOMEBODY")
        lines += [balance("62F", account.closing, account.ends), "-}" if enveloped else "-"]
    return "\r\n".join(lines) + "\r\n"


def ofx(accounts: list[Account], version: int) -> str:
    def leaf(name: str, value: object) -> str:
        return f"<{name}>{escape(str(value))}" + (f"</{name}>" if version == 2 else "") + "\n"

    responses = []
    for account in accounts:

        def amount(minor: int, currency: str = account.currency) -> str:
            return ("-" if minor < 0 else "") + major(minor, currency)

        entries = "".join(
            "<STMTTRN>\n" + leaf("TRNTYPE", "CREDIT" if each.amount > 0 else "DEBIT")
            + leaf("DTPOSTED", f"{each.booked:%Y%m%d}") + leaf("DTAVAIL", f"{each.value:%Y%m%d}120000")
            + leaf("TRNAMT", amount(each.amount)) + leaf("FITID", each.bank_id) + leaf("REFNUM", each.reference)
            + leaf("NAME", "SOMEBODY & CO") + "</STMTTRN>\n"
            for each in account.entries
        )  # fmt: skip
        responses.append(
            "<STMTTRNRS>\n" + leaf("TRNUID", 1) + "<STATUS>\n" + leaf("CODE", 0) + leaf("SEVERITY", "INFO")
            + "</STATUS>\n<STMTRS>\n" + leaf("CURDEF", account.currency) + "<BANKACCTFROM>\n"
            + leaf("BANKID", "37040044") + leaf("ACCTID", account.name) + leaf("ACCTTYPE", "CHECKING")
            + "</BANKACCTFROM>\n<BANKTRANLIST>\n" + leaf("DTSTART", f"{account.begins:%Y%m%d}")
            + leaf("DTEND", f"{account.ends:%Y%m%d}") + entries + "</BANKTRANLIST>\n<LEDGERBAL>\n"
            + leaf("BALAMT", amount(account.closing)) + leaf("DTASOF", f"{account.ends:%Y%m%d}")
            + "</LEDGERBAL>\n</STMTRS>\n</STMTTRNRS>\n"
        )  # fmt: skip
    ones = (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n"
        "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n"
    )
    twos = (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        '<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\n'
    )
    signed_on = (
        "<SIGNONMSGSRSV1>\n<SONRS>\n<STATUS>\n" + leaf("CODE", 0) + leaf("SEVERITY", "INFO") + "</STATUS>\n"
        + leaf("DTSERVER", "20250201080000") + leaf("LANGUAGE", "ENG") + "</SONRS>\n</SIGNONMSGSRSV1>\n"
    )  # fmt: skip
    body = f"<OFX>\n{signed_on}<BANKMSGSRSV1>\n{''.join(responses)}</BANKMSGSRSV1>\n</OFX>\n"
    return (ones if version == 1 else twos) + body


BANK_CSV = """
name = "a bank's CSV"
time_zone = "Europe/Berlin"
[file]
delimiter = ";"
date_format = "%d.%m.%Y"
decimal_mark = ","
order = "file"
[file.columns]
id = "Nr"
account = "Konto"
currency = "W"
date = "Buchung"
value_date = "Valuta"
reference = "Zweck"
amount = "Betrag"
balance = "Saldo"
"""


def bank_csv(accounts: list[Account]) -> str:
    """As ``BANK_CSV`` describes it: every row with the balance after it."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["Konto", "Nr", "Buchung", "Valuta", "Zweck", "Betrag", "W", "Saldo"])
    for account in accounts:
        balance = account.opening
        for each in account.entries:
            balance += each.amount
            signed = [
                ("-" if minor < 0 else "") + major(minor, account.currency, ",").rstrip(",")
                for minor in (each.amount, balance)
            ]
            writer.writerow([account.name, each.bank_id, f"{each.booked:%d.%m.%Y}", f"{each.value:%d.%m.%Y}",
                             each.reference, signed[0], account.currency, signed[1]])  # fmt: skip
    return file.getvalue()
