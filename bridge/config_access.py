"""The `access` of app.yaml: roles, and rules with their examples. `bridge.rulebook` makes a policy of them."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from bridge.invocation import Trigger
from bridge.settings import Duration, Settings

UserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,}$")]
GroupId = Annotated[str, Field(pattern=r"^S[A-Z0-9]{2,}$")]
ChannelId = Annotated[str, Field(pattern=r"^[CGD][A-Z0-9]{2,}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
MONTH_MS = 30 * 86_400_000


class RoleSettings(Settings):
    """Who is of a role: people by id, and whoever is in one of these user groups or channels."""

    users: frozenset[UserId] = frozenset()
    groups: frozenset[GroupId] = frozenset()
    channels: frozenset[ChannelId] = frozenset()

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
    """A command line, who types it (a role, a user id, member, guest or foreign) and in which channel."""

    who: str = "member"
    line: str = Field(min_length=1)
    in_: ChannelId | None = Field(None, alias="in")
    by: Trigger = Trigger.SLASH


class RuleSettings(Settings):
    """One rule: conditions, what it asks for where they all hold, and examples that must come out as they say."""

    name: Name
    run: tuple[str, ...] = Field(min_length=1)
    who: tuple[str, ...] = ()
    conversations: frozenset[str] = frozenset()
    from_: frozenset[str] = Field(frozenset(), alias="from")
    clients: int | None = Field(None, ge=1)
    without: frozenset[str] = frozenset()
    in_: frozenset[ChannelId] = Field(frozenset(), alias="in")
    by: frozenset[Trigger] = frozenset()
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


def _form(value: object) -> str:
    return "word" if isinstance(value, str) else "rules"


Access = Annotated[
    Annotated[Literal["open"], Tag("word")] | Annotated[AccessSettings, Tag("rules")],
    Discriminator(_form),
]
"""`open`, or a mapping."""
