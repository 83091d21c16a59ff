"""What is said of a delivery: begins with its state, quotes its text, and only a finished one sounds finished."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from bridge.ledger import Act, Delivery, Part, Plan, Reason, State
from bridge.phrases import Code, Moment, Phrase, Value, phrase
from bridge.reply import Button, Buttons, Failure, Fields, Hint, Json, Paragraph, Reply, Tone
from bridge.reply import Part as Said

OPENING = 60
"""Characters of a text that are quoted."""

TONES = {
    State.PROPOSED: Tone.TOLD,
    State.PLANNED: Tone.WORKING,
    State.SENDING: Tone.WORKING,
    State.SENT: Tone.DONE,
    State.REFUSED: Tone.PROBLEM,
    State.UNKNOWN: Tone.DOUBT,
    State.CANCELED: Tone.TOLD,
}
STATES = {
    State.PROPOSED: phrase("proposed"),
    State.PLANNED: phrase("planned"),
    State.SENDING: phrase("sending"),
    State.SENT: phrase("sent"),
    State.REFUSED: phrase("refused"),
    State.UNKNOWN: phrase("unknown"),
    State.CANCELED: phrase("canceled"),
}
"""What people call the states of a delivery."""
ACTS = {
    Act.SEND: phrase("send"),
    Act.NOTIFY: phrase("notify"),
    Act.PUBLISH: phrase("publish"),
    Act.BROADCAST: phrase("broadcast"),
}
"""What people call the ways to reach people."""
ENDED_BADLY = frozenset({State.REFUSED, State.UNKNOWN, State.CANCELED})
# As `bridge.explain` names the same errors.
CODES = {
    Reason.UNREACHABLE: "unavailable",
    Reason.REJECTED: "rejected",
    Reason.QUOTA_USED_UP: "rate_limited",
}
UNDER_WAY = frozenset({State.PLANNED, State.SENDING})


EXPLANATIONS = {
    Reason.UNREACHABLE: phrase(
        "The messaging service could not be reached; nothing went out with this call."
    ),
    Reason.QUOTA_USED_UP: phrase(
        "The service takes no more calls of this kind today; nothing went out with this call."
    ),
    Reason.RATE_LIMITED: phrase(
        "The service takes no more calls of this kind for now; it goes on by itself."
    ),
    Reason.ANSWER_LOST: phrase("No answer came: it may have gone out or not, and is being looked up."),
    Reason.PROCESS_ENDED: phrase(
        "imbridge was stopped in the middle of it: it may have gone out or not, and is being looked up."
    ),
    Reason.FAULT: phrase(
        "imbridge failed in the middle of it: it may have gone out or not, and is being looked up."
    ),
    Reason.NOT_FOUND: phrase(
        "No answer came, and it is not to be found in the service: it may have gone out or not."
    ),
    Reason.NO_TRACE: phrase(
        "No answer came, and a transient message leaves no trace: it may have gone out or not."
    ),
    Reason.NOT_ASKED: phrase(
        "No answer came, and the service could not be asked: it may have gone out or not."
    ),
    Reason.RECOGNISED: phrase(
        "It was recognised by its sender, text and time, which is weaker than by its delivery id."
    ),
    Reason.PERSON: phrase("A person stopped it."),
    Reason.EXPIRED: phrase("Nobody gave their word in time."),
    Reason.VOID: phrase("It was no longer what had been shown, or no longer its author's to do."),
    Reason.FROZEN: phrase("Everything was frozen before it went out."),
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a command means to say, complete, before anything is done; `parts` belong into every reply on it."""

    plan: Plan
    parts: tuple[Said, ...] = ()


def announce(delivery: Delivery) -> Reply:
    """The reply on a delivery, whatever its state; `data` has the service's own field names."""
    state = delivery.state
    title, explained = _title(delivery), _explained(delivery)
    return Reply(
        title,
        tuple(_parts(delivery, explained)),
        data=data_of(delivery),
        tone=TONES[state],
        private=delivery.count(State.REFUSED) == len(delivery.parts),
        failure=_failure(delivery, title, explained) if state in ENDED_BADLY else None,
        key=_key(delivery),
    )


def _key(delivery: Delivery) -> str:
    """Names a result or a question; after a person's word there is another. What goes on has none."""
    if delivery.state in (State.PROPOSED, *UNDER_WAY) or delivery.doubtful:
        return ""
    return f"delivery:{delivery.id}:{max(part.at for part in delivery.parts)}"


def counting_down(reply: Reply, left_ms: int) -> Reply:
    """The reply on a planned delivery, saying when it goes out and that anyone may stop it."""
    seconds = ceil(left_ms / 1000)
    hint = phrase(
        "It goes out in {count} second. Anyone here may stop it.",
        plural="It goes out in {count} seconds. Anyone here may stop it.",
        count=seconds,
    )
    return replace(reply, parts=(Paragraph(hint), *reply.parts))


def data_of(delivery: Delivery) -> dict[str, Json]:
    """`msg-id`, `timestamp`, `delivery`, `state`, and of a notification `parts`, one for each call."""
    first = delivery.parts[0]
    found: dict[str, Json] = {
        "msg-id": first.msg_id,
        "timestamp": first.timestamp,
        "delivery": delivery.id,
        "state": delivery.state.value,
    }
    if delivery.plan.act is Act.NOTIFY:
        found["parts"] = [part_data(part) for part in delivery.parts]
    return found


