"""A slash command's life in the stand-in: the signed request, the 3 seconds, the answer at once and the late ones."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest
from slack_bolt.async_app import AsyncAck, AsyncRespond, AsyncSay
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bridge.playground.courier import Signature
from bridge.playground.late_answers import LIFETIME_MS
from bridge.playground.model import App, Exchange, Outcome, User
from bridge.playground.workspace import Workspace
from tests.unit.playground.stage import JERRY, NEWS, SECRET, SPIKE, TOM, Installed, furnish

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Saturday*"}}


async def test_the_acknowledgements_text_is_shown_to_the_author_alone(installed: Installed) -> None:
    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck, command: dict[str, str]) -> None:
        await ack(f"you typed {command['text']}")

    outcome = await installed.workspace.command(TOM, "news", "/im conv list")

    assert outcome.error is None
    assert outcome.text == "you typed conv list"
    assert outcome.message is not None
    assert outcome.message.ephemeral_to == TOM
    assert outcome.message in installed.workspace.visible(NEWS, TOM)
    assert outcome.message not in installed.workspace.visible(NEWS, JERRY)


async def test_an_in_channel_answer_shows_the_command_and_the_blocks_to_everyone(
    installed: Installed,
) -> None:
    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck) -> None:
        await ack(response_type="in_channel", text="Saturday", blocks=[SECTION])

    await installed.workspace.command(TOM, "news", "/im conv list")

    typed, answer = installed.workspace.visible(NEWS, JERRY)
    assert (typed.user, typed.text) == (TOM, "/im conv list")
    assert (answer.user, answer.shown) == (installed.workspace.app.user_id, "*Saturday*")


async def test_an_empty_acknowledgement_shows_nothing(installed: Installed) -> None:
    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck) -> None:
        await ack()

    outcome = await installed.workspace.command(TOM, "news", "/im help")

    assert outcome.message is None
    assert installed.workspace.visible(NEWS, TOM) == []


async def test_invalid_blocks_in_an_acknowledgement_show_slacks_error_instead(installed: Installed) -> None:
    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck) -> None:
        await ack(response_type="in_channel", text="x", blocks=[{"type": "divider", "text": "no"}])

    outcome = await installed.workspace.command(TOM, "news", "/im help")

    assert outcome.error == "invalid_blocks"
    assert [each.text for each in installed.workspace.visible(NEWS, TOM)] == [
        '/im failed with the error "invalid_blocks"'
    ]
    assert installed.workspace.visible(NEWS, JERRY) == []


async def test_json_that_is_not_declared_as_json_is_shown_as_it_stands() -> None:
    answer = httpx.Response(200, text='{"text": "hello"}')
    async with _answering(answer) as workspace:
        outcome = await workspace.command(TOM, "news", "/im help")
    assert outcome.text == '{"text": "hello"}'


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401), "http_client_error"),
        (httpx.Response(500), "http_service_error"),
        (
            httpx.Response(200, text="{", headers={"content-type": "application/json"}),
            "invalid_command_response",
        ),
        (httpx.Response(200, json={"response_type": "loud", "text": "x"}), "invalid_response_type"),
        (httpx.ConnectError("refused"), "dispatch_failed"),
    ],
)
async def test_an_app_that_fails_shows_slacks_error(answer: httpx.Response | Exception, error: str) -> None:
    async with _answering(answer) as workspace:
        outcome = await workspace.command(TOM, "news", "/im help")
    assert outcome.error == error
    assert outcome.text == f'/im failed with the error "{error}"'


async def test_after_three_seconds_the_user_sees_a_timeout_and_late_answers_still_arrive(
    installed: Installed,
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck, respond: AsyncRespond) -> None:
        reached.set()
        await go_on.wait()
        await respond("at last")
        await ack("too late to be seen")

    workspace = installed.workspace
    typing = asyncio.create_task(workspace.command(TOM, "news", "/im broadcast news hello"))
    await reached.wait()
    installed.deadline.passed.set()
    outcome = await typing

    assert installed.deadline.seconds == [3.0]
    assert outcome.error == "operation_timeout"
    assert outcome.text == '/im failed with the error "operation_timeout"'

    go_on.set()
    await workspace.heard(lambda message: message.text == "at last", NEWS)
    late = await _answered(workspace, "POST http://app.test/slack/events")
    assert late is not None
    assert late.answer == b"too late to be seen"
    assert late.late
    assert not any(message.text == "too late to be seen" for message in workspace.visible(NEWS, TOM))


async def _answered(workspace: Workspace, target: str) -> Exchange | None:
    for entry in workspace.exchanges:
        if entry.target == target and entry.status is not None:
            return entry
    change = await workspace.changed(
        lambda change: bool(
            change.exchange and change.exchange.target == target and change.exchange.status is not None
        )
    )
    return change.exchange


async def test_a_response_url_takes_five_posts(installed: Installed) -> None:
    workspace, respond = await _command(installed)
    answers = [await respond.send(text=f"answer {number}") for number in range(6)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 404]
    assert answers[0].body == "ok"
    assert json.loads(answers[5].body) == {"ok": False, "error": "used_url"}
    assert [each.text for each in workspace.visible(NEWS, TOM)] == [f"answer {n}" for n in range(5)]
    assert workspace.visible(NEWS, JERRY) == []


async def test_a_response_url_ends_after_thirty_minutes(installed: Installed) -> None:
    workspace, respond = await _command(installed)
    workspace.shift_ms += LIFETIME_MS - 60_000
    assert (await respond.send(text="just in time")).status_code == 200
    workspace.shift_ms += 60_000
    answer = await respond.send(text="too late")
    assert (answer.status_code, json.loads(answer.body)["error"]) == (404, "expired_url")


async def test_a_response_url_can_be_expired_at_once(installed: Installed) -> None:
    outcome = await _acknowledged(installed)
    assert outcome.response_url is not None
    installed.workspace.expire(outcome.response_url)
    respond = AsyncWebhookClient(installed.workspace.late_answers.address(outcome.response_url))
    assert json.loads((await respond.send(text="late")).body)["error"] == "expired_url"


async def test_a_late_answer_replaces_and_deletes_the_one_before_when_told(installed: Installed) -> None:
    workspace, respond = await _command(installed)
    await respond.send(text="working", response_type="in_channel")
    await respond.send(text="done", replace_original=True)
    assert [(m.text, m.versions) for m in workspace.visible(NEWS, JERRY)] == [("done", 2)]
    await respond.send(delete_original=True)
    assert workspace.visible(NEWS, JERRY) == []


async def test_invalid_blocks_in_a_late_answer_are_refused_with_status_200_and_a_pointer(
    installed: Installed,
) -> None:
    workspace, respond = await _command(installed)
    answer = await respond.send(
        text="x", blocks=[{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]
    )
    said = json.loads(answer.body)
    assert answer.status_code == 200
    assert said["error"] == "invalid_blocks"
    assert said["errors"] == ["unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"]
    assert workspace.visible(NEWS, TOM) == []


async def test_a_late_answer_reaches_a_private_channel_that_the_bot_is_not_in(installed: Installed) -> None:
    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck, respond: AsyncRespond, say: AsyncSay) -> None:
        await ack()
        await respond("by response_url", response_type="in_channel")

    await installed.workspace.command(TOM, SECRET, "/im help")
    assert [each.text for each in installed.workspace.visible(SECRET, TOM)] == ["by response_url"]


async def test_the_request_is_signed_as_slacks_own_verifier_wants_it() -> None:
    seen: list[httpx.Request] = []
    async with _answering(httpx.Response(200), seen) as workspace:
        await workspace.command(TOM, "news", "/im send news 周六有晚会！ & <more>")
    (request,) = seen
    verifier = SignatureVerifier(workspace.app.signing_secret)
    assert verifier.is_valid_request(request.content, dict(request.headers))
    form = dict(httpx.QueryParams(request.content.decode()))
    assert form.keys() == {
        *("token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name", "command"),
        *("text", "api_app_id", "is_enterprise_install", "response_url", "trigger_id"),
    }
    assert form["text"] == "send news 周六有晚会！ &amp; &lt;more&gt;"
    assert form["channel_name"] == "news"


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("stale", 401),
        ("wrong", 401),
        ("missing", 401),
        ("malformed", 500),  # slack_sdk 3.48 raises ValueError at a timestamp that is no number
    ],
)
async def test_a_spoiled_signature_is_for_one_request(
    installed: Installed, how: Signature, status: int
) -> None:
    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck) -> None:
        await ack("hello")

    installed.workspace.spoil_signature(how)
    outcome = await installed.workspace.command(TOM, "news", "/im help")
    assert outcome.ack is not None
    assert outcome.ack.status == status
    assert (await installed.workspace.command(TOM, "news", "/im help")).text == "hello"


async def test_a_redelivered_request_has_the_same_bytes_and_the_same_signature_unless_signed_anew() -> None:
    seen: list[httpx.Request] = []
    async with _answering(httpx.Response(200, text="hello"), seen) as workspace:
        await workspace.command(TOM, "news", "/im help")
        workspace.shift_ms += 10_000  # signed anew, it would differ from here on
        again = await workspace.redeliver(attempt=1)
        await workspace.redeliver(fresh=True)
    first, same, fresh = seen
    assert again.body == b"hello"
    assert first.content == same.content == fresh.content
    assert first.headers["x-slack-signature"] == same.headers["x-slack-signature"]
    assert same.headers["x-slack-retry-num"] == "1"
    assert "x-slack-retry-num" not in fresh.headers
    assert fresh.headers["x-slack-signature"] != first.headers["x-slack-signature"]
    verifier = SignatureVerifier(workspace.app.signing_secret)
    assert verifier.is_valid_request(fresh.content, dict(fresh.headers))
    assert len(workspace.visible(NEWS, TOM)) == 1, "an answer to a repeated request is shown to nobody"


async def test_keyboards_turn_quotes_and_dashes_typographic_and_slack_wraps_links() -> None:
    seen: list[httpx.Request] = []
    async with _answering(httpx.Response(200), seen) as workspace:
        await workspace.command(
            TOM,
            "news",
            """/im send "a b" --from 'x' @jerry #news https://a.cn/?b=1&c""",
            smart=True,
            links=True,
        )
    text = httpx.QueryParams(seen[0].content.decode())["text"]
    assert text == "send “a b” —from ‘x’ <@U0JERRY001|jerry> <#C0NEWS0001|news> <https://a.cn/?b=1&amp;c>"


