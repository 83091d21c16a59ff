"""What is said of a delivery: its state first, its text quoted, and nothing that reads like sent before it is."""

import re

import pytest

from bridge.announcement import announce, opening
from bridge.commands import Registry
from bridge.grammar import split
from bridge.invocation import Place
from bridge.ledger import Act, Delivery, Part, Plan, Reason, State
from bridge.parse import understand
from bridge.phrases import Phrase, plain
from bridge.realtime.models import Kind
from bridge.reply import Buttons, Fields, Hint, Paragraph, Reply, Tone
from bridge.values import Reading
from handlers import COMMANDS

NEGATIONS = re.compile(r"\b(not|no|never|nothing|none|cannot|can't|failed|without)\b", re.IGNORECASE)


def delivery(*parts: Part, act: Act = Act.BROADCAST, clients: int = 0) -> Delivery:
    audience = tuple(map(str, range(clients)))
    made = Plan(
        "d1",
        act,
        "c1",
        Kind.SYSTEM,
        "news",
        "Mammy",
        "{}",
        "Party on Saturday!\nBe there.",
        audience=audience,
    )
    return Delivery(made, "r1", "U1", Place("T1", "C1"), 1, parts)


def sent(number: int = 0) -> Part:
    return Part(number, State.SENT, msg_id=f"m{number}", timestamp=1_800_000_000_000, reason=Reason.ANSWERED)


def words(reply: Reply) -> str:
    """All that a reader sees, buttons included."""
    told: list[Phrase] = [reply.title]
    for part in reply.parts:
        match part:
            case Paragraph(said) | Hint(said):
                told.append(said)
            case Fields(rows):
                told += [name for name, _ in rows] + [value for _, value in rows if isinstance(value, Phrase)]
            case Buttons(buttons):
                told += [button.label for button in buttons]
            case _:
                raise AssertionError(part)
    return "\n".join(map(plain, told))


def test_a_finished_announcement_says_sent_and_nothing_else() -> None:
    reply = announce(delivery(sent()))
    assert plain(reply.title) == "Sent: “Party on Saturday! Be there.”"
    assert NEGATIONS.search(words(reply)) is None
    others = [state for state in State if state is not State.SENT]
    assert [state for state in others if state.value in words(reply).lower()] == []
    assert (reply.tone, reply.failure, reply.private) == (Tone.DONE, None, False)
    assert reply.data == {"msg-id": "m0", "timestamp": 1_800_000_000_000, "delivery": "d1", "state": "sent"}


def command_of(line: str) -> str:
    """The command that a button runs."""
    return understand(split(line), Registry.of(COMMANDS), Reading(0, "UTC")).command.name


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("state", [state for state in State if state is not State.SENT])
def test_whatever_is_not_finished_begins_with_its_state_and_never_says_sent(
    state: State, reason: Reason
) -> None:
    for parts in ([Part(0, state, reason=reason)], [sent(0), Part(1, state, reason=reason)]):
        reply = announce(delivery(*parts, act=Act.NOTIFY, clients=40))
        assert plain(reply.title).lower().startswith(f"{state.value}: “party")
        assert re.search(r"\bsent\b", words(reply), re.IGNORECASE) is None
        assert reply.tone is not Tone.DONE


def test_a_notification_gives_each_call() -> None:
    reply = announce(delivery(sent(0), Part(1, State.UNKNOWN), act=Act.NOTIFY, clients=40))
    assert isinstance(reply.data, dict)
    assert reply.data["parts"] == [
        {"state": "sent", "msg-id": "m0", "timestamp": 1_800_000_000_000},
        {"state": "unknown", "msg-id": None, "timestamp": None},
    ]
    assert reply.data["state"] == "unknown"


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        (State.REFUSED, Reason.UNREACHABLE, "unavailable"),
        (State.REFUSED, Reason.REJECTED, "rejected"),
        (State.REFUSED, Reason.QUOTA_USED_UP, "rate_limited"),
        (State.UNKNOWN, Reason.ANSWER_LOST, "unknown"),
        (State.CANCELED, Reason.PERSON, "canceled"),
    ],
)
def test_what_ended_badly_is_a_failure_for_programs(state: State, reason: Reason, code: str) -> None:
    reply = announce(delivery(Part(0, state, reason=reason)))
    assert reply.failure is not None
    assert reply.failure.code == code


def test_only_what_reached_nobody_at_all_stays_between_us() -> None:
    refused = Part(1, State.REFUSED, reason=Reason.REJECTED, words="no")
    assert announce(delivery(refused)).private
    assert not announce(delivery(sent(), refused, act=Act.NOTIFY, clients=40)).private


def test_what_was_not_found_is_a_question_with_buttons() -> None:
    reply = announce(delivery(Part(0, State.UNKNOWN, reason=Reason.NOT_FOUND, words="it is not there")))
    lines = [button.line for part in reply.parts if isinstance(part, Buttons) for button in part.buttons]
    assert lines == [f"delivery resolve d1 {answer}" for answer in ("sent", "again", "give-up")]
    assert {command_of(line) for line in lines} == {"delivery resolve"}


def test_nobody_is_asked_while_it_is_still_being_looked_up() -> None:
    reply = announce(delivery(Part(0, State.UNKNOWN, reason=Reason.ANSWER_LOST)))
    assert [part for part in reply.parts if isinstance(part, Buttons)] == []


def test_a_running_notification_can_be_stopped() -> None:
    reply = announce(delivery(sent(0), Part(1, State.SENDING), act=Act.NOTIFY, clients=40))
    lines = [button.line for part in reply.parts if isinstance(part, Buttons) for button in part.buttons]
    assert lines == ["delivery cancel d1"]
    assert command_of(lines[0]) == "delivery cancel"


def test_a_long_text_is_quoted_by_its_first_words() -> None:
    assert opening("周六有晚会！") == "周六有晚会！"
    assert opening("a b\n c") == "a b c"
    assert opening("x" * 100) == "x" * 59 + "…"


def test_a_running_delivery_tells_its_rate_its_failures_and_what_is_left() -> None:
    began = delivery(Part(0, State.PLANNED)).at
    parts = [
        Part(0, State.SENT, reason=Reason.ANSWERED, msg_id="m1", at=began + 1_000),
        Part(1, State.SENT, reason=Reason.ANSWERED, msg_id="m2", at=began + 4_000),
        Part(2, State.REFUSED, reason=Reason.REJECTED, at=began + 4_000),
        *(Part(number, State.PLANNED) for number in range(3, 8)),
    ]
    rows = {
        plain(label): value if isinstance(value, int) else plain(value)
        for part in announce(delivery(*parts, act=Act.NOTIFY, clients=160)).parts
        if isinstance(part, Fields)
        for label, value in part.rows
        if isinstance(value, (int, Phrase))
    }
    assert rows["Calls done"] == "2 of 8"
    assert rows["Failed or in doubt"] == 1
    assert rows["Rate"] == "0.5 calls a second"
    assert rows["Time left"] == "about 10 s"
