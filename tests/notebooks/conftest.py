"""JupyterLab as `esworkbench lab` opens it, on a copy of the notebooks, and a real browser that looks at it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from esworkbench.doctor import BROWSERS
from tests.ground.test_lab import free_port, told_by

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
SETTINGS = {
    # JupyterLab draws only the cells in sight; a test wants them all.
    "notebook-extension/tracker": '{"windowingMode": "none"}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
}


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address with the token in it, and ``{}`` where the notebook's name goes; opened with no other notebook."""
    folder = tmp_path_factory.mktemp("lab")
    runtime = folder / "runtime"
    for name, text in SETTINGS.items():
        settings = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    command = [sys.executable, "-m", "esworkbench", "lab", "--no-browser", "--port", str(free_port())]
    with (folder / "output.log").open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            told = told_by(process, runtime, folder / "output.log")
            yield f"{told['url']}lab/tree/{{}}?reset&token={told['token']}"
        finally:
            if process.poll() is None:
                # The group, because JupyterLab is a child of the command and would outlive it.
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; skips where there is none, unless ESWORKBENCH_REQUIRE=all."""
    browser_path = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if browser_path is None:
        if os.environ.get("ESWORKBENCH_REQUIRE") == "all":
            pytest.fail(f"a browser is required here: none of {', '.join(BROWSERS)} is on PATH")
        pytest.skip("no Chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that knows nothing of those before it."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(120_000)
    yield page
    page.close()
