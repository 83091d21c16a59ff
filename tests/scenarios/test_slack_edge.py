"""What people in Slack see of the edge: the real AsyncApp in a strict workspace, over HTTP and Socket Mode."""

from dataclasses import replace

import pytest

from bridge.errors import Failed, Refused
from bridge.invocation import Place, Trigger
from bridge.phrases import phrase
from bridge.playground.model import Message, User
from bridge.reply import Button, Buttons, Reply, Tone
from bridge.slack.answer import Deadlines
from tests.scenarios.slack_stage import BUSY, PATIENT, SILENT, Held, Stage, stage
from tests.unit.playground.stage import LOUNGE, NEWS, SCOPES, SECRET, SPIKE, TOM, grant

DONE = Reply(phrase("Sent to {count} users", count=3))
SENDING = Reply(phrase("Sending: 1 of 3"), tone=Tone.WORKING)


def says(text: str):  # type: ignore[no-untyped-def]
    return lambda message: text in message.shown


async def settle(on: Stage) -> list[Message]:
    """Everything done and posted; what tom sees in the news channel."""
    await on.inbound.drain()
    return on.workspace.visible(NEWS, TOM)


# -- Answered in time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sockets", [False, True], ids=["http", "socket mode"])
async def test_a_result_in_time_is_the_acknowledgement_for_all_to_see(sockets: bool) -> None:
    async with stage(sockets=sockets) as on:
        outcome = await on.workspace.command(TOM, NEWS, "/im conv list")
        assert outcome.error is None
        assert outcome.message is not None
        assert outcome.message.shown == "Done: conv list"
        assert outcome.message.ephemeral_to is None
        assert [message.text for message in await settle(on)] == ["/im conv list", "Done: conv list"]


async def test_an_invocation_carries_who_where_what_and_how() -> None:
    async with stage() as on:
        outcome = await on.workspace.command(TOM, NEWS, "/im send news <hi> & bye", links=True)
        (asked,) = on.dispatch.asked
        assert (asked.actor.id, asked.actor.name, asked.actor.zone) == (TOM, "tom", "Asia/Shanghai")
        assert asked.actor.locale == "zh-CN"
        assert asked.place == Place(on.workspace.team.id, NEWS)
        assert asked.line == "send news <hi> & bye"
        assert asked.trigger is Trigger.SLASH
        assert outcome.trigger is not None
        assert asked.request == outcome.trigger.id


async def test_what_is_private_goes_to_the_asker_alone() -> None:
    async with stage() as on:

        async def refuse(*_: object) -> Reply:
            return Reply.of_error(Refused(phrase("No."), hint=phrase("Ask an owner.")))

        on.dispatch.act = refuse
        outcome = await on.workspace.command(TOM, NEWS, "/im broadcast news hi")
        assert outcome.message is not None
        assert outcome.message.ephemeral_to == TOM
        assert outcome.message.text == "No.\nAsk an owner."