async def test_an_unregistered_command_never_reaches_the_app() -> None:
    seen: list[httpx.Request] = []
    async with _answering(httpx.Response(200), seen) as workspace:
        outcome = await workspace.command(TOM, "news", "/nothing at all")
    assert outcome.text == "/nothing is not a valid command."
    assert seen == []


async def test_who_is_not_in_a_channel_cant_type_there() -> None:
    async with _answering(httpx.Response(200)) as workspace:
        with pytest.raises(LookupError, match="is not in secret"):
            await workspace.command(SPIKE, "secret", "/im help")


async def test_someone_of_another_workspace_comes_with_their_own_team() -> None:
    seen: list[httpx.Request] = []
    async with _answering(httpx.Response(200), seen) as workspace:
        workspace.add_user(User("U0STRANGER", "stranger", team_id="T0ELSEWHERE"))
        workspace.join(NEWS, "U0STRANGER")
        await workspace.command("U0STRANGER", "news", "/im help")
    assert httpx.QueryParams(seen[0].content.decode())["team_id"] == "T0ELSEWHERE"


async def _acknowledged(installed: Installed) -> Outcome:
    @installed.bolt.command("/im")
    async def listener(ack: AsyncAck) -> None:
        await ack()

    return await installed.workspace.command(TOM, "news", "/im help")


async def _command(installed: Installed) -> tuple[Workspace, AsyncWebhookClient]:
    outcome = await _acknowledged(installed)
    assert outcome.response_url is not None
    url = installed.workspace.late_answers.address(outcome.response_url)
    return installed.workspace, AsyncWebhookClient(url)


def _answering(answer: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> Workspace:
    """A workspace whose app always answers so."""

    def app(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    installed = replace(App(), request_url="http://app.test/slack/events")
    return furnish(Workspace(app=installed, transport=httpx.MockTransport(app)))
