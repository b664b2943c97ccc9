"""Several faults in one bank: every one is where the answer says, and no answer is spoilt by another."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from second_look import Look

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.files import read_anchors
from esworkbench.event_store.anchors.keys import read_public_keys
from esworkbench.lab import FAULTS, PlantedFault, build_incident, reveal
from esworkbench.lab.incidents.faults import PlantableFault, Scene

HEADS, HISTORY, PAPER = "account_balances", "transaction_history", "statement"
SHOWS_IN = {
    "unresolved_pending": (PAPER,), "double_apply": (HEADS,), "gap_skipped": (HEADS,), "manual_edit": (HEADS,),
    "event_deleted": (HEADS, HISTORY, PAPER), "payload_edited": (HEADS, HISTORY, PAPER),
    "tail_truncated": (HEADS, HISTORY, PAPER), "handler_bug": (HEADS,), "rounding": (HISTORY,),
    "retry_duplicate": (PAPER,), "never_appended": (PAPER,), "half_transfer": (PAPER,), "settled_otherwise": (PAPER,),
    "double_repair": (PAPER,),
}  # fmt: skip
"""By how the catalogue tells them apart; a fault that isn't here puts no total off."""
WHOLE_BANK = {"unresolved_pending", "double_apply", "tail_truncated", "handler_bug", "rounding", "lag"}
KNOWN = [*SHOWS_IN, "lag", "lost_update", "chain_fork", "invariant_broken", "clock_skew", "valid_time_shift",
         "statement_incomplete", "statement_inconsistent"]  # fmt: skip
SEEDS = [1, 2, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(3, 40))]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))


def drawn(seed: int) -> list[str]:
    """Two to four faults; those of the whole bank once, and no cut tail beside unread events, which are its last."""
    rng = Random(f"mixed/{seed}")
    names: list[str] = []
    while len(names) < 2 + seed % 3:
        name = rng.choice(KNOWN)
        if (name in names and name in WHOLE_BANK) or {name, *names} >= {"lag", "tail_truncated"}:
            continue
        names.append(name)
    return names