@pytest.mark.parametrize("deadlines", [PATIENT, BUSY], ids=["in time", "late"])
async def test_an_error_of_ours_is_told_by_its_id_and_kept_to_the_log(
    deadlines: Deadlines, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(deadlines) as on:

        async def fail(*_: object) -> Reply:
            raise ZeroDivisionError("xoxb-secret")

        on.dispatch.act = fail
        await on.workspace.command(TOM, NEWS, "/im stats")
        *_, told = await settle(on)
        assert told.ephemeral_to == TOM
        assert "xoxb-secret" not in told.shown
        (record,) = [each for each in caplog.records if each.exc_info and each.name == "bridge.slack.inbound"]
        assert record.getMessage().split()[0] in told.shown


# -- Answered later ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sockets", [False, True], ids=["http", "socket mode"])
async def test_a_late_result_is_posted_after_the_command_was_shown(sockets: bool) -> None:
    async with stage(BUSY, sockets=sockets) as on:
        on.dispatch.act = held = Held(DONE)
        outcome = await on.workspace.command(TOM, NEWS, "/im broadcast news hi")
        assert (outcome.error, outcome.message) == (None, None)
        assert [message.text for message in on.workspace.visible(NEWS, TOM)] == ["/im broadcast news hi"]
        held.go.set()
        message = await on.workspace.heard(says("Sent to 3 users"), NEWS)
        assert (message.ephemeral_to, message.versions) == (None, 1)


async def test_without_a_result_progress_stands_in_the_channel_and_becomes_the_result() -> None:
    async with stage(SILENT) as on:
        on.dispatch.act = held = Held(DONE)
        await on.workspace.command(TOM, NEWS, "/im broadcast news hi")
        progress = await on.workspace.heard(says("Still working on it"), NEWS)
        held.go.set()
        result = await on.workspace.heard(says("Sent to 3 users"), NEWS)
        assert result.ts == progress.ts
        assert len(await settle(on)) == 2


async def test_progress_that_is_told_is_shown_in_one_message() -> None:
    async with stage(BUSY) as on:
        on.dispatch.act = held = Held(DONE)
        await on.workspace.command(TOM, NEWS, "/im notify news hi --to a")
        await held.begun.wait()
        assert held.tell is not None
        await held.tell(SENDING)
        first = await on.workspace.heard(says("Sending: 1 of 3"), NEWS)
        await held.tell(replace(SENDING, title=phrase("Sending: 2 of 3")))
        second = await on.workspace.heard(says("Sending: 2 of 3"), NEWS)
        held.go.set()
        result = await on.workspace.heard(says("Sent to 3 users"), NEWS)
        assert first.ts == second.ts == result.ts


async def test_progress_makes_way_for_a_result_that_is_private() -> None:
    async with stage(SILENT) as on:
        on.dispatch.act = held = Held(Reply.of_error(Failed(phrase("The service is down."))))
        await on.workspace.command(TOM, NEWS, "/im stats")
        await on.workspace.heard(says("Still working on it"), NEWS)
        held.go.set()
        *_, told = await settle(on)
        assert told.shown == "The service is down."
        assert told.ephemeral_to == TOM
        assert not any("Still working" in message.shown for message in on.workspace.visible(NEWS, TOM))


async def test_private_progress_is_not_shown_to_all() -> None:
    async with stage(BUSY) as on:
        on.dispatch.act = held = Held(DONE)
        await on.workspace.command(TOM, NEWS, "/im stats")
        await held.begun.wait()
        assert held.tell is not None
        await held.tell(replace(SENDING, private=True))
        await on.outbound.post(Place(on.workspace.team.id, NEWS), Reply(phrase("Meanwhile")))
        held.go.set()
        said = [message.text for message in await settle(on)]
        assert said == ["/im stats", "Meanwhile", "Sent to 3 users"]


async def test_draining_waits_for_the_result_and_stops_what_does_not_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage(BUSY) as on:
        on.dispatch.act = held = Held(DONE)
        await on.workspace.command(TOM, NEWS, "/im stats")
        await held.begun.wait()
        await on.inbound.drain(within=0)
        assert "stopped with" in caplog.text
        await on.inbound.drain()


# -- Where the bot may not post ----------------------------------------------------------------------------------------


async def test_where_the_bot_is_no_member_the_result_comes_by_response_url() -> None:
    async with stage(SILENT) as on:
        on.dispatch.act = held = Held(DONE)
        outcome = await on.workspace.command(TOM, SECRET, "/im broadcast news hi")
        await on.workspace.heard(says("Still working on it"), SECRET)
        held.go.set()
        await on.workspace.heard(says("Sent to 3 users"), SECRET)
        await on.inbound.drain()
        shown = [message.shown for message in on.workspace.visible(SECRET, TOM)]
        assert shown == ["/im broadcast news hi", "Sent to 3 users"]
        assert outcome.response_url is not None
        assert outcome.response_url.uses == 2


async def test_progress_leaves_two_posts_of_a_response_url_for_the_result() -> None:
    async with stage(BUSY) as on:
        on.dispatch.act = held = Held(DONE)
        outcome = await on.workspace.command(TOM, SECRET, "/im notify news hi --to a")
        await held.begun.wait()
        assert held.tell is not None
        for number in range(1, 4):
            await held.tell(Reply(phrase("Sending: {number} of 9", number=number)))
            await on.workspace.heard(says(f"Sending: {number} of 9"), SECRET)
        await held.tell(Reply(phrase("Sending: 4 of 9")))
        await on.workspace.changed(
            lambda change: change.exchange is not None and change.exchange.status == 200
        )
        held.go.set()
        await on.workspace.heard(says("Sent to 3 users"), SECRET)
        assert outcome.response_url is not None
        assert outcome.response_url.uses == 4


async def test_a_reply_that_can_be_said_nowhere_says_why() -> None:
    async with stage() as on:
        with pytest.raises(Failed) as refusal:
            await on.outbound.post(Place(on.workspace.team.id, SECRET), DONE)
        assert refusal.value.code == "channel_not_found"
        assert SECRET in str(refusal.value.message)
        assert str(refusal.value.hint) == "Invite me to the channel first."


async def test_a_public_channel_without_the_bot_is_answered_too() -> None:
    async with stage(BUSY) as on:
        await on.workspace.command(TOM, LOUNGE, "/im conv list")
        await on.workspace.heard(says("Done: conv list"), LOUNGE)


# -- Buttons -----------------------------------------------------------------------------------------------------------

CONFIRM = Reply(phrase("Broadcast to all?"), (Buttons((Button(phrase("Broadcast"), "approve 7"),)),))


async def ask(on: Stage) -> Message:
    await on.outbound.post(Place(on.workspace.team.id, NEWS), CONFIRM)
    return await on.workspace.heard(says("Broadcast to all?"), NEWS)


@pytest.mark.parametrize("sockets", [False, True], ids=["http", "socket mode"])
async def test_a_button_runs_its_line_and_the_result_goes_to_its_channel(sockets: bool) -> None:
    async with stage(sockets=sockets) as on:
        outcome = await on.workspace.press(TOM, await ask(on), "imbridge.run.0")
        assert outcome.error is None
        await on.workspace.heard(says("Done: approve 7"), NEWS)
        (asked,) = on.dispatch.asked
        assert asked.trigger is Trigger.BUTTON
        assert outcome.trigger is not None
        assert asked.request == outcome.trigger.id
        assert any(message.shown.startswith("Broadcast to all?") for message in await settle(on))


async def test_where_the_bot_is_no_member_a_result_leaves_the_question_too() -> None:
    async with stage() as on:

        async def confirm(*_: object) -> Reply:
            return CONFIRM

        on.dispatch.act = confirm
        question = (await on.workspace.command(TOM, SECRET, "/im broadcast news hi")).message
        assert question is not None
        on.dispatch.act = None
        await on.workspace.press(TOM, question, "imbridge.run.0")
        await on.workspace.heard(says("Done: approve 7"), SECRET)
        assert on.workspace.messages[SECRET, question.ts].versions == 1


async def test_a_refused_press_is_told_to_the_presser_and_leaves_the_question() -> None:
    async with stage() as on:

        async def refuse(*_: object) -> Reply:
            return Reply.of_error(Refused(phrase("You can't approve your own.")))

        on.dispatch.act = refuse
        await on.workspace.press(TOM, await ask(on), "imbridge.run.0")
        question, told = await settle(on)
        assert question.shown.startswith("Broadcast to all?")
        assert (told.shown, told.ephemeral_to) == ("You can't approve your own.", TOM)


# -- Whose requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoilt", ["stale", "wrong", "missing", "malformed"])
async def test_what_slack_did_not_sign_is_turned_away(spoilt: str) -> None:
    async with stage() as on:
        on.workspace.spoil_signature(spoilt)  # type: ignore[arg-type]
        outcome = await on.workspace.command(TOM, NEWS, "/im conv list")
        assert outcome.ack is not None
        assert outcome.ack.status == 401
        assert on.dispatch.asked == []


@pytest.mark.parametrize("sockets", [False, True], ids=["http", "socket mode"])
async def test_a_request_delivered_again_is_answered_empty_and_acts_once(sockets: bool) -> None:
    async with stage(sockets=sockets) as on:
        await on.workspace.command(TOM, NEWS, "/im conv list")
        for fresh in (False, True):
            again = await on.workspace.redeliver(fresh=fresh)
            assert (again.status, again.body) == (200, b"")
        assert len(on.dispatch.asked) == 1


@pytest.mark.parametrize("team", [None, "T0TEAM0001"], ids=["the token's own", "the one set"])
async def test_another_workspace_is_refused(team: str | None) -> None:
    async with stage(team=team) as on:
        on.workspace.add_user(User(SPIKE, "spike", team_id="T0OTHER001"))
        on.workspace.join(NEWS, SPIKE)
        outcome = await on.workspace.command(SPIKE, NEWS, "/im conv list")
        assert outcome.message is not None
        assert outcome.message.ephemeral_to == SPIKE
        assert outcome.message.shown == "This bot serves another workspace."
        await on.workspace.press(SPIKE, await ask(on), "imbridge.run.0")
        await on.inbound.drain()
        assert on.dispatch.asked == []


async def test_without_knowing_its_own_team_it_serves_nobody() -> None:
    async with stage() as on:
        on.workspace.fail("auth.test", status=200, error="invalid_auth")
        outcome = await on.workspace.command(TOM, NEWS, "/im conv list")
        assert outcome.message is not None
        assert "invalid_auth" in outcome.message.shown
        assert on.dispatch.asked == []
        outcome = await on.workspace.command(TOM, NEWS, "/im conv list")
        assert outcome.text == "Done: conv list"


async def test_listeners_behind_the_edge_get_their_events_and_a_client() -> None:
    async with stage() as on:
        seen: list[str | None] = []

        @on.inbound.app.event("app_home_opened")
        async def home(client, event) -> None:  # type: ignore[no-untyped-def]
            seen.append(client.token)

        await on.workspace.open_home(TOM)
        assert seen == [on.workspace.app.bot_token]


# -- Who asks ----------------------------------------------------------------------------------------------------------


async def test_a_person_is_looked_up_once() -> None:
    async with stage() as on:
        for _ in range(3):
            await on.workspace.command(TOM, NEWS, "/im conv list")
        assert [each.target for each in on.workspace.exchanges].count("GET /api/users.info") == 1


async def test_without_the_scope_nobody_is_looked_up_again_and_everything_works() -> None:
    async with stage() as on:
        grant(on.workspace, *(SCOPES - {"users:read"}))
        for user in (TOM, TOM, SPIKE):
            on.workspace.join(NEWS, user)
            outcome = await on.workspace.command(user, NEWS, "/im conv list")
            assert outcome.text == "Done: conv list"
        assert [asked.actor.zone for asked in on.dispatch.asked] == [None, None, None]
        assert [each.target for each in on.workspace.exchanges].count("GET /api/users.info") == 1
