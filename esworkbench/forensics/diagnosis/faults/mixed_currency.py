"""mixed_currency: one figure adds amounts of two currencies."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import Key, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, Share
from esworkbench.forensics.diagnosis.wording import finding


def mixed_currency(facts: Facts, left: Left) -> Explanations:
    """A figure that is off by exactly what the account holds in another currency."""
    if not facts.rows("SELECT 1 FROM postings GROUP BY account HAVING count(DISTINCT currency) > 1 LIMIT 1"):
        return NotTestable("no account has postings in two currencies")
    heads = [source for source in facts.sources if source.kind == "head"]
    return [each for source in heads for each in _of_source(facts, left, source)]


FAULT = Fault(
    name="mixed_currency",
    meaning="one figure adds up amounts of two currencies",
    look_alikes=("handler_bug",),
    remedy="rebuild the read model with one figure per currency",
    repair="rebuild",
    detector=mixed_currency,
)


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    errors = left.heads(source.name)
    taken: set[Key] = set()
    for key, amount in errors.items():
        others = _sums_in_others(facts, source, key)
        added = next((other for other, total in others.items() if total == amount), None)
        if added is None:
            lost = next((other for other, total in others.items() if errors.get(other) == -total), None)
            if lost is None or not taken.isdisjoint((key, lost)):
                continue
            # Other errors may outweigh what was added. That there is no row at all in one currency stays telling.
            if (amount > 0) == (others[lost] > 0) or not _has_row(facts, source, lost):
                taken.update((key, lost))
                yield from _beside_another_error(facts, source, key, lost, others[lost], amount)
            continue
        for mine in (key, added):
            if mine not in errors or mine in taken or (mine == added and errors[mine] != -amount):
                continue
            taken.add(mine)
            proof = (
                f"{source.name} is off by {facts.money(errors[mine], mine)}: its figure in {key[1]} is the plain sum "
                f"of what the account holds in {key[1]} and {added[1]}"
            )
            found = finding(FAULT, mine, amount=errors[mine], source=source.name, certainty="likely", proof=proof)
            yield Explanation(found, [Share(source.name, mine, errors[mine])])


def _beside_another_error(
    facts: Facts, source: Source, key: Key, lost: Key, total: int, stands: int
) -> Iterator[Explanation]:  # fmt: skip
    """Nothing of one currency stands under its own name, and the figure in the other is off by more besides."""
    for mine, amount in ((key, total), (lost, -total)):
        proof = (
            f"{source.name} counts nothing in {lost[1]}, where the account holds {facts.money(total, lost)}, and its "
            f"figure in {key[1]} is off by {facts.money(stands, key)}: it may have been added there, and "
            f"{facts.money(stands - total, key)} has another cause; or both have causes of their own, handler_bug or "
            "wrong_upcaster among them"
        )
        found = finding(FAULT, mine, amount=amount, source=source.name, certainty="possible", proof=proof)
        yield Explanation(found, [Share(source.name, mine, amount)])


def _has_row(facts: Facts, source: Source, key: Key) -> bool:
    return bool(facts.rows(
        "SELECT 1 FROM assertions WHERE kind = 'head' AND source = $source AND account = $account "
        "AND currency = $currency LIMIT 1",
        source=source.name, account=key[0], currency=key[1],
    ))  # fmt: skip


def _sums_in_others(facts: Facts, source: Source, key: Key) -> dict[Key, int]:
    """What the account holds in each other currency, where it also holds something in this one."""
    rows = facts.rows(
        "SELECT currency, sum(amount_minor)::BIGINT FROM postings WHERE account = $account AND position <= $cut "
        "GROUP BY currency",
        account=key[0], cut=source.cut,
    )  # fmt: skip
    sums = {(key[0], currency): total for currency, total in rows}
    return {other: total for other, total in sums.items() if other != key and total} if key in sums else {}
