"""A command that tries the bench itself: faults planted in throwaway copies of evidence, and what was seen of them."""

import sys
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from esworkbench.cli.judge import judge_of, say_judge
from esworkbench.cli.options import EvidencePath, Json
from esworkbench.cli.output import answer, table, to_json
from esworkbench.cli.output_files import CHALLENGE, writable_output, write_output
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.agreement import open_agreeing
from esworkbench.forensics.challenge.challenge import COLUMNS, Challenge
from esworkbench.forensics.challenge.challenge import challenge as plant_and_diagnose
from esworkbench.kept_files import decoded, read_kept

KIND = "esworkbench challenge"


def challenge(
    evidence: EvidencePath,
    trials: Annotated[
        int, typer.Option(min=1, help="How often each fault is planted, in other accounts and amounts.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="The same seed plants the same.")] = 0,
    fault: Annotated[list[str] | None, typer.Option(help="Only this fault; may be given more than once.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the JSON here, for `report --challenge`.")] = None,
    json: Json = False,
) -> None:
    """Plant every plantable fault in throwaway copies of this evidence: what would have been caught, and how small.

    The evidence and its case stay as they are. The first trial of a fault is about one minor unit, where the fault has
    an amount of its own. Exit code 1 where something planted was missed or mistaken.
    """
    if out is not None:
        writable_output(out, CHALLENGE)
    opened = open_agreeing(evidence)
    began = monotonic()
    found = _with_a_bar(opened, trials, seed, fault)
    seconds = monotonic() - began
    plain: dict[str, Any] = msgspec.to_builtins(found)
    document = {"kind": KIND, **plain, **judge_of(opened)}
    if out is not None:
        write_output(out, to_json(document) + "\n", CHALLENGE)

    def prose(console: Console) -> None:
        title = f"{trials} trial(s) of each of {len(found.faults)} faults, in {seconds:,.0f} s"
        console.print(table(title, COLUMNS, found.rows(opened), limit=1000))
        for what, each in (("undetectable", found.undetectable), ("not planted", found.not_planted)):
            for one in each:
                console.print(f"{what}: {one.fault}: {one.why}", markup=False)
        say_judge(console, opened)

    answer(document, prose, as_json=json, found=not found.is_clean)


def read_challenge(path: Path, evidence: Evidence) -> Challenge:
    """What ``challenge --out`` wrote of this evidence. Raises UnusableInput for anything else."""
    try:
        found = decoded(read_kept(path), Challenge)
    except FileNotFoundError:
        raise UnusableInput(f"{path} does not exist: `esworkbench challenge --out` writes one") from None
    except UnusableInput:
        raise
    except (ValueError, RecursionError) as error:
        raise UnusableInput(f"{path} is no table of a challenge: {error}") from None
    if found.evidence != evidence.digest:
        raise UnusableInput(
            f"{path} is of other evidence (digest {found.evidence[:16]}…) than this ({evidence.digest[:16]}…): "
            "challenge this evidence"
        )
    return found


def _with_a_bar(evidence: Evidence, trials: int, seed: int, fault: list[str] | None) -> Challenge:
    from tqdm.auto import tqdm

    from esworkbench.forensics.challenge.plants import PLANTS

    total = trials * len(fault or PLANTS)
    with tqdm(desc="faults planted", total=total, unit=" copies", file=sys.stderr, leave=False) as bar:

        def progress(name: str) -> None:
            bar.set_postfix_str(name, refresh=False)
            bar.update()

        return plant_and_diagnose(evidence, trials=trials, seed=seed, faults=fault or None, progress=progress)
