"""Users that came from the service: they log in with the passwords that they had there."""

import base64
import hashlib
from typing import Any

from bridge.server.loading import Loader, read_object
from tests.contract.service import Service


def exported(password: str, salt: str) -> str:
    """The console's own recipe: salt and password through SHA-512, the outcome 512 times more, base64."""
    outcome = hashlib.sha512((salt + password).encode()).digest()
    for _ in range(512):
        outcome = hashlib.sha512(outcome).digest()
    return base64.b64encode(outcome).decode()


async def load(service: Service, number: int, **columns: Any) -> None:
    at = "2025-01-01T00:00:00.000Z"
    row = {"objectId": f"u{number}", "createdAt": at, "updatedAt": at, **columns}
    await Loader(service.server.engine, service.clock()).objects("_User", [read_object("_User", row)])


async def test_an_imported_user_logs_in_with_its_old_password_and_changes_it(service: Service) -> None:
    secret, salt = "猫 and mouse", "h60d8x797d3oa0naxybxxv9bn7xpt2yiowz68mpiwou7gwr2"
    await load(service, 1, username="tom", password=exported(secret, salt), salt=salt)
    given = {"username": "tom", "password": secret}
    assert await service.refused("POST", "/1.1/login", key="app", json={**given, "password": "x"}) == 210
    user = await service.ok("POST", "/1.1/login", key="app", json=given)
    assert user["objectId"] == "u1"
    session = {"X-LC-Session": user["sessionToken"]}
    seen = [
        user,
        await service.ok("GET", "/1.1/users/me", key="app", headers=session),
        await service.ok("GET", "/1.1/users/u1", key="app"),
        await service.ok("PUT", "/1.1/users/u1/refreshSessionToken", key="app", headers=session),
    ]
    assert [one.keys() & {"password", "salt"} for one in seen] == [set()] * 4
    session = {"X-LC-Session": seen[-1]["sessionToken"]}
    await service.ok("PUT", "/1.1/users/u1", key="app", headers=session, json={"password": "new"})
    assert await service.refused("POST", "/1.1/login", key="app", json=given) == 210
    await service.ok("POST", "/1.1/login", key="app", json={**given, "password": "new"})


async def test_what_is_no_such_password_lets_nobody_in(service: Service) -> None:
    hashed = exported("cat", "salt")
    stored: list[dict[str, Any]] = [
        {"password": hashed},
        {"password": hashed, "salt": 7},
        {"password": hashed, "salt": "other"},
        {"password": "汤姆", "salt": "salt"},
        {"password": "", "salt": "salt"},
        {"salt": "salt"},
    ]
    for number, columns in enumerate(stored):
        await load(service, number, username=f"user{number}", **columns)
        given = {"username": f"user{number}", "password": "cat"}
        assert await service.refused("POST", "/1.1/login", key="app", json=given) == 210
