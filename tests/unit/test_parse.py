"""What people type becomes a command with arguments, or an answer that says what to type instead."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands import Command, Effect, Registry, command
from bridge.context import Context
from bridge.errors import NotUnderstood
from bridge.grammar import joined, split
from bridge.parse import understand
from bridge.phrases import phrase, plain
from bridge.reply import Reply
from bridge.values import (
    Attribute,
    ClientId,
    CommandLine,
    ConversationRef,
    Coordinates,
    JsonObject,
    Reading,
    Since,
    Text,
    Until,
)

NOON = 1_767_225_600_000 + 12 * 3_600_000  # 2026-01-01T12:00Z
SHANGHAI = Reading(NOON, "Asia/Shanghai")
SILENT = Reply(phrase("Done."))


@dataclass(frozen=True)
class Voice:
    from_: ClientId | None = None
    attr: tuple[Attribute, ...] = ()


@command("send", Effect.REACHES)
async def send(
    ctx: Context,
    conv: ConversationRef,
    text: Text | None = None,
    *,
    voice: Voice,
    mention: tuple[ClientId, ...] = (),
    location: Coordinates | None = None,
    json: JsonObject | None = None,
    transient: bool = False,
    till: Until | None = None,
) -> Reply:
    """Send."""
    return SILENT


@command("conv list", Effect.READS)
async def list_(
    ctx: Context, *, kind: Literal["normal", "system"] = "normal", limit: int = 20, since: Since | None = None
) -> Reply:
    """List."""
    return SILENT


@command("member add", Effect.CHANGES)
async def add(ctx: Context, conv: ConversationRef, ids: tuple[ClientId, ...]) -> Reply:
    """Add."""
    return SILENT


@command("schedule add", Effect.CHANGES)
async def schedule(ctx: Context, when: str, run: CommandLine, *, name: str | None = None) -> Reply:
    """Schedule."""
    return SILENT


@command("help", Effect.NONE)
async def help_(ctx: Context, about: Text | None = None) -> Reply:
    """Help."""
    return SILENT


COMMANDS: tuple[Command, ...] = (send, list_, add, schedule, help_)
REGISTRY = Registry.of(COMMANDS)


def read(line: str) -> Mapping[str, Any]:
    return understand(split(line), REGISTRY, SHANGHAI).arguments


def refused(line: str) -> str:
    """What somebody hears who types this."""
    with pytest.raises(NotUnderstood) as caught:
        understand(split(line), REGISTRY, SHANGHAI)
    return f"{plain(caught.value.message)} {plain(caught.value.hint) if caught.value.hint else ''}"


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("send lobby Hello  all", {"conv": "lobby", "text": "Hello  all"}),
        ("send lobby Hello --from tom all", {"conv": "lobby", "text": "Hello all", "from_": "tom"}),
        ("send --from tom lobby hi", {"conv": "lobby", "text": "hi", "from_": "tom"}),
        ("send lobby —from tom hi", {"conv": "lobby", "text": "hi", "from_": "tom"}),
        ("send lobby hi --from=tom", {"conv": "lobby", "text": "hi", "from_": "tom"}),
        ('SEND lobby "hi  there" --transient', {"conv": "lobby", "text": "hi  there", "transient": True}),
        ('send "Game Room" -5 degrees -abc', {"conv": "Game Room", "text": "-5 degrees -abc"}),
        ("send lobby -- --from tom said", {"conv": "lobby", "text": "--from tom said"}),
        ("send lobby news — big", {"conv": "lobby", "text": "news — big"}),
        ("send lobby --location -31.2,121.5", {"conv": "lobby", "location": Coordinates(-31.2, 121.5)}),
        (
            "send lobby hi --mention a,b，c --mention d",
            {"conv": "lobby", "text": "hi", "mention": ("a", "b", "c", "d")},
        ),
        ('send lobby --json {"a":1}', {"conv": "lobby", "json": {"a": 1}}),
        ("send lobby hi --till 2h", {"conv": "lobby", "text": "hi", "till": NOON + 7_200_000}),
        ("send lobby hi --till 2026-01-01T21:00", {"conv": "lobby", "text": "hi", "till": NOON + 3_600_000}),
        ("send lobby hi --till 1767272400000", {"conv": "lobby", "text": "hi", "till": 1_767_272_400_000}),
        ("conv list --since 1h30m", {"since": NOON - 5_400_000}),
        ("member add lobby tom jerry,mary", {"conv": "lobby", "ids": ("tom", "jerry", "mary")}),
        (
            'schedule add "0 10 * * sat" -- send lobby hi --from tom',
            {"when": "0 10 * * sat", "run": "send lobby hi --from tom"},
        ),
        (
            "schedule add 2026-12-31T23:55 — send lobby hi",
            {"when": "2026-12-31T23:55", "run": "send lobby hi"},
        ),
        ("send lobby hi --colour red", {"conv": "lobby", "text": "hi --colour red"}),
    ],
)
def test_a_line_gives_its_arguments(line: str, arguments: dict[str, object]) -> None:
    assert read(line) == arguments


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("level=3", 3),
        ("on=true", True),
        ("v=1.10", "1.10"),
        ("zip=007", "007"),
        ("name=tom", "tom"),
        ('x={"a":1}', {"a": 1}),
    ],
)
def test_an_attribute_is_json_only_where_nothing_is_lost(typed: str, value: object) -> None:
    assert read(f"send lobby hi --attr {typed}")["attr"][0].value == value


@pytest.mark.parametrize(
    ("line", "heard"),
    [
        ("sned lobby hi", "Did you mean send?"),
        ("conv lits", "Did you mean conv list?"),
        ("conv", "There are: conv list."),
        ("nonsense", "Type help"),
        ("send", "send needs CONV."),
        ("send lobby hi --form tom", "Did you mean --from?"),
        ("send lobby hi --limit 5", "send has no option --limit."),
        ("conv list --colour red", "conv list has no option --colour."),
        ("conv list extra", "extra is one word too many."),
        ("conv list --kind sytem", "Did you mean system?"),
        ("conv list --limit ten", "it takes a whole number"),
        ("conv list --limit", "--limit needs a value."),
        ("conv list --limit --since 2h", "--limit needs a value."),
        ("conv list --limit 1 --limit 2", "--limit was given twice."),
        ("send lobby --json {a:1}", "a JSON object"),
        ("send lobby --location 91,0", "latitude and longitude"),
        ("send lobby hi --till tomorrow", "2026-12-31T23:55"),
        ("send lobby hi --transient=yes", "--transient takes no value."),
        ("send lobby hi --from " + "x" * 65, "1 to 64 characters"),
        ("schedule add 2026-12-31T23:55", "schedule add needs COMMAND."),
    ],
)
def test_what_is_not_understood_is_answered_with_what_to_type(line: str, heard: str) -> None:
    assert heard in refused(line)


def test_words_of_a_shell_are_not_cut_again() -> None:
    line = joined(["send", "Game Room", "two  spaces", "--from", "tom"])
    assert understand(line, REGISTRY, SHANGHAI).arguments == {
        "conv": "Game Room",
        "text": "two  spaces",
        "from_": "tom",
    }


async def test_options_of_a_group_reach_the_handler_as_one() -> None:
    heard: list[Voice] = []

    @command("say", Effect.REACHES)
    async def say(ctx: Context, *, voice: Voice) -> Reply:
        """Say."""
        heard.append(voice)
        return SILENT

    understood = understand(split("say --from tom"), Registry.of((say, help_)), SHANGHAI)
    await understood.command.call(None, understood.arguments)  # type: ignore[arg-type]
    assert heard == [Voice("tom")]  # type: ignore[arg-type]


def test_usage_shows_what_must_and_what_may_be_said() -> None:
    assert add.usage == "member add CONV ID..."
    assert list_.usage == "conv list [--kind normal|system] [--limit N] [--since WHEN]"


WORDS = st.sampled_from(["send", "conv", "list", "--from", "—from", "--", '"', "x"])


@given(st.text(max_size=80) | st.lists(WORDS).map(" ".join))
def test_any_line_is_understood_or_refused_in_words(line: str) -> None:
    with contextlib.suppress(NotUnderstood):
        assert understand(split(line), REGISTRY, SHANGHAI).command in COMMANDS
