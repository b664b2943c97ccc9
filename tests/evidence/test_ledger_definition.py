"""The ledger file is read strictly: a mistake in it is a sentence that names file and field."""

import re
from pathlib import Path

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.evidence import LedgerDefinition
from esworkbench.resources import data_path

POSTING = '[[posting]]\nevent = "Paid"\namount = "amount_minor"\ncurrency = "USD"\nkind = "payment"\n'


@pytest.mark.parametrize("name", ["bank", "berka", "orders"])
def test_the_ledgers_that_come_along_can_be_read(name: str) -> None:
    assert LedgerDefinition.load(data_path("ledgers", f"{name}.toml")).name == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "is not TOML"),
        ("\xff", "is not TOML"),
        (POSTING, "missing required field `name`"),
        ('name = "x"\n', "either events, by [[posting]] rules, or a [file]"),
        ('name = "x"\ncolour = 3\n' + POSTING, "unknown field `colour`"),
        ('name = "x"\n' + POSTING + "sgin = 1\n", "unknown field `sgin` - at `$.posting[0]`"),
        ('name = "x"\n' + POSTING + "sign = 2\n", "$.posting[0].sign"),
        ('name = "x"\n' + POSTING + 'currency_field = "c"\n', "exactly one of `currency` and `currency_field`"),
        ('name = "x"\ntime_zone = "Mars/Olympus"\n' + POSTING, "'Mars/Olympus' is no zone"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "ledger.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UnusableInput) as caught:
        LedgerDefinition.load(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_ledger_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"no\.toml can't be read: No such file"):
        LedgerDefinition.load(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "x"\nfoo = 1', "unknown field `foo`; known there: name, time_zone, business_key"),
        ('name = "x"\n[file]\nthousands = ","', "decimal_mark, thousands_mark, currency, sign, order"),
        ('name = "x"\n[file]\norder = "newest_first"\ndate_format = "x"\n[file.columns]\nid = "i"\naccount = "a"\n'
         'date = "d"\namount = "m"\nbalance = "b"', "it may be 'day' or 'file'"),
        ('name = "x"\n[[posting]]\nevent = "E"\namount = "a"\nkind = "k"\ncurrency = "X"\nsign = 3', "or 'signed'"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_with_those_that_may_stand_there(text: str, words: str) -> None:
    with pytest.raises(UnusableInput, match=re.escape(words)):
        LedgerDefinition.parse(text.encode(), "shop.toml")
