"""What Slack's payloads are read as."""

from bridge.invocation import Place, Trigger
from bridge.slack.arrivals import Arrival, key, read, teams
from bridge.slack.asker import ResponseUrl

COMMAND = {
    "command": "/im",
    "text": "send news Tom &amp; <@U2|jerry>",
    "team_id": "T1",
    "channel_id": "C1",
    "user_id": "U1",
    "user_name": "tom",
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.test/1",
}
PRESS = {
    "type": "block_actions",
    "team": {"id": "T1", "domain": "cartoon"},
    "user": {"id": "U1", "username": "tom", "team_id": "T2"},
    "channel": {"id": "C1", "name": "news"},
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.test/2",
    "actions": [{"action_id": "imbridge.run.0", "value": "approve 1 &amp; go"}],
}


def test_a_command_is_read_with_its_marks_turned_back() -> None:
    assert read(COMMAND, "/im", "1.2.3", 5) == Arrival(
        user="U1",
        name="tom",
        teams=frozenset({"T1"}),
        place=Place("T1", "C1"),
        trigger=Trigger.SLASH,
        request="1.2.3",
        at=5,
        line="send news Tom & U2",
        response_url=ResponseUrl("https://hooks.slack.test/1", 5),
    )


def test_a_press_runs_the_buttons_value_untouched() -> None:
    arrival = read(PRESS, "/im", "1.2.3", 5)
    assert arrival is not None
    assert arrival.line == "approve 1 &amp; go"
    assert arrival.trigger is Trigger.BUTTON
    assert arrival.place == Place("T1", "C1")
    assert arrival.teams == {"T1", "T2"}
    assert arrival.response_url == ResponseUrl("https://hooks.slack.test/2", 5, ours=False)


def test_a_press_outside_any_channel_is_answered_to_the_presser() -> None:
    arrival = read({**PRESS, "channel": None, "container": {"type": "view"}}, "/im", "1.2.3", 5)
    assert arrival is not None
    assert arrival.place == Place("T1", "U1")


SIGNED = {"x-slack-signature": ["v0=abc"]}
ENVELOPED = {"x-slack-envelope-id": ["e-1"]}


def test_a_request_has_the_same_key_whenever_and_wherever_it_is_delivered() -> None:
    assert key(COMMAND, SIGNED) == key(COMMAND, ENVELOPED) == "1.2.3"
    assert key({"type": "event_callback", "event_id": "Ev1"}, SIGNED) == "Ev1"
    bare = {**COMMAND, "trigger_id": ""}
    assert (key(bare, SIGNED), key(bare, ENVELOPED)) == ("v0=abc", "e-1")
    assert key(bare, {}) != key(bare, {})


def test_other_requests_are_not_ours() -> None:
    assert read({**COMMAND, "command": "/im-drill"}, "/im", "s", 5) is None
    assert read({**PRESS, "actions": [{"action_id": "form.open"}]}, "/im", "s", 5) is None
    assert read({**PRESS, "actions": []}, "/im", "s", 5) is None
    assert read({"type": "url_verification", "challenge": "x"}, "/im", "s", 5) is None


def test_every_team_a_payload_names_counts() -> None:
    assert teams(COMMAND) == {"T1"}
    assert teams(PRESS) == {"T1", "T2"}
    assert teams({"type": "url_verification"}) == frozenset()
