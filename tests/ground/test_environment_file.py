"""environment.yml and pyproject.toml ask for the same packages in the same versions."""

import tomllib

import yaml
from packaging.requirements import Requirement

from tests.ground.tracked import TOP

# The two worlds call a few packages by different names.
NAME_ON_CONDA = {"tzdata": "python-tzdata"}
ONLY_CONDA_NEEDS = {"python", "pip"}


def declared_in_pyproject() -> dict[str, str]:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        lines += extra
    requirements = [Requirement(line) for line in lines]
    return {each.name: str(each.specifier) for each in requirements if each.name != project["name"]}


def declared_in_environment() -> dict[str, str]:
    environment = yaml.safe_load((TOP / "environment.yml").read_text(encoding="utf-8"))
    lines = [each for each in environment["dependencies"] if isinstance(each, str)]
    for section in environment["dependencies"]:
        if isinstance(section, dict):
            lines += [each for each in section["pip"] if not each.startswith("-e")]
    requirements = [Requirement(line) for line in lines]
    assert len({each.name for each in requirements}) == len(requirements), "a package is named twice"
    return {each.name: str(each.specifier) for each in requirements}


def test_conda_and_pip_ask_for_the_same_packages_in_the_same_versions() -> None:
    wanted = {NAME_ON_CONDA.get(name, name): versions for name, versions in declared_in_pyproject().items()}
    offered = declared_in_environment()
    assert {name: versions for name, versions in offered.items() if name not in ONLY_CONDA_NEEDS} == wanted


def test_conda_asks_for_the_same_python() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert declared_in_environment()["python"] == project["requires-python"]


def test_conda_installs_the_package_itself_from_the_clone() -> None:
    environment = yaml.safe_load((TOP / "environment.yml").read_text(encoding="utf-8"))
    pip_sections = [each["pip"] for each in environment["dependencies"] if isinstance(each, dict)]
    assert ["-e ." in section for section in pip_sections] == [True]


def test_the_lock_names_every_package_asked_for() -> None:
    lock = (TOP / "requirements" / "locked.txt").read_text(encoding="utf-8")
    locked = {line.split("==")[0].split("[")[0] for line in lock.splitlines() if "==" in line and line[0] != " "}
    assert set(declared_in_pyproject()) - locked == set()
    assert lock.count("--hash=sha256:") > len(locked)
