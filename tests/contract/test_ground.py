"""What every call shares: keys, errors, browsers, the clock, the route to the socket."""

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.contract.service import APP_ID, APP_KEY, MASTER_KEY, Service, running


def sign(key: str, timestamp: str = "1453014943466") -> str:
    return f"{hashlib.md5(f'{timestamp}{key}'.encode(), usedforsecurity=False).hexdigest()},{timestamp}"


async def test_healthz_answers_without_keys(service: Service) -> None:
    assert (await service.call("GET", "/healthz", key=None)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"X-LC-Key": APP_KEY},
        {"X-LC-Key": f"{MASTER_KEY},master"},
        {"X-LC-Sign": sign(APP_KEY)},
        {"X-LC-Sign": f"{sign(MASTER_KEY)},master"},
    ],
)
async def test_either_key_plain_or_signed_opens_the_door(service: Service, header: dict[str, str]) -> None:
    response = await service.call(
        "GET", "/1.1/classes/_File", key=None, headers={"X-LC-Id": APP_ID, **header}
    )
    assert response.status_code == 200
    assert response.json() == {"results": []}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-LC-Id": APP_ID},
        {"X-LC-Id": APP_ID, "X-LC-Key": "wrong"},
        {"X-LC-Id": APP_ID, "X-LC-Key": MASTER_KEY},
        {"X-LC-Id": APP_ID, "X-LC-Key": f"{APP_KEY},master"},
        {"X-LC-Id": APP_ID, "X-LC-Key": f"{APP_KEY},admin"},
        {"X-LC-Id": "other", "X-LC-Key": APP_KEY},
        {"X-LC-Id": APP_ID, "X-LC-Sign": sign("wrong")},
        {"X-LC-Id": APP_ID, "X-LC-Sign": f"{sign(APP_KEY)},master"},
        {"X-LC-Id": APP_ID, "X-LC-Sign": "garbage"},
        {"X-LC-Id": APP_ID, "X-LC-Sign": "", "X-LC-Key": "wrong"},
    ],
)
async def test_wrong_credentials_are_401(service: Service, headers: dict[str, str]) -> None:
    response = await service.call("GET", "/1.1/classes/_File", key=None, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, 401)


async def test_an_unknown_path_or_method_is_an_error_of_the_service(service: Service) -> None:
    assert await service.refused("GET", "/1.1/nowhere") == 404
    assert await service.refused("POST", "/1.1/date") == 405


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://app.example"}], ids=["program", "browser"])
async def test_a_path_with_a_slash_too_many_leads_to_the_right_one(
    service: Service, headers: dict[str, str]
) -> None:
    response = await service.call("GET", "/1.1/date/?x=1", headers=headers)
    assert response.status_code == 307
    assert response.headers["location"] == f"{service.base_url}/1.1/date?x=1"


async def test_a_browser_may_ask_from_any_page(service: Service) -> None:
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-lc-id,x-lc-key,x-lc-sign,x-lc-im-session-token,content-type",
    }
    preflight = await service.call("OPTIONS", "/1.1/classes/_Conversation/1", key=None, headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    for header in asked["Access-Control-Request-Headers"].split(","):
        assert header in preflight.headers["access-control-allow-headers"].lower()
    refusal = await service.call(
        "GET", "/1.1/classes/_File", key="wrong", headers={"Origin": "https://app.example"}
    )
    assert refusal.status_code == 401
    assert refusal.headers["access-control-allow-origin"] == "*"


async def test_a_browser_without_headers_wraps_method_and_keys_in_text(service: Service) -> None:
    wrapped = {"_method": "GET", "_ApplicationId": APP_ID, "_ApplicationKey": APP_KEY}
    response = await service.call(
        "POST", "/1.1/date", key=None, content=json.dumps(wrapped), headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 200
    assert response.json()["__type"] == "Date"


async def test_a_browser_without_headers_can_save_and_query(service: Service) -> None:
    keys = {"_ApplicationId": APP_ID, "_ApplicationKey": APP_KEY, "_InstallationId": "x"}
    plain = {"Content-Type": "text/plain;charset=UTF-8"}
    url = "/1.1/classes/Thing"
    made = await service.call("POST", url, key=None, content=json.dumps({"n": 1, **keys}), headers=plain)
    assert made.status_code == 201
    query = {"_method": "GET", "where": {"n": 1}, "limit": 1, **keys}
    found = await service.call("POST", url, key=None, content=json.dumps(query), headers=plain)
    assert [row["n"] for row in found.json()["results"]] == [1]
    assert "_InstallationId" not in found.json()["results"][0]
    wrong = await service.call("POST", url, key=None, content=json.dumps({"n": 1}), headers=plain)
    assert wrong.status_code == 401


@pytest.mark.parametrize(
    ("path", "code"), [("/1.2/rtm/all-conversations", 4200), ("/1.1/classes/_Conversation", 1)]
)
async def test_a_fault_of_the_server_is_told_without_its_insides(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, code: int
) -> None:
    async with running(f"sqlite:///{tmp_path}/broken.db", "socket") as service:
        async with service.server.engine.write() as connection:
            await connection.execute(text("DROP TABLE rt_objects"))
        response = await service.call("GET", path)
    assert response.status_code == 500
    assert response.json()["code"] == code
    assert "rt_objects" not in response.text
    assert "rt_objects" in caplog.text


async def test_the_route_names_the_host_that_was_asked(service: Service) -> None:
    plain = await service.ok(
        "GET", "/v1/route", key=None, params={"appId": APP_ID, "secure": "true", "_t": 1}
    )
    host = service.base_url.removeprefix("http://")
    assert plain["server"] == plain["secondary"] == f"ws://{host}"
    assert isinstance(plain["ttl"], int)
    behind_tls = await service.ok("GET", "/v1/route", key=None, headers={"X-Forwarded-Proto": "https"})
    assert behind_tls["server"] == f"wss://{host}"
