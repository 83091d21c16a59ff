"""The `access` of app.yaml: roles, and rules with their examples. `bridge.rulebook` makes a policy of them."""

import re
from collections.abc import Mapping, Sequence, Set
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from bridge.invocation import Trigger
from bridge.settings import Duration, Settings


def _slack_id(letters: str, what: str) -> AfterValidator:
    """Slack's ids are told apart by their first letter; a name in their place would match nobody, or anybody."""

    def read(value: str) -> str:
        if not (value[:1] in tuple(letters) and len(value) > 2 and re.fullmatch(r"[A-Z0-9]+", value)):
            raise ValueError(f"{value!r} is no id of {what}, which looks like {letters[0]}0123ABCDE")
        return value

    return AfterValidator(read)


UserId = Annotated[str, _slack_id("UW", "a user")]
GroupId = Annotated[str, _slack_id("S", "a user group")]
ChannelId = Annotated[str, _slack_id("CGD", "a channel")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
MONTH_MS = 30 * 86_400_000
Word = TypeVar("Word")


def _several(value: object) -> object:
    if isinstance(value, Sequence | Set) and not value:
        # Nothing would mean no condition at all, the opposite of what it looks like.
        raise ValueError("is empty: name something, or leave the key out")
    return (value,) if isinstance(value, str) else value


Words: TypeAlias = Annotated[frozenset[Word], BeforeValidator(_several)]
"""One word, or a list of them."""
InOrder: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_several)]
"""As `Words`, in the order in which they stand."""


class RoleSettings(Settings):
    """Who is of a role: people by id, and whoever is in one of these user groups or channels."""

    users: Words[UserId] = frozenset()
    groups: Words[GroupId] = frozenset()
    channels: Words[ChannelId] = frozenset()

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not (self.users or self.groups or self.channels):
            raise ValueError("names nobody: write users, groups or channels")
        return self


class ApproveSettings(Settings):
    """A second person who has to approve."""

    role: str
    within: Annotated[Duration, Field(gt=0, le=MONTH_MS)] = 3_600_000


class ExampleSettings(Settings):
    """A command line, who types it (roles, a user id, member, guest or foreign) and in which channel."""

    who: InOrder = ("member",)
    line: str = Field(min_length=1)
    in_: ChannelId | None = Field(None, alias="in")
    by: Trigger = Trigger.SLASH


class RuleSettings(Settings):
    """One rule: conditions, what it asks for where they all hold, and examples that must come out as they say."""

    name: Name
    run: InOrder = Field(min_length=1)
    who: InOrder = ()
    conversations: Words[str] = frozenset()
    from_: Words[str] = Field(frozenset(), alias="from")
    clients: int | None = Field(None, ge=1)
    without: Words[str] = frozenset()
    drilled: Annotated[Duration, Field(gt=0)] | None = None
    in_: Words[ChannelId] = Field(frozenset(), alias="in")
    by: Words[Trigger] = frozenset()
    confirm: Literal[True] | None = None
    approve: ApproveSettings | None = None
    refuse: Literal[True] | None = None
    allow: tuple[ExampleSettings, ...] = ()
    deny: tuple[ExampleSettings, ...] = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if sum(each is not None for each in (self.confirm, self.approve, self.refuse)) > 1:
            raise ValueError("confirm, approve and refuse: a rule says one of them")
        return self


class AccessSettings(Settings):
    """Roles by name, and rules in order."""

    roles: Mapping[Name, RoleSettings] = Field(default_factory=dict)
    rules: tuple[RuleSettings, ...] = ()


def _open_or_mapping(value: object) -> object:
    if value is None or value == "open" or isinstance(value, Mapping | AccessSettings):
        return value
    raise ValueError("is open, or a mapping with roles and rules")


def _form(value: object) -> str:
    return "word" if isinstance(value, str) else "mapping"


Access = Annotated[
    Annotated[Literal["open"], Tag("word")] | Annotated[AccessSettings, Tag("mapping")],
    Discriminator(_form),
    BeforeValidator(_open_or_mapping),
]
"""`open`, or a mapping."""
