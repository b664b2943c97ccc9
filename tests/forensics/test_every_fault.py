"""Each fault that the lab can plant is named as the catalogue asks, and nothing else is; held by a judge from outside.

The first seed of what ``python -m benchmarks.confusion`` runs over many. The judge reads the opened answer and what
``diagnose`` prints, and shares no code with either.
"""

from pathlib import Path

import pytest

from benchmarks.confusion.trials import ENGINES, PLANTABLE, Held, Trial, hold

SEEDS = range(1, 21)


def held(trial: Trial, folder: Path, request: pytest.FixtureRequest) -> Held:
    url = request.getfixturevalue("sqlite_url" if trial.engine == "sqlite" else "postgres_url")
    found = hold(trial, url, folder)
    if "superuser" in found.error:
        pytest.skip(found.error)
    assert found.error == ""
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fault", PLANTABLE)
def test_a_fault_alone_is_named_exactly_or_in_the_pair_that_it_belongs_to(
    fault: str, engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Class, account, events and amount; nothing beside it, and nothing left over."""
    verdict = held(Trial("single", fault, 1, engine), tmp_path, request).verdict
    assert verdict is not None
    assert verdict.planted
    assert verdict.is_right, verdict


@pytest.mark.parametrize("seed", [1, 65])
def test_a_checkpoint_is_told_to_be_moved_whichever_way(seed: int, tmp_path: Path, sqlite_url: str) -> None:
    """Back, so that rows are ahead of it; or forward, over events that no run of the checkpoint log read."""
    verdict = hold(Trial("single", "checkpoint_moved", seed, "sqlite"), sqlite_url, tmp_path).verdict
    assert verdict is not None
    assert verdict.is_right, verdict


@pytest.mark.parametrize("seed", SEEDS)
def test_of_several_faults_none_is_passed_over_and_none_is_proven_that_is_not_there(
    seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Two to four at once: each is named, in its pair, or its amount is left unexplained (promises 14 and 15)."""
    found = held(Trial("mixed", "", seed, ENGINES[seed % 2]), tmp_path, request)
    assert len(found.faults) >= 2
    assert found.verdict is not None
    assert found.verdict.is_honest, found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_healthy_bank_is_not_accused(seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    verdict = held(Trial("clean", "", seed, ENGINES[seed % 2]), tmp_path, request).verdict
    assert verdict is not None
    assert verdict.is_right, verdict
    assert verdict.planted == []
