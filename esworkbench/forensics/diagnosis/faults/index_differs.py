"""index_differs: a query through an index and a query through the table disagree."""

from esworkbench.archive import IndexCheck, IndexDifference
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding


def index_differs(facts: Facts, left: Left) -> Explanations:
    """Capture counted each read model both ways. Evidence is of the table, so that no residual comes of it."""
    checks = facts.evidence.manifest.index_checks
    if checks is None:
        return NotTestable("the capture didn't read the tables through their indexes as well: capture again")
    found = [each for check in checks if check.differs for each in _explanations(facts, check)]
    if not found and (skipped := [check for check in checks if check.not_asked]):
        words = "; ".join(f"{check.index} of {check.table}: {check.not_asked}" for check in skipped)
        return NotTestable(f"both ways of reading, of {words}")
    if not checks:
        return NotTestable("no read model of the source has an index that all of its rows should be in")
    return found


FAULT = Fault(
    name="index_differs",
    meaning="the table holds rows that its index doesn't lead to, or the index leads to rows that aren't there",
    look_alikes=("row_lost",),
    remedy="rebuild the index, and check the disk",
    repair="none",
    detector=index_differs,
)


def _explanations(facts: Facts, check: IndexCheck) -> list[Explanation]:
    explanations = [
        Explanation(
            finding(
                FAULT, (each.account, each.currency), source=check.projection, proof=_words(facts, check, each)
            ),
            [],
        )
        for each in check.differing
    ]  # fmt: skip
    if check.error or check.differing_left_out or not explanations:
        explanations.append(Explanation(finding(FAULT, None, source=check.projection, proof=_in_all(check)), []))
    return explanations


def _words(facts: Facts, check: IndexCheck, each: IndexDifference) -> str:
    key = each.account, each.currency
    totals = ""
    if each.total is not None and each.total_through_index is not None:
        totals = f", {facts.money(each.total, key)} and {facts.money(each.total_through_index, key)} in all"
    return (
        f"{check.table} has {each.rows} rows of this account, and {each.rows_through_index} are found through its "
        f"index {check.index}{totals}: both were read at the cut"
    )


def _in_all(check: IndexCheck) -> str:
    if check.error:
        return f"asked through its index {check.index}, {check.table} can't be read at the cut: {check.error}"
    more = f"; {check.differing_left_out} accounts more differ" if check.differing_left_out else ""
    return (
        f"{check.table} has {check.rows} rows, and {check.rows_through_index} are found through its index "
        f"{check.index}{more}: both were read at the cut"
    )
