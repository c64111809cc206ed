"""Notebooks in a real JupyterLab: every cell runs, figures are shown, and the browser asks no other host."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from engagekit.language import Language

pytestmark = pytest.mark.needs("chromium")
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
STARTS_IN_S, RUNS_IN_MS = 120, 240_000  # two slow processors
CELLS = "() => jupyterapp.shell.currentWidget.content.model.toJSON().cells.filter(cell => cell.cell_type === 'code')"
READY = """path => {
  const shown = globalThis.jupyterapp?.shell.currentWidget;
  return shown?.context?.path === path && shown.sessionContext.session?.kernel?.status === 'idle';
}"""
FINISHED = f"""() => {{
  const cells = ({CELLS})();
  const failed = cells.flatMap(cell => cell.outputs).some(each => each.ename && each.ename !== 'WrongAnswer');
  return failed || cells.every(cell => cell.execution_count);
}}"""
FIGURES = "() => [...document.querySelectorAll('.jp-RenderedImage img')].filter(each => each.naturalWidth > 100).length"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address and token of a JupyterLab that has a copy of the notebooks and reads no personal settings."""
    if find_spec("jupyterlab") is None:
        message = "jupyterlab is not installed"
        pytest.fail(message) if os.environ.get("REQUIRE_ALL") else pytest.skip(message)
    root = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    folders += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    options = {
        "ServerApp.root_dir": root / "notebooks",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": True,
        "LabApp.extension_manager": "readonly",
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
    }
    words = ["--no-browser", "--allow-root", *(f"--{name}={value}" for name, value in options.items())]
    environment = os.environ | {name: str(root / name.lower()) for name in folders}
    with (root / "log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *words], env=environment, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        assert _answers(server, f"{address}/api/status?token={token}"), (root / "log").read_text()
        yield address, token
    finally:
        server.terminate()
        server.wait(30)


def _answers(server, address):
    """Whether a server answers before it ends or takes too long."""
    until = time.monotonic() + STARTS_IN_S
    while server.poll() is None and time.monotonic() < until:
        try:
            with urlopen(address):
                return True
        except URLError:
            time.sleep(0.2)
    return False


@pytest.mark.parametrize(
    ("notebook", "figures", "unanswered"),
    [("explore/start-here.ipynb", 1, 0), ("lessons/1-what-is-engagement.ipynb", 2, 5)],
)
def test_all_cells_of_a_notebook_run(browser, lab, notebook, figures, unanswered):
    address, token = lab
    context = browser.new_context(viewport={"width": 1280, "height": 8000})  # so that no cell is out of sight
    context.set_default_timeout(RUNS_IN_MS)
    page, hosts = context.new_page(), set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{address}/lab/tree/{notebook}?reset&token={token}")  # or notebooks opened before are opened again
    page.wait_for_function(READY, arg=notebook)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(FINISHED)
    cells = page.evaluate(CELLS)
    outputs = [output for cell in cells for output in cell["outputs"]]
    asked = [Language("en").text("lesson.not_answered")] * unanswered
    assert [output["evalue"] for output in outputs if output["output_type"] == "error"] == asked
    assert cells[-1]["outputs"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == page.evaluate(FIGURES) == figures
    assert hosts - {""} == {urlsplit(address).netloc}  # none is of an image within the page
    context.close()