def receiver(look: Look, planted: PlantedFault) -> str:
    """Whose statement half a transfer puts off."""
    [(payload,)] = look.rows(f"SELECT payload FROM events WHERE global_position = {planted.positions[0]}")
    return str(payload).partition('"to_account":"')[2].partition('"')[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_claim_is_off_by_the_sum_of_what_was_planted(sqlite_url: str, seed: int) -> None:
    """Counted from the raw tables after all were planted, whatever the order and wherever they meet."""
    names = drawn(seed)
    built = build_incident(sqlite_url, faults=names, seed=seed, scale="small")
    look, planted = Look(sqlite_url), reveal(sqlite_url)
    assert {each.fault for each in planted} == set(names)
    told: dict[str, Counter[tuple[str, str]]] = {claim: Counter() for claim in (HEADS, HISTORY, PAPER)}
    for each in planted:
        if each.account is None or each.currency is None:
            continue
        account = receiver(look, each) if each.fault == "half_transfer" else each.account
        for claim in SHOWS_IN.get(each.fault, ()):
            told[claim][account, each.currency] += each.amount
    off = {HEADS: look.balances_off(), HISTORY: look.history_off(), PAPER: look.statement_off(built.outside)}
    for claim, sums in told.items():
        assert off[claim] == {key: amount for key, amount in sums.items() if amount}, (claim, names)
    ids = Counter(event_id for each in planted for event_id in each.event_ids)
    assert {event_id for event_id, times in ids.items() if times > 1} <= shared_by(planted)


def shared_by(planted: list[PlantedFault]) -> set[str]:
    """Events that whole-bank faults of readers happen to meet at: their figures add up all the same."""
    readers = {"double_apply", "handler_bug", "rounding", "lag", "gap_skipped"}
    return {event_id for each in planted if each.fault in readers for event_id in each.event_ids}


def test_one_seed_plants_the_same_faults_on_the_same_accounts(tmp_path: Path) -> None:
    names = ["manual_edit", "never_appended", "event_deleted", "manual_edit"]
    urls = [f"sqlite:///{tmp_path / name}" for name in ("one.db", "two.db")]
    for url in urls:
        build_incident(url, faults=names, seed=4, scale="small")
    assert Look(urls[0]).contents() == Look(urls[1]).contents()
    assert reveal(urls[0]) == reveal(urls[1])
    accounts = [each.account for each in reveal(urls[0]) if each.fault == "manual_edit"]
    assert len(set(accounts)) == 2


def test_one_fault_named_in_a_list_is_that_fault_alone(tmp_path: Path) -> None:
    one, two = (f"sqlite:///{tmp_path / name}" for name in ("one.db", "two.db"))
    build_incident(one, fault="gap_skipped", seed=4, scale="small")
    build_incident(two, faults=["gap_skipped"], seed=4, scale="small")
    assert Look(one).contents() == Look(two).contents()


@pytest.mark.parametrize("faults", [["never_appended", "chain_fork"], ["chain_fork"], ["none"]])
def test_every_bank_anchors_its_log_at_every_run(faults: list[str], tmp_path: Path) -> None:
    """Signed by a key whose public half lies beside them, in unbroken succession; one seed gives the same anchors."""
    kept = []
    for name in ("one.db", "two.db"):
        url = f"sqlite:///{tmp_path / name}"
        outside = build_incident(url, faults=faults, seed=4, scale="small").outside
        kept.append([each.anchor for each in read_anchors(outside / "anchors", read_public_keys(outside / "keys"))])
    assert kept[0] == kept[1]
    look = Look(url)
    runs = (
        "SELECT max(to_position) FROM checkpoint_log WHERE projection = 'account_balances' GROUP BY run_id ORDER BY 1"
    )
    assert [each.position for each in kept[0]] == [position for (position,) in sorted(look.rows(runs))][:-1]
    for each in kept[0]:
        assert look.rows(f"SELECT count(*) FROM events WHERE global_position <= {each.position}") == [(each.count,)]
    without = build_incident(f"sqlite:///{tmp_path / 'no.db'}", faults=faults, seed=4, scale="small", anchored=False)
    assert not (without.outside / "anchors").exists()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["rounding", "manual_edit", "rounding"], "rounding is about the whole bank"),
        (["none", "lag"], "healthy bank: name it alone"),
        (["manual_edit"] * 9, "9 faults are too many"),
        (["manual_edit", "no_such"], "there is no fault 'no_such'"),
        (["lag", "tail_truncated"], "the log's last event is another fault's"),
    ],
    ids=["twice", "none", "many", "unknown", "tail"],
)
def test_what_can_not_stand_side_by_side_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, sqlite_url: str, names: list[str], words: str
) -> None:
    with pytest.raises(UnusableInput, match=words):
        build_incident(sqlite_url, faults=names, seed=1, scale="small")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("healed", ["batch_end_stamping", "row_lost", "index_differs"])
def test_what_a_rebuild_undoes_is_not_planted_before_one(healed: str, sqlite_url: str) -> None:
    """No total tells of these, so the rebuild itself is what the lab goes by."""
    with pytest.raises(UnusableInput, match=rf"rebuilt at the end, which undoes {healed}"):
        build_incident(sqlite_url, faults=[healed, "split_view"], seed=1, scale="small")


def test_an_answer_that_another_fault_has_undone_is_refused(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebuild at the end heals the edited row: the lab finds out, and doesn't seal an answer that isn't so."""

    class Rebuilds(PlantableFault):
        name = "rebuilds"
        shows_in = ()

        def last_run(self, scene: Scene) -> None:
            scene.readers.rebuild_all()

    monkeypatch.setitem(FAULTS, "rebuilds", Rebuilds)
    with pytest.raises(UnusableInput, match=r"get into each other's way \(account_balances of account"):
        build_incident(sqlite_url, faults=["manual_edit", "rebuilds"], seed=1, scale="small")
