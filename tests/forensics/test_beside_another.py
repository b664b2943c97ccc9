"""A second fault in one bank hides no first: what is known of the one is counted where the other shows (promise 15)."""

from pathlib import Path

import pytest

from esworkbench.composition import capture
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.lab import build_incident, reveal
from esworkbench.lab.incidents.sealed import PlantedFault


def diagnosed(folder: Path, *faults: str, seed: int) -> tuple[Diagnosis, list[PlantedFault]]:
    url, key = f"sqlite:///{folder / 'bank.db'}", folder / "answer.key"
    build_incident(url, faults=faults, seed=seed, scale="small", key_file=key)
    return diagnose(capture(url, folder / "evidence", progress=False)), reveal(url, key_file=key)


@pytest.mark.parametrize("other", ["payload_edited", "event_deleted", "manual_edit"])
def test_a_reader_behind_is_told_beside_what_is_wrong_with_what_it_has_read(other: str, tmp_path: Path) -> None:
    diagnosis, planted = diagnosed(tmp_path, "lag", other, seed=3)
    [lag] = [each for each in planted if each.fault == "lag"]
    [told] = [each for each in diagnosis.findings if each.fault == "lag"]
    assert sorted(told.event_ids) == sorted(lag.event_ids)
    assert told.healthy
    assert {each.fault for each in diagnosis.unhealthy} >= {other}


def test_a_figure_that_was_rebuilt_before_an_event_was_lost_still_counts_it(tmp_path: Path) -> None:
    """The release of a handler came with a rebuild; what was cut off later was read by then."""
    diagnosis, planted = diagnosed(tmp_path, "handler_bug", "tail_truncated", seed=14)
    bugs = {(each.account, each.amount) for each in planted if each.fault == "handler_bug"}
    told = {(each.account, each.amount) for each in diagnosis.findings if each.fault == "handler_bug"}
    assert told == bugs
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("seed", [1, 2])
def test_a_broken_rule_is_told_where_a_read_model_alone_is_off(seed: int, tmp_path: Path) -> None:
    """The history tells of every event as the log does, so that the figure is wrong says nothing against the log."""
    diagnosis, _ = diagnosed(tmp_path, "lost_update", "double_apply", seed=seed)
    assert "lost_update" in {each.fault for each in diagnosis.findings}


def test_a_statement_that_contradicts_itself_is_told_beside_a_log_that_was_rewritten(tmp_path: Path) -> None:
    """What a wrong balance is off by adds up to nothing, so the event's amount would take the whole statement along."""
    faults = ("bad_snapshot", "rehashed_history", "serialization_drift", "statement_inconsistent")
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=121)
    [wrong] = [each for each in planted if each.fault == "statement_inconsistent"]
    told = [each for each in diagnosis.findings if each.fault == "statement_inconsistent"]
    assert [(each.account, each.amount) for each in told] == [(wrong.account, wrong.amount)]


def test_figures_of_an_older_state_are_no_rounding_where_one_of_them_is_off_by_little(tmp_path: Path) -> None:
    diagnosis, planted = diagnosed(tmp_path, "restored_read_model", seed=2)
    assert min(abs(each.amount) for each in planted) < 10
    assert {each.fault for each in diagnosis.findings} == {"restored_read_model"}
    assert {each.account for each in diagnosis.findings} == {each.account for each in planted}


def test_events_that_no_run_read_since_a_checkpoint_was_set_ahead_are_named(tmp_path: Path) -> None:
    """The runner went on from there, so figures lack a stretch, as if an older state had been put back."""
    diagnosis, planted = diagnosed(tmp_path, "checkpoint_moved", seed=3)
    told = {each.account: each for each in diagnosis.findings if each.alternative_to is None}
    assert {each.fault for each in told.values()} == {"checkpoint_moved"}
    assert {each.account: (each.amount, each.event_ids) for each in planted} == {
        account: (each.amount, each.event_ids) for account, each in told.items()
    }


def test_a_reader_whose_checkpoint_was_set_back_may_be_behind_as_well(tmp_path: Path) -> None:
    """Of what it has really read, the last run tells."""
    diagnosis, planted = diagnosed(tmp_path, "checkpoint_moved", "lag", "never_appended", seed=62)
    [lag] = [each for each in planted if each.fault == "lag"]
    [told] = [each for each in diagnosis.findings if each.fault == "lag"]
    assert told.event_ids == lag.event_ids


def test_one_version_kept_in_two_shapes_is_two_snapshots(tmp_path: Path) -> None:
    """Nothing happened between a migration's two sides, so both stand at one version, and one of them is right."""
    diagnosis, planted = diagnosed(tmp_path, "day_boundary", "stale_snapshot_shape", seed=26)
    assert sorted(
        (each.account, each.amount, each.positions) for each in diagnosis.unhealthy if each.account
    ) == sorted((each.account, each.amount, each.positions) for each in planted if each.account)


def test_a_wrong_snapshot_that_a_migration_made_worse_is_told_as_both(tmp_path: Path) -> None:
    diagnosis, planted = diagnosed(tmp_path, "bad_snapshot", "stale_snapshot_shape", seed=44)
    told = {(each.fault, each.account, each.amount) for each in diagnosis.findings}
    assert told == {(each.fault, each.account, each.amount) for each in planted}
    assert diagnosis.unexplained == []


