"""Planting: one fault or several in one bank, each on an account of its own or all on one, and the answer at the end.

The order, so that every answer stays true: ``before`` of each fault in the order named; the bank lives; ``last_run`` of
the one that has its own, or everybody's; ``after`` by stages (see ``scene``): what only looks, what changes the log,
what cuts its end off. An event that one fault is about is taken, and no later one touches it.

At last the answer is held against the bank. Where one fault undid another's work (a rebuild heals what was doubled
before it) the incident is refused, because its answer would be wrong.
"""

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from random import Random

from esworkbench.errors import UnusableInput
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.off_balance import off_balance
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.world.life import Life
from esworkbench.lab.world.people import CURRENT_ACCOUNT, Person
from esworkbench.lab.world.readers import Readers

MOST_AT_ONCE = 8
APART = timedelta(days=2)
"""Between the quiet moments of two faults that would choose the same one: eight fit between two runs of the readers."""


class Planting:
    """The faults of one incident. ``rng`` is that of a fault alone; of several each has its own, drawn from the seed.

    One fault strikes the busy account. Of several, those that can strike any account strike the busy one or another, as
    the seed has it; so two may meet in one account, and their amounts may cancel.
    """

    def __init__(self, faults: list[PlantableFault], seed: int, rng: Random) -> None:
        names = Counter(fault.name for fault in faults)
        twice = [fault.name for fault in faults if names[fault.name] > 1 and not fault.strikes_any_account]
        if twice:
            raise UnusableInput(f"{twice[0]} is about the whole bank or one account of it: name it once")
        if len(faults) > 1 and "none" in names:
            raise UnusableInput("none stands for a healthy bank: name it alone, or leave it out")
        if len(faults) > MOST_AT_ONCE:
            raise UnusableInput(f"{len(faults)} faults are too many for one bank: name {MOST_AT_ONCE} at most")
        last = [fault.name for fault in faults if type(fault).last_run is not PlantableFault.last_run]
        for one, other in pairwise(last):
            raise UnusableInput(f"{one} and {other} each say how the last run ends: plant them in two incidents")
        self._faults = faults
        self._seed = seed
        self._rng = rng
        self._scenes: list[Scene] = []
        self._life: Life | None = None

    def begin(self, url: str, life: Life, readers: Readers) -> None:
        """Put the causes into the agenda, before the bank begins to live."""
        taken: set[str] = set()
        several = len(self._faults) > 1
        targets = Random(f"{self._seed}/targets")
        struck: set[tuple[str, str]] = set()
        for number, fault in enumerate(self._faults):
            account = _target(fault, life, targets, struck) if several else CURRENT_ACCOUNT
            struck.add((fault.name, account))
            rng = Random(f"{self._seed}/fault/{number}") if several else self._rng
            scene = Scene(url, life, readers, rng, account=account, taken=taken, earlier=APART * number)
            self._scenes.append(scene)
            fault.before(scene)

    @property
    def person(self) -> Person:
        """Whose account is complained about: the first one struck."""
        return self._scenes[0].person

    def end(self) -> list[PlantedFault]:
        """When the bank's life is over: the last run, the faults that come after it, and what was planted.

        Raises UnusableInput where the faults got into each other's way.
        """
        pairs = list(zip(self._faults, self._scenes, strict=True))
        own = [pair for pair in pairs if type(pair[0]).last_run is not PlantableFault.last_run]
        fault, scene = (own or pairs)[0]
        fault.last_run(scene)
        planted: dict[int, list[PlantedFault]] = {}
        for number, (fault, scene) in sorted(enumerate(pairs), key=lambda each: each[1][0].stage):
            planted[number] = fault.after(scene)
            scene.taken.update(event_id for each in planted[number] for event_id in each.event_ids)
        healed = [fault.name for fault in self._faults if fault.healed_by_rebuild]
        if healed and self._scenes[0].readers.have_been_rebuilt:
            others = " and ".join(fault.name for fault in self._faults if fault.name not in healed)
            raise UnusableInput(
                f"with {others} the read models are rebuilt at the end, which undoes {' and '.join(healed)}: plant "
                "them in two incidents, or take another seed"
            )
        if len(pairs) > 1 and all(fault.shows_in is not None for fault in self._faults):
            self._require_true(planted)
        return [each for number in sorted(planted) for each in planted[number]]

    def _require_true(self, planted: dict[int, list[PlantedFault]]) -> None:
        told: Counter[tuple[str, str, str]] = Counter()
        for number, fault in enumerate(self._faults):
            for claim, account, currency, amount in fault.puts_off(planted[number]):
                told[claim, account, currency] += amount
        off = off_balance(self._scenes[0].life)
        wrong = sorted(key for key in told.keys() | off.keys() if told[key] != off.get(key, 0))
        if wrong:
            claim, account, _ = wrong[0]
            names = ", ".join(fault.name for fault in self._faults)
            raise UnusableInput(
                f"with seed {self._seed} {names} get into each other's way ({claim} of account {account}): take "
                "another seed, or plant them in two incidents"
            )


def _target(fault: PlantableFault, life: Life, rng: Random, struck: set[tuple[str, str]]) -> str:
    """The busy account half of the time; else one that is open for the greater part of the bank's life."""
    on_the_busy_one = rng.randrange(2) == 0
    others = [
        person.account for person in life.people
        if person.account != CURRENT_ACCOUNT and person.closes is None and person.opens <= life.scale.months * 0.4
        and fault.may_strike(person)
    ]  # fmt: skip
    if not fault.strikes_any_account or not others:
        return CURRENT_ACCOUNT
    other = rng.choice(others)
    chosen = CURRENT_ACCOUNT if on_the_busy_one else other
    if (fault.name, chosen) in struck:
        free = [each for each in [CURRENT_ACCOUNT, *others] if (fault.name, each) not in struck]
        if not free:
            raise UnusableInput(f"there are too few accounts for {fault.name} so often: name it less often")
        chosen = rng.choice(free)
    return chosen
