"""Signed operations, where an app has switched them on: what is signed, by whom, and what is refused without."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.device import online
from tests.contract.messaging import make
from tests.contract.service import APP_ID, MASTER_KEY, Service, running


@pytest.fixture
async def signing(pair: tuple[str, str]) -> AsyncIterator[Service]:
    """A server that wants conversations and blacklists signed, but not logins."""
    async with running(pair[0], "socket", sign_conversations=True, sign_blacklists=True) as service:
        yield service


def signed(subject: str, at: int, action: str = "", key: str = MASTER_KEY) -> dict[str, Any]:
    """The three fields of a signature; the subject is everything between the app's id and the time."""
    text = f"{APP_ID}:{subject}:{at}:n1{':' if action else ''}{action}"
    return {"t": at, "n": "n1", "s": hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()}


async def test_a_conversation_is_made_with_a_signature_of_its_members(signing: Service) -> None:
    async with online(signing, "tom") as tom:
        now = signing.clock()
        good = "tom:jerry:tom"
        for bad in (
            {},
            signed("tom:jerry:spike", now),
            signed("spike:jerry:tom", now),
            signed(good, now, key="guess"),
            signed(good, now - 6 * 3_600_000 - 60_000),
            {**signed(good, now), "n": "n2"},
            {**signed(good, now), "s": "汤姆"},
        ):
            assert await tom.refused("conv", "start", m=["tom", "jerry"], **bad) == 4302
        assert (await tom.ask("conv", "query"))["results"] == []
        for given in (signed(good, now), signed("tom:jerry", now // 1000)):
            assert await tom.start("tom", "jerry", **given)
        await tom.start(transient=True, **signed("tom:tom", now))
        assert await tom.refused("conv", "start", m=["jerry"], tempConv=True) == 4302


async def test_members_are_invited_and_removed_with_a_signature_and_leave_without(signing: Service) -> None:
    conv = await make(signing, m=["tom"])
    room = await make(signing, "chatroom")
    async with online(signing, "tom") as tom, online(signing, "jerry") as jerry:
        now, both = signing.clock(), ["spike", "jerry"]
        subject = f"tom:{conv}:jerry:spike"
        for bad in ({}, signed(subject, now, "kick"), signed(f"tom:{room}:jerry:spike", now, "invite")):
            assert await tom.refused("conv", "add", cid=conv, m=both, **bad) == 4302
        added = await tom.ask("conv", "add", cid=conv, m=both, **signed(subject, now, "invite"))
        assert added["allowedPids"] == both
        for bad in ({}, signed(f"tom:{conv}:spike", now, "invite")):
            assert await tom.refused("conv", "remove", cid=conv, m=["spike"], **bad) == 4302
        await tom.ask("conv", "remove", cid=conv, m=["spike"], **signed(f"tom:{conv}:spike", now, "kick"))
        await jerry.ask("conv", "remove", cid=conv, m=["jerry"])
        assert await jerry.refused("conv", "add", cid=room, m=["jerry"]) == 4302
        join = signed(f"jerry:{room}:jerry", now, "invite")
        assert (await jerry.ask("conv", "add", cid=room, m=["jerry"], **join))["allowedPids"] == ["jerry"]
        (row,) = (await tom.ask("conv", "query", where={"objectId": conv}))["results"]
        assert row["m"] == ["tom"]


async def test_blacklists_are_changed_with_a_signature_and_read_without(signing: Service) -> None:
    conv = await make(signing, m=["tom"], c="tom")
    async with online(signing, "tom") as tom:
        now = signing.clock()
        theirs: dict[str, Any] = {"srcCid": conv, "toPids": ["spike", "butch"]}
        own: dict[str, Any] = {"srcPid": "tom", "toCids": [conv]}
        for body, subject, kind in (
            (theirs, f"tom:{conv}:butch:spike", "conversation-{}-clients"),
            (own, f"tom:{conv}:", "client-{}-conversations"),
        ):
            for op, other in (("block", "unblock"), ("unblock", "block")):
                wrong = signed(subject, now, kind.format(other))
                for bad in ({}, wrong, signed(subject, now, "invite")):
                    assert await tom.refused("blacklist", op, **body, **bad) == 4546
                await tom.ask("blacklist", op, **body, **signed(subject, now, kind.format(op)))
            await tom.ask("blacklist", "query", **body)
            await tom.ask("blacklist", "check_block", **body)
