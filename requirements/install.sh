#!/bin/sh
# Makes .venv from the hashed lock: no root, no conda, nothing fetched that the lock doesn't name.
# Run by make, from the top of the clone, whenever a file it depends on has changed.
set -eu

VENV=.venv
export PIP_DISABLE_PIP_VERSION_CHECK=1
export UV_PYTHON_DOWNLOADS=never

fail() {
    echo "esworkbench: $1" >&2
    exit 1
}

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    found_without_venv=
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        recent_enough "$candidate" || continue
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            PYTHON_FOUND=$candidate
            return
        fi
        found_without_venv=$candidate
    done
    if [ -n "$found_without_venv" ]; then
        fail "$found_without_venv can't make virtual environments: install its venv package (Debian and Ubuntu call it python3-venv), then run make again."
    fi
    fail "needs Python 3.11 or newer, and ${PYTHON:-none of python3.13, python3.12, python3.11, python3} is one: install it, or name yours with make PYTHON=/path/to/python3."
}

# A .venv that was moved, half made, or left behind by a Python since removed is made anew.
if ! { recent_enough "$VENV/bin/python" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }; then
    find_python
    echo "making $VENV with $("$PYTHON_FOUND" --version)"
    rm -rf "$VENV"
    "$PYTHON_FOUND" -m venv "$VENV"
fi

python="$VENV/bin/python"
uv="$VENV/bin/uv"

# uv is fast but reads neither pip's configuration nor the system's certificates;
# where those are what reaches the packages, pip does the same from the same hashes.
echo "installing what requirements/locked.txt names"
"$python" -m pip install --quiet --require-hashes -r requirements/bootstrap.txt || echo "uv could not be installed; going on with pip"
if ! { [ -x "$uv" ] && "$uv" pip sync --quiet --python "$python" --require-hashes requirements/locked.txt; }; then
    echo "uv could not reach the packages; going on with pip"
    "$python" -m pip install --quiet --require-hashes -r requirements/locked.txt \
        || fail "the packages could not be installed (see above): check the network or pip's configuration, then run make again."
fi
"$python" -m pip install --quiet --no-deps --no-build-isolation --editable . \
    || fail "the package itself could not be installed (see above): run make clean, then make again."
touch "$VENV/.installed"
