"""Where the data sets and notebooks lie: at the top of a clone, or inside an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    inside_wheel = _PACKAGE / "_shipped" / name
    return inside_wheel if inside_wheel.is_dir() else _PACKAGE.parent / name


def data_path(*parts: str) -> Path:
    """The path of something under ``data/``, for example ``data_path("ledgers", "bank.toml")``."""
    return _shipped("data").joinpath(*parts)


def notebooks_path() -> Path:
    """The folder of the numbered notebooks."""
    return _shipped("notebooks")
