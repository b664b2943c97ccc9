"""What a projection inside the append costs: alone, and with many writers, who then take turns."""

from benchmarks.databases import Databases
from benchmarks.inside import AppendInside, AppendThenFollow
from benchmarks.ours import Append, open_store
from benchmarks.rounds import Experiment
from benchmarks.writers import Crew, Together

TITLE = "A projection inside the append"
ALONE = Append.name


def one_writer(databases: Databases, engine: str, size: int) -> Experiment:
    kinds = (Append, AppendInside, AppendThenFollow)
    contenders = [kind(open_store(databases.fresh(engine)), size, 1) for kind in kinds]
    return Experiment(TITLE, engine, size, ALONE, contenders)


def many_writers(databases: Databases, writers: int, commits_each: int) -> Experiment:
    crew = Crew(writers, {name: databases.fresh("postgresql") for name in (ALONE, AppendInside.name)}, commits_each)
    contenders = [Together(crew, name) for name in crew.urls]
    return Experiment(f"{TITLE}, {writers} writers", "postgresql", writers * commits_each, ALONE, contenders)
