"""Plans and invocations for tests, and a clock that moves by hand."""

from dataclasses import replace

from bridge.invocation import Actor, Invocation, Place, Trigger
from bridge.ledger import Act, Plan
from bridge.realtime.content import Text, encode, with_delivery
from bridge.realtime.models import Kind

CONVERSATION = "5eccba570d3a42c5fd4e25c3"
NOON = 1_800_000_000_000


class Clock:
    """UTC milliseconds that only move when told to."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


def plan(
    id_: str = "d1", act: Act = Act.BROADCAST, text: str = "Party on Saturday!", clients: int = 0
) -> Plan:
    """A typed announcement that carries its delivery id."""
    return Plan(
        id=id_,
        act=act,
        conversation=CONVERSATION,
        kind=Kind.SYSTEM,
        name="news",
        sender="Mammy Two Shoes",
        message=encode(with_delivery(Text(text), id_)),
        text=text,
        audience=tuple(f"player-{number}" for number in range(clients)),
    )


def invocation(request: str = "trigger-1", line: str = "broadcast news Party on Saturday!") -> Invocation:
    """Asked by one person in one channel."""
    return Invocation(
        id="i1",
        request=request,
        actor=Actor("U1", "Tom", "en", "Asia/Shanghai"),
        place=Place("T1", "C1"),
        trigger=Trigger.SLASH,
        at=NOON,
        line=line,
    )


def raw(made: Plan) -> Plan:
    """The same, as a plain string without a delivery id."""
    return replace(made, message=made.text, typed=False)
