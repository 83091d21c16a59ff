"""LeanCloud's own Python SDK, unchanged, against this server over a socket."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, running

SDK = "leancloud==3.0.2"
ROOT = Path(__file__).parents[2]
ENVIRONMENT = (
    ROOT
    / "var"
    / "test-environments"
    / f"{SDK.replace('==', '-')}-py{sys.version_info[0]}{sys.version_info[1]}"
)
SCRIPT = Path(__file__).with_name("sdk_session.py")


async def run(*command: str | Path, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """An interpreter that has the SDK: it pins libraries of its own time, so it lives in an environment of its own."""
    python = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (ENVIRONMENT / "complete").exists():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        for command in (
            (sys.executable, "-m", "venv", ENVIRONMENT),
            (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "setuptools<81", SDK),
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode:
                pytest.skip(f"needs {SDK}, which cannot be installed here: {done.stderr.strip()[-400:]}")
        (ENVIRONMENT / "complete").touch()
    return python


async def through_the_sdk(python: Path, database_url: str, part: str, **settings: Any) -> Any:
    async with running(database_url, "socket", **settings) as service:
        code, out, err = await run(
            python, SCRIPT, APP_ID, APP_KEY, MASTER_KEY, part, LEANCLOUD_API_SERVER=service.base_url
        )
    assert code == 0, err
    return json.loads(out)


async def test_the_sdk_creates_reads_changes_finds_and_destroys_conversations(
    sdk_python: Path, pair: tuple[str, str]
) -> None:
    seen = await through_the_sdk(sdk_python, pair[0], "conversations")
    assert len(seen["id"]) == 24
    assert seen["unique is the same"] is True
    assert seen["read"] == ["Tom & Jerry", ["Jerry", "Tom"], True, False, "cheese"]
    assert seen["changed"] == [["Jerry", "Spike", "Tom"], "milk", None]
    assert seen["kinds"] == [True, True, "room"]
    assert seen["found"] == {
        "member": ["Tom & Jerry"],
        "name": True,
        "system": ["news"],
        "starts": ["Tom & Jerry"],
        "all": ["news", "room"],
        "newer": 0,
        "count": 3,
        "scan": ["Tom & Jerry", "news", "room"],
        "both": 2,
    }
    assert seen["left"] == ["Tom & Jerry"]
    assert seen["missing"] == 101
    assert seen["read when gone"] is None


async def test_the_sdk_sends_broadcasts_and_reads_history(sdk_python: Path, pair: tuple[str, str]) -> None:
    seen = await through_the_sdk(sdk_python, pair[0], "messages")
    typed = {"_lctype": -1, "_lctext": "周六有晚会！", "_lcattrs": {"delivery": "d1"}}
    assert seen["newest first"] == ["with push", typed, "plain"]
    assert seen["row"][0] == "Tom"
    assert seen["row"][2:] == [True, False]
    assert seen["now"] is True
    assert seen["limit"] == ["with push"]
    assert seen["oldest first"] == ["plain"]
    assert seen["before"] is True
    assert seen["of Tom"] == ["周六有晚会！", "plain"]
    assert seen["in all"] >= 5
    assert seen["refused"] == {
        "unknown": 4401,
        "too long": 4109,
        "too many": 1,
        "not a system conversation": 4313,
    }


async def test_the_sdk_uploads_reads_and_deletes_files(
    sdk_python: Path, pair: tuple[str, str], tmp_path: Path
) -> None:
    seen = await through_the_sdk(sdk_python, pair[0], "files", files_folder=tmp_path / "files")
    assert seen == {
        "served": [True, "image/png"],
        "read": ["photo.png", True, "image/png", 5120],
        "names": ["cheese", "photo.png"],
        "left": 1,
    }
