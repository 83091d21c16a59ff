"""Whatever is sent, the answer is the service's own: JSON with a code when it refuses, and never a failure of ours.

A few cases of each call here, thousands by `make fuzz`. The server is another process, on a socket.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from tests.contract.openapi import CHATROOM, NORMAL, SERVICE, described
from tests.crash.processes import lasting
from tests.crash.stage import IDENTITY, SERVER

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
"""Cases of each call."""

KEYS = {
    "X-LC-Id": IDENTITY["LEANCLOUD_APP_ID"],
    "X-LC-Key": f"{IDENTITY['LEANCLOUD_MASTER_KEY']},master",
}

schema = schemathesis.openapi.from_dict(described())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own with a conversation of each kind."""
    folder = tmp_path_factory.mktemp("fuzzed")
    found: list[str] = []
    begun, over = threading.Event(), threading.Event()

    async def serve(folder: Path) -> None:
        (folder / "app.yaml").write_text(SERVER)
        async with lasting(["realtime", "--port", "0"], folder, IDENTITY) as url:
            found.append(url)
            begun.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve(folder)))
    thread.start()
    assert begun.wait(60)
    for object_id, kind in ((NORMAL, {}), (CHATROOM, {"tr": True}), (SERVICE, {"sys": True})):
        body = {"objectId": object_id, "name": "fuzzed", **kind}
        httpx.post(f"{found[0]}/1.1/classes/_Conversation", json=body, headers=KEYS).raise_for_status()
    yield found[0]
    over.set()
    thread.join()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES < 10,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)
def test_every_call_answers_everything(case: Any, address: str) -> None:
    response = case.call(base_url=address, headers=KEYS, timeout=20)
    told = f"{response.status_code} {response.text[:300]}\n{case.as_curl_command()[:2000]}"
    assert response.status_code < 500, told
    body = response.json()
    if response.status_code >= 400:
        assert isinstance(body["code"], int), told
        assert isinstance(body["error"], str), told
    else:
        assert not (isinstance(body, dict) and "error" in body), told
