"""Whatever is sent, the answer is the service's own: JSON with a code when it refuses, and never a failure of ours.

A few cases of each call here, thousands by `make fuzz`. The server is another process, on a socket.
"""

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from tests.contract.boundaries import attempts, right
from tests.contract.openapi import CHATROOM, NORMAL, SERVICE, calls, described
from tests.crash.processes import lasting
from tests.crash.stage import IDENTITY, SERVER

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SAMPLE = EXAMPLES < 10
"""Cases of each call; a few are the same each time."""

SEED = 5
JSON = {"Content-Type": "application/json"}

KEYS = {
    "X-LC-Id": IDENTITY["LEANCLOUD_APP_ID"],
    "X-LC-Key": f"{IDENTITY['LEANCLOUD_MASTER_KEY']},master",
}


def operations(*, wide: bool) -> list[Any]:
    """Every call, as the description has it."""
    description = schemathesis.openapi.from_dict(described(wide=wide))
    # A wrong description has no `ok`, and ends the run.
    return [found.ok() for found in description.get_all_operations()]  # type: ignore[union-attr]


OPERATIONS = [*zip(operations(wide=False), operations(wide=True), strict=True)]
"""Each call twice: as it is meant, and with anything anywhere."""

BROKEN = [
    b"{", b"[]", b"null", b'"', b"NaN", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}', b'{"a\\u0000":1}',
    b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'{"message":' + b"9" * 10_000 + b"}", b"\xff\xfe",
    b'{"_method":"GET"}', b'{"_method":"\\n"}', b'{"_ApplicationId":"\\u4e2d"}', b'{"_method":7}',
]  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite"] if SAMPLE else ["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own."""
    folder = tmp_path_factory.mktemp("fuzzed")
    url = f"sqlite:///{folder}/realtime.db"
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres_server")
        postgres.psql("CREATE DATABASE fuzzed;")
        url = str(postgres.get_uri(database="fuzzed"))
    found: list[str] = []
    begun, over = threading.Event(), threading.Event()

    async def serve(folder: Path) -> None:
        (folder / "app.yaml").write_text(SERVER)
        words = ["realtime", "--port", "0", "--database-url", url]
        async with lasting(words, folder, IDENTITY) as listening:
            found.append(listening)
            begun.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve(folder)))
    thread.start()
    assert begun.wait(60)
    yield found[0]
    over.set()
    thread.join()


def plant(http: httpx.Client) -> dict[str, Any]:
    """A conversation of each kind, whatever was done to it before; gives a message that can be changed."""
    for object_id, kind in ((NORMAL, {}), (CHATROOM, {"tr": True}), (SERVICE, {"sys": True})):
        body = {"objectId": object_id, "name": "fuzzed", **kind}
        http.delete(f"/1.1/classes/_Conversation/{object_id}")
        http.post("/1.1/classes/_Conversation", json=body).raise_for_status()
    draft = {"from_client": "tom", "message": "hello"}
    sent = http.post(f"/1.2/rtm/conversations/{NORMAL}/messages", json=draft)
    return {"from_client": "tom", **sent.raise_for_status().json()}


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, headers=KEYS, trust_env=False, timeout=20) as http:
        yield http


def aim(case: Any, message: dict[str, Any]) -> None:
    """Makes a case be about the message."""
    case.path_parameters |= {"mid": message["msg-id"]}
    key = {"from_client": "tom", "timestamp": message["timestamp"]}
    if case.method == "DELETE":
        case.query = key
    elif isinstance(case.body, dict):
        case.body |= key


def generated(examples: int) -> settings:
    """The same few cases each time, or many new ones."""
    return settings(
        max_examples=examples,
        derandomize=SAMPLE,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )


def check(response: Any, sent: str) -> None:
    """An answer of the service's own."""
    told = f"{response.status_code} {response.text[:300]}\n{sent[:2000]}"
    assert response.status_code < 500, told
    body = response.json()
    if response.status_code >= 400:
        assert isinstance(body["code"], int), told
        assert isinstance(body["error"], str), told
    else:
        assert not (isinstance(body, dict) and "error" in body), told


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda pair: pair[0].label)
def test_every_call_answers_whatever_it_is_given(operation: Any, address: str, http: httpx.Client) -> None:
    # What fits a wide description is what schemathesis calls negative for a strict one, found a hundred times faster.
    cases = [one.as_strategy(generation_mode=GenerationMode.POSITIVE) for one in operation]

    message = plant(http)

    @generated(EXAMPLES)
    @given(st.one_of(cases), st.booleans())
    def ask(case: Any, aimed: bool) -> None:
        if aimed and "mid" in case.path_parameters:
            aim(case, message)
        check(case.call(base_url=address, headers=KEYS, timeout=20), case.as_curl_command())

    ask()


def test_one_hostile_value_anywhere_in_a_call_that_is_right(http: httpx.Client) -> None:
    every = [attempt for call in calls() for attempt in attempts(*call)]
    random.Random(SEED).shuffle(every)  # noqa: S311 - an order, not a secret
    for number, one in enumerate(every[: EXAMPLES * 500]):
        if number % 50 == 0:
            plant(http)
        content = None if one.body is None else one.body.encode()
        response = http.request(one.method, one.path, params=one.query, content=content, headers=JSON)
        check(response, str(one))


def test_bodies_that_are_no_json_are_refused_by_every_call(http: httpx.Client) -> None:
    broken = st.one_of(st.binary(), st.text().map(str.encode), st.sampled_from(BROKEN))

    @generated(EXAMPLES * 25)
    @given(st.sampled_from([*calls()]), broken, st.sampled_from(["application/json", "text/plain"]))
    def ask(call: tuple[str, str], body: bytes, kind: str) -> None:
        one = right(*call)
        response = http.request(one.method, one.path, content=body, headers={"Content-Type": kind})
        check(response, f"{one} {body[:200]!r}")

    ask()
