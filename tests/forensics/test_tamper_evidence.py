"""Promise 6: the page on tampering is carried out line by line, on a bank whose log was changed and hashed again."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from anchored_bank import AnchoredBank

from esworkbench import cli

PAGE = Path(__file__).parents[2] / "docs" / "tamper-evidence.md"
FINDS = ("verify", "diagnose")


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = AnchoredBank(tmp_path)
    bank.anchor()
    bank.kept_elsewhere()
    shutil.copy(bank.public_key, tmp_path / "auditor" / "bank.pem")
    event = bank.any_event("MoneyDeposited")
    bank.change_amount(event, 700)
    bank.hash_again(event.stream_id)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```sh\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    lines = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    assert [line[0] for line in lines] == ["capture", "evidence", "verify", "diagnose", "verify"]
    told = {}
    for line in lines:
        assert cli.run(line) == (1 if line[0] in FINDS else 0), line
        told[line[0]] = capsys.readouterr().out
    assert "2 breaks" in told["verify"], "the event, and what was only hashed again behind it"
    assert re.search(r"rehashed_history.*, proven", told["diagnose"])
