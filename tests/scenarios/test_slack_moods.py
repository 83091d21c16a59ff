"""When Slack limits, refuses or goes silent, and what becomes of files: the same edge as in test_slack_edge."""

import asyncio
import json
from dataclasses import replace

import pytest

from bridge.errors import Failed
from bridge.invocation import Place
from bridge.phrases import phrase
from bridge.playground.model import Message
from bridge.reply import File, Quote, Reply, Tone
from bridge.slack.answer import Deadlines
from bridge.slack.socket import socket_mode
from tests.scenarios.slack_stage import BUSY, PATIENT, Held, Stage, stage
from tests.unit.playground.stage import NEWS, SCOPES, SECRET, TOM

DONE = Reply(phrase("Sent to {count} users", count=3))
SENDING = Reply(phrase("Sending: 1 of 3"), tone=Tone.WORKING)


def says(text: str):  # type: ignore[no-untyped-def]
    return lambda message: text in message.shown


async def settle(on: Stage) -> list[Message]:
    """Everything done and posted; what tom sees in the news channel."""
    await on.inbound.drain()
    return on.workspace.visible(NEWS, TOM)


# -- Slack's moods -----------------------------------------------------------------------------------------------------


async def test_too_many_posts_are_held_back_for_as_long_as_slack_asks() -> None:
    async with stage() as on:
        on.workspace.fail("chat.postMessage", status=429, retry_after=7)
        posted = await on.outbound.post(Place(on.workspace.team.id, NEWS), DONE)
        assert posted.ts is not None
        assert on.waits == [7.0]


async def test_posts_in_a_channel_are_a_second_apart() -> None:
    async with stage() as on:
        for _ in range(3):
            await on.outbound.post(Place(on.workspace.team.id, NEWS), DONE)
        assert [round(seconds) for seconds in on.waits] == [1, 2]


async def test_a_post_that_may_have_arrived_is_never_sent_again() -> None:
    async with stage(BUSY) as on:
        on.workspace.fail("chat.postMessage", status=500, acts=True)
        await on.workspace.command(TOM, NEWS, "/im conv list")
        assert [message.text for message in await settle(on)] == ["/im conv list", "Done: conv list"]


@pytest.mark.parametrize("error", ["edit_window_closed", "cant_update_message", "msg_too_long"])
async def test_what_can_not_be_changed_is_posted_anew(error: str) -> None:
    async with stage() as on:
        posted = await on.outbound.post(Place(on.workspace.team.id, NEWS), SENDING)
        on.workspace.fail("chat.update", status=200, error=error, times=2)
        again = await on.outbound.update(posted, DONE)
        assert again.ts != posted.ts
        assert [message.text for message in await settle(on)] == ["Sending: 1 of 3", "Sent to 3 users"]


async def test_blocks_that_slack_refuses_do_not_take_the_reply_with_them() -> None:
    async with stage() as on:
        on.workspace.fail("chat.postMessage", status=200, error="invalid_blocks")
        await on.outbound.post(Place(on.workspace.team.id, NEWS), DONE)
        (message,) = await settle(on)
        assert (message.text, message.blocks) == ("Sent to 3 users", ())


async def test_nothing_is_unfurled_and_no_name_becomes_a_mention() -> None:
    async with stage() as on:
        await on.outbound.post(
            Place(on.workspace.team.id, NEWS), Reply(phrase("Ok"), (Quote("@here https://a.test"),))
        )
        (sent,) = [json.loads(each.body) for each in on.workspace.exchanges if "postMessage" in each.target]
        assert (sent["unfurl_links"], sent["unfurl_media"], sent["mrkdwn"]) == (False, False, False)
        assert "link_names" not in sent


# -- Files -------------------------------------------------------------------------------------------------------------

EXPORT = Reply(phrase("Exported"), (File("history.csv", "from,text\ntom,周六\n"),))


@pytest.mark.parametrize("deadlines", [PATIENT, BUSY], ids=["in time", "late"])
async def test_files_follow_their_reply(deadlines: Deadlines) -> None:
    async with stage(deadlines) as on:

        async def export(*_: object) -> Reply:
            return EXPORT

        on.dispatch.act = export
        await on.workspace.command(TOM, NEWS, "/im history news --csv")
        *_, reply, upload = await settle(on)
        assert reply.shown.startswith("Exported")
        (file,) = upload.files
        assert on.workspace.files[file["id"]]["content"].decode() == "from,text\ntom,周六\n"


async def test_a_file_that_can_not_be_attached_is_named() -> None:
    async with stage(scopes=SCOPES - {"files:write"}) as on:
        await on.outbound.post(Place(on.workspace.team.id, NEWS), EXPORT)
        *_, told = await settle(on)
        assert "history.csv could not be attached" in told.shown
        assert "missing_scope" in told.shown


async def test_a_private_replys_file_is_kept_from_the_channel() -> None:
    async with stage() as on:

        async def export(*_: object) -> Reply:
            return replace(EXPORT, private=True)

        on.dispatch.act = export
        await on.workspace.command(TOM, NEWS, "/im help")
        *_, told = await settle(on)
        assert told.ephemeral_to == TOM
        assert "history.csv could not be attached" in told.shown
        assert on.workspace.files == {}


async def test_a_file_is_named_too_where_the_bot_is_no_member() -> None:
    async with stage() as on:

        async def export(*_: object) -> Reply:
            return EXPORT

        on.dispatch.act = export
        await on.workspace.command(TOM, SECRET, "/im history news --csv")
        await on.workspace.heard(says("history.csv could not be attached"), SECRET)


# -- Faults and patience -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deadlines", [PATIENT, BUSY], ids=["in time", "late"])
async def test_a_reply_that_can_not_be_put_into_words_is_a_fault_with_an_id(
    deadlines: Deadlines, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(deadlines) as on:

        async def forget_the_value(*_: object) -> Reply:
            return Reply(phrase("Sent to {whom}"))

        on.dispatch.act = forget_the_value
        await on.workspace.command(TOM, NEWS, "/im stats")
        *_, told = await settle(on)
        assert "Something went wrong" in told.shown
        assert told.ephemeral_to == TOM
        (record,) = [each for each in caplog.records if each.exc_info]
        assert record.getMessage().partition(":")[0] in told.shown


async def test_a_look_up_that_hangs_holds_up_no_command_and_serves_the_next() -> None:
    async with stage() as on:
        silence = on.workspace.fail("users.info", hangs=True)
        outcome = await on.workspace.command(TOM, NEWS, "/im conv list")
        assert outcome.text == "Done: conv list"
        silence.release()
        await on.workspace.command(TOM, NEWS, "/im conv list")
        assert [asked.actor.zone for asked in on.dispatch.asked] == [None, "Asia/Shanghai"]


async def test_a_refused_app_token_stops_the_start() -> None:
    async with stage() as on:
        with pytest.raises(Failed) as refusal:
            async with socket_mode(on.inbound.app, "xapp-wrong"):
                pass
        assert refusal.value.code == "invalid_auth"


async def test_concurrent_commands_do_not_wait_for_each_other() -> None:
    async with stage(sockets=True) as on:
        held = Held(DONE)

        async def first_held(invocation, tell):  # type: ignore[no-untyped-def]
            return await held(invocation, tell) if "slow" in invocation.line else DONE

        on.dispatch.act = first_held
        slow = asyncio.create_task(on.workspace.command(TOM, NEWS, "/im slow"))
        await held.begun.wait()
        outcome = await on.workspace.command(TOM, NEWS, "/im fast")
        assert outcome.text == "Sent to 3 users"
        held.go.set()
        assert (await slow).text == "Sent to 3 users"
