"""A test that did not run for want of something is named, and fails a build."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LACKING = (
    "import pytest\npytestmark = pytest.mark.skipif(True, reason='needs a moon base')\ndef test_moon(): ...\n"
)
LACKING_MODULE = "import pytest\npytest.skip('needs a moon base', allow_module_level=True)\n"
ON_PURPOSE = "import pytest\n@pytest.mark.skip(reason='only on Windows')\ndef test_registry(): ...\n"


def run(folder: Path, body: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(body + "def test_runs(): ...\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.plugins.loud_skips",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
    ]
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [*command, "test_it.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("body", [LACKING, LACKING_MODULE], ids=["a test", "a module"])
def test_ci_fails_where_something_was_lacking_and_says_what(tmp_path: Path, body: str) -> None:
    finished = run(tmp_path, body, ci="true")
    assert finished.returncode == 1, finished.stdout
    assert "NOT TESTED HERE" in finished.stdout
    assert "needs a moon base" in finished.stdout


def test_a_person_is_told_and_goes_on(tmp_path: Path) -> None:
    finished = run(tmp_path, LACKING, ci="")
    assert finished.returncode == 0, finished.stdout
    assert "NOT TESTED HERE" in finished.stdout


def test_a_skip_on_purpose_is_quiet_even_in_ci(tmp_path: Path) -> None:
    finished = run(tmp_path, ON_PURPOSE, ci="true")
    assert finished.returncode == 0, finished.stdout
    assert "NOT TESTED HERE" not in finished.stdout