def test_a_midnight_is_found_beside_another_fault_on_the_same_account(tmp_path: Path) -> None:
    faults = ("day_boundary", "double_repair", "event_misfiled", "invariant_broken")
    diagnosis, _ = diagnosed(tmp_path, *faults, seed=103)
    assert {each.fault for each in diagnosis.unhealthy} == set(faults)


@pytest.mark.parametrize(
    ("faults", "seed"),
    [
        (("day_boundary", "restored_read_model", "serialization_drift", "settled_otherwise"), 50),
        (("chain_fork", "clock_skew", "lag", "serialization_drift"), 92),
        (("invariant_broken", "rounding", "serialization_drift", "twin_dropped"), 15),
    ],
)
def test_a_log_that_is_only_spelled_otherwise_hides_nothing(faults: tuple[str, ...], seed: int, tmp_path: Path) -> None:
    """The same content hashes to what is stored, so times, links and amounts are what was written."""
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=seed)
    told = {(each.fault, each.account) for each in diagnosis.findings if each.alternative_to is None}
    assert told == {(each.fault, each.account) for each in planted}


def test_a_stretch_that_several_accounts_lack_is_found_though_others_have_a_fault_besides(tmp_path: Path) -> None:
    faults = ("chain_fork", "mixed_currency", "restored_read_model", "wrong_upcaster")
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=70)
    told = {each.account for each in diagnosis.findings if each.fault == "restored_read_model"}
    assert told == {each.account for each in planted if each.fault == "restored_read_model"}
    [fork] = [each for each in planted if each.fault == "chain_fork"]
    assert [(each.account, each.currency) for each in diagnosis.findings if each.fault == "chain_fork"] == [
        (fork.account, fork.currency)
    ]


def test_a_currency_without_a_row_is_named_though_the_other_figure_is_off_by_more(tmp_path: Path) -> None:
    faults = ("double_apply", "mixed_currency", "unresolved_pending", "wrong_upcaster")
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=84)
    told = {(each.currency, each.amount) for each in diagnosis.findings if each.fault == "mixed_currency"}
    assert told == {(each.currency, each.amount) for each in planted if each.fault == "mixed_currency"}


def test_rows_stamped_at_a_batchs_end_accuse_no_event_of_a_log_that_is_written_otherwise(tmp_path: Path) -> None:
    faults = ("batch_end_stamping", "invariant_broken", "lost_update", "serialization_drift")
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=198)
    assert [each for each in diagnosis.findings if each.fault == "payload_edited" and each.certainty == "proven"] == []
    told = {each.account for each in diagnosis.findings if each.fault == "batch_end_stamping"}
    assert told == {each.account for each in planted if each.fault == "batch_end_stamping"}


def test_a_checkpoint_set_back_is_told_on_an_account_that_is_off_by_more(tmp_path: Path) -> None:
    diagnosis, planted = diagnosed(tmp_path, "checkpoint_moved", "serialization_drift", "twin_dropped", seed=177)
    told = {(each.account, each.amount) for each in diagnosis.findings if each.fault == "checkpoint_moved"}
    assert told == {(each.account, each.amount) for each in planted if each.fault == "checkpoint_moved"}


@pytest.mark.parametrize(
    ("faults", "seed", "certainty"),
    [
        (("event_misfiled", "invariant_broken", "manual_edit", "twin_dropped"), 144, "proven"),
        (("batch_end_stamping", "invariant_broken", "lost_update", "serialization_drift"), 198, "likely"),
    ],
)
def test_a_broken_rule_is_told_where_nothing_says_that_the_log_was_otherwise_by_then(
    faults: tuple[str, ...], seed: int, certainty: str, tmp_path: Path
) -> None:
    """What parts later makes nothing wrong before; a drift that nobody can prove leaves the rule broken likely."""
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=seed)
    [broken] = [each for each in planted if each.fault == "invariant_broken"]
    told = [each for each in diagnosis.findings if each.fault == "invariant_broken"]
    assert [(each.account, each.event_ids, each.certainty) for each in told] == [
        (broken.account, broken.event_ids, certainty)
    ]


def test_a_runner_that_is_killed_parks_what_its_handler_cannot_handle(tmp_path: Path) -> None:
    diagnosis, planted = diagnosed(tmp_path, "double_apply", "poison_skipped", seed=20)
    told = {(each.fault, each.account, each.amount) for each in diagnosis.findings}
    assert told == {(each.fault, each.account, each.amount) for each in planted}


def test_a_checkpoint_set_back_is_told_though_all_rows_lack_an_older_stretch(tmp_path: Path) -> None:
    """Figures are right nowhere; without what the last run read beyond the checkpoint they lack one stretch alike."""
    faults = ("checkpoint_moved", "double_repair", "restored_read_model", "row_lost")
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=153)
    told = {(each.fault, each.account, each.amount) for each in diagnosis.unhealthy if not each.alternative_to}
    assert told == {(each.fault, each.account, each.amount) for each in planted}


@pytest.mark.parametrize(
    ("faults", "seed"), [(("event_misfiled", "payload_edited"), 7), (("bad_snapshot", "event_misfiled"), 170)]
)
def test_a_snapshot_is_off_by_all_that_was_done_to_the_log_together(
    faults: tuple[str, ...], seed: int, tmp_path: Path
) -> None:
    """Neither the sum of two edits nor an edit behind an older error is a wrong snapshot's own amount."""
    diagnosis, planted = diagnosed(tmp_path, *faults, seed=seed)
    told = {(each.fault, each.account, each.amount) for each in diagnosis.findings}
    assert told == {(each.fault, each.account, each.amount) for each in planted}
    assert diagnosis.unexplained == []
