"""CONFUSION.md: how each planted fault was told, what was said of healthy banks, and how much of it was run."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.confusion.judge import OUTCOMES, Judged
from benchmarks.confusion.trials import Held

LISTED = 60
"""So many trials that went wrong are listed one by one."""


class Run(NamedTuple):
    """``planned`` counts the trials of each kind that were asked for."""

    commit: str
    command: str
    planned: Mapping[str, int]
    held: Sequence[Held]


def as_markdown(run: Run) -> str:
    parts = [
        "# What diagnosis says of every bank that the lab can break", *_head(run),
        "## One fault", *_single([each for each in run.held if each.kind == "single"]),
        "## Two to four faults at once", *_mixed([each for each in run.held if each.kind == "mixed"]),
        "## Healthy banks", *_clean([each for each in run.held if each.kind == "clean"]),
        "## Every trial that went wrong", *_wrong(run.held),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _head(run: Run) -> list[str]:
    done = Counter(each.kind for each in run.held)
    counted = ", ".join(f"{done[kind]} of {count} {kind}" for kind, count in run.planned.items())
    whole = all(done[kind] >= count for kind, count in run.planned.items())
    cpu, wall = sum(each.seconds for each in run.held), sum(each.wall_seconds for each in run.held)
    lines = [
        f"Commit `{run.commit}`. Written by `{run.command}`; trials held: {counted}; {cpu:,.0f} s of CPU, "
        f"{wall:,.0f} s by the clock, building and capturing included.",
        "Each bank is built by the lab (small scale), captured, and diagnosed from the evidence alone, without its "
        "code. The judge shares no code with lab or detectors: it reads the opened answer, what `diagnose` prints, and "
        "how exactly the catalogue asks each fault to be named (`benchmarks/confusion/rules.py`).",
    ]
    if not whole:
        lines.insert(1, "**This is a part of the sweep. What wasn't run proves nothing.**")
    return lines


def _single(held: Sequence[Held]) -> list[str]:
    columns = ["fault", "engine", "banks", *OUTCOMES, "said beside", "unexplained beside", "errors", "told as"]
    rows = []
    for fault, engine in sorted({(each.faults[0] if each.faults else "?", each.engine) for each in held}):
        mine = [each for each in held if each.engine == engine and each.faults[:1] == [fault]]
        worst = Counter(_worst(each.verdict.planted) for each in mine if each.verdict)
        told = Counter(
            name for each in mine if each.verdict for judged in each.verdict.planted for name in set(judged.told_as)
        )
        rows.append([
            f"`{fault}`", engine, str(len(mine)), *(str(worst[name] or "") for name in OUTCOMES),
            _names(name for each in mine if each.verdict for name in each.verdict.false),
            str(sum(each.verdict.left_over > 0 for each in mine if each.verdict) or ""),
            str(sum(bool(each.error) for each in mine) or ""), _counted(told),
        ])  # fmt: skip
    return [_what_outcomes_mean(), _table(columns, rows)] if rows else ["None was run."]


def _what_outcomes_mean() -> str:
    return (
        "A bank counts once, by the worst that became of its faults. right: class, account, events and amount as the "
        "catalogue asks; pair: named beside what this evidence can't tell it apart from; inexact: the right class on "
        "the right account, with other events or another amount; unexplained: the amount is reported without a cause; "
        "missed: nothing is said; mistaken: told as another fault; said beside: faults that were not planted."
    )


def _mixed(held: Sequence[Held]) -> list[str]:
    if not held:
        return ["None was run."]
    judged = [each for each in held if each.verdict]
    outcomes = Counter(one.outcome for each in judged if each.verdict for one in each.verdict.planted)
    honest = sum(each.verdict.is_honest for each in judged if each.verdict)
    proven = _names(name for each in judged if each.verdict for name in each.verdict.false_proven)
    rows = []
    for fault in sorted({one.fault for each in judged if each.verdict for one in each.verdict.planted}):
        mine = [one for each in judged if each.verdict for one in each.verdict.planted if one.fault == fault]
        counts = Counter(one.outcome for one in mine)
        told = Counter(name for one in mine for name in set(one.told_as))
        rows.append([f"`{fault}`", str(len(mine)), *(str(counts[name] or "") for name in OUTCOMES), _counted(told)])
    return [
        f"Of {len(held)} banks {honest} were told honestly: each fault named, in its pair, or its amount left "
        f"unexplained, and nothing proven that isn't there. Faults by account: "
        f"{', '.join(f'{outcomes[name]} {name}' for name in OUTCOMES)}. Called proven and not planted: "
        f"{proven or 'nothing'}. Errors: {len(held) - len(judged)}.",
        _table(["fault", "accounts", *OUTCOMES, "told as"], rows),
    ]


def _clean(held: Sequence[Held]) -> list[str]:
    if not held:
        return ["None was run."]
    silent = sum(each.verdict is not None and each.verdict.is_right for each in held)
    said = _names(name for each in held if each.verdict for name in each.verdict.false)
    healthy = _names(name for each in held if each.verdict for name in each.verdict.healthy)
    return [
        f"Of {len(held)} healthy banks {silent} were silent. Faults said to be there: {said or 'none'}; banks with "
        f"something unexplained: {sum(bool(each.verdict and each.verdict.left_over) for each in held)}; healthy "
        f"findings, which ask nobody to act: {healthy or 'none'}; errors: {sum(bool(each.error) for each in held)}."
    ]


def _wrong(held: Sequence[Held]) -> list[str]:
    wrong = [each for each in held if not went_well(each)]
    if not wrong:
        return ["None."]
    lines = [f"- `{each.trial}` ({', '.join(each.faults) or 'healthy'}): {_told(each)}" for each in wrong[:LISTED]]
    more = [f"- and {len(wrong) - LISTED} more"] if len(wrong) > LISTED else []
    return ["\n".join([*lines, *more])]


def went_well(held: Held) -> bool:
    """As promised: exact or in the named pair; of a mixture, honest; of a healthy bank, silent."""
    if held.verdict is None:
        return False
    return held.verdict.is_honest if held.kind == "mixed" else held.verdict.is_right


def _told(held: Held) -> str:
    if held.verdict is None:
        return " ".join(held.error.split())[:300]
    words = [
        f"{one.fault} {one.outcome}" + (f" ({', '.join(one.told_as)})" if one.told_as else "")
        for one in held.verdict.planted if one.outcome not in ("right", "pair")
    ]  # fmt: skip
    words += [f"not planted: {name}" for name in held.verdict.false]
    words += [f"{held.verdict.left_over} unexplained beside"] if held.verdict.left_over else []
    return "; ".join(words) or "right"


def _worst(judged: Sequence[Judged]) -> str:
    return max((one.outcome for one in judged), key=OUTCOMES.index, default="right")


def _names(names: Iterable[str]) -> str:
    return _counted(Counter(names))


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ×{count}" for name, count in counts.most_common())


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