def part_data(part: Part) -> Json:
    """A call's `state`, `msg-id` and `timestamp`."""
    return {"state": part.state.value, "msg-id": part.msg_id, "timestamp": part.timestamp}


def opening(text: str) -> str:
    """The first words of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= OPENING else f"{line[: OPENING - 1].rstrip()}…"


def _failure(delivery: Delivery, title: Phrase, explained: Phrase | None) -> Failure:
    code = CODES.get(_telling(delivery).reason, delivery.state.value)
    message = title if explained is None else phrase("{title}. {why}", title=title, why=explained)
    return Failure(
        code, message, phrase("Look at it with {command}.", command=Code(f"delivery show {delivery.id}"))
    )


def _telling(delivery: Delivery) -> Part:
    """The part that says most about the whole: the first of the least settled."""
    state = delivery.state
    return next(part for part in delivery.parts if part.state is state)


def _title(delivery: Delivery) -> Phrase:
    text = opening(delivery.plan.text)
    match delivery.state:
        case State.PROPOSED:
            return phrase("Proposed: “{text}”", text=text)
        case State.PLANNED:
            return phrase("Planned: “{text}”", text=text)
        case State.SENDING:
            return phrase("Sending: “{text}”", text=text)
        case State.SENT:
            return phrase("Sent: “{text}”", text=text)
        case State.REFUSED:
            return phrase("Refused: “{text}”", text=text)
        case State.UNKNOWN:
            return phrase("Unknown: “{text}”", text=text)
        case State.CANCELED:
            return phrase("Canceled: “{text}”", text=text)


def _parts(delivery: Delivery, explained: Phrase | None) -> Iterator[Said]:
    if explained is not None:
        yield Paragraph(explained)
    yield Fields(tuple(_rows(delivery)))
    if delivery.state in UNDER_WAY and (len(delivery.parts) > 1 or delivery.due):
        yield Buttons((Button(phrase("Stop"), f"delivery cancel {delivery.id}"),))
    if delivery.state is State.SENT:
        yield Buttons((Button(phrase("Recall / correct"), f"delivery correct {delivery.id}"),))
    if delivery.state is State.UNKNOWN and not delivery.doubtful:
        yield _question(delivery.id)
        yield Hint(phrase("It is never repeated by machine: you decide."))


def _question(delivery: str) -> Buttons:
    return Buttons(
        (
            Button(phrase("It went out"), f"delivery resolve {delivery} sent", settles=True),
            Button(phrase("Send again"), f"delivery resolve {delivery} again", danger=True, settles=True),
            Button(phrase("Give up"), f"delivery resolve {delivery} give-up", settles=True),
        )
    )


def _rows(delivery: Delivery) -> Iterator[tuple[Phrase, Value]]:
    yield phrase("To"), audience(delivery.plan)
    yield phrase("From"), delivery.plan.sender
    if len(delivery.parts) > 1 and delivery.state is not State.SENT:
        done = delivery.count(State.SENT)
        yield phrase("Calls done"), phrase("{done} of {total}", done=done, total=len(delivery.parts))
        if failed := delivery.count(State.REFUSED, State.UNKNOWN):
            yield phrase("Failed or in doubt"), failed
        if delivery.state in UNDER_WAY:
            yield from _speed(delivery, done)
    if delivery.state is State.SENT and len(delivery.parts) == 1:
        part = delivery.parts[0]
        yield phrase("Message id"), Code(part.msg_id or "")
        if part.timestamp is not None:
            yield phrase("Time"), Moment(part.timestamp)
    yield phrase("Delivery"), Code(delivery.id)


def _speed(delivery: Delivery, done: int) -> Iterator[tuple[Phrase, Value]]:
    """How fast its calls have gone so far, and what that means for the rest."""
    settled = [part.at for part in delivery.parts if part.state is State.SENT]
    seconds = (max(settled, default=delivery.at) - delivery.at) / 1000
    left = delivery.count(*UNDER_WAY)
    if done and left and seconds > 0:
        rate = done / seconds
        yield phrase("Rate"), phrase("{rate} calls a second", rate=str(round(rate, 1)))
        yield phrase("Time left"), phrase("about {seconds} s", seconds=ceil(left / rate))


def audience(plan: Plan) -> Value:
    """Whom it is for, in words."""
    match plan.act:
        case Act.SEND:
            return plan.name
        case Act.NOTIFY:
            return phrase(
                "{count} user of {name}",
                plural="{count} users of {name}",
                count=len(plan.audience),
                name=plan.name,
            )
        case Act.PUBLISH:
            return phrase("all subscribers of {name}", name=plan.name)
        case Act.BROADCAST:
            return phrase("everyone, as {name}", name=plan.name)


def _explained(delivery: Delivery) -> Phrase | None:
    """Why the least settled part is where it is; nothing to explain while all goes well."""
    told = _telling(delivery)
    if told.reason is Reason.REJECTED:
        return phrase("The messaging service refused it: {words}", words=told.words)
    if told.reason is Reason.PERSON and told.state is not State.CANCELED:
        return None
    return EXPLANATIONS.get(told.reason)
