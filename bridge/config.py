"""app.yaml and the environment become frozen settings; nothing else reads the environment."""

import copy
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic_core import ErrorDetails

from bridge.config_access import Access, UserId
from bridge.document import Document, Keys
from bridge.errors import BadConfiguration, BridgeError, Problem
from bridge.redaction import redact
from bridge.schedule import parse_when
from bridge.settings import Address, Duration, Settings, Zone
from bridge.sources import Sources

DEFAULT_FILE = Path("app.yaml")
STATE_FOLDER = Path("var")
DRILL_SUFFIX = "-drill"
"""What the slash command of a drill adds to the usual one."""


class SlackSettings(Settings):
    """Slack's side. Tokens come from the environment only."""

    command: str = Field("/im", pattern=r"^/[a-z0-9_-]{1,31}$")
    team: str | None = None
    locale: str = "en"
    bot_token: SecretStr | None = Field(None, exclude=True)
    signing_secret: SecretStr | None = Field(None, exclude=True)
    app_token: SecretStr | None = Field(None, exclude=True)
    api_url: Address | None = Field(None, exclude=True)


class PlanSettings(Settings):
    """Calls that the service allows (reference 1.7); absent figures are the business plan's, null is no limit."""

    messages_per_minute: int | None = Field(1800, ge=1)
    subscriptions_per_minute: int | None = Field(30, ge=1)
    subscriptions_per_day: int | None = Field(1000, ge=1)
    broadcasts_per_minute: int | None = Field(10, ge=1)
    broadcasts_per_day: int | None = Field(30, ge=1)


class ListenSettings(Settings):
    """Where the embedded server can be reached by the app's own users."""

    host: str = "127.0.0.1"
    port: int = Field(8138, ge=0, le=65535)


class HooksSettings(Settings):
    """The app's own addresses that our server calls (reference 3.10); the hook key comes from the environment."""

    webhook: Address | None = None
    functions: Address | None = None
    push: Address | None = None
    fail_closed: bool = False
    key: SecretStr | None = Field(None, exclude=True)


class RealtimeSettings(Settings):
    """The messaging service. `api_server` absent: the embedded server."""

    plan: Literal["development", "business", "unlimited"] | PlanSettings = "business"
    sender: str | None = Field(None, min_length=1, max_length=64)
    aliases: Mapping[str, str] = Field(default_factory=dict)
    text: Literal["typed", "raw"] = "typed"
    listen: ListenSettings | None = None
    hooks: HooksSettings = Field(default_factory=HooksSettings)
    api_server: Address | None = Field(None, exclude=True)
    app_id: str | None = Field(None, exclude=True)
    app_key: SecretStr | None = Field(None, exclude=True)
    master_key: SecretStr | None = Field(None, exclude=True)


def _when(value: str) -> str:
    try:
        parse_when(value)
    except BridgeError as error:
        raise ValueError(f"{error.message} {error.hint or ''}".rstrip()) from None
    return value


class ScheduleSettings(Settings):
    """One entry of `schedules`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    when: Annotated[str, AfterValidator(_when)]
    tz: Zone
    channel: str = Field(min_length=1)
    grace: Duration = 600_000
    run: str = Field(min_length=1)


class RetentionSettings(Settings):
    """How long what is kept is kept."""

    bodies: Duration = 90 * 86_400_000
    history: Duration | None = None


class AppSettings(Settings):
    """The whole of app.yaml, with what the environment adds."""

    slack: SlackSettings = Field(default_factory=SlackSettings)
    realtime: RealtimeSettings = Field(default_factory=RealtimeSettings)
    schedules: tuple[ScheduleSettings, ...] = ()
    access: Access | None = None
    safety_window: Duration = 60_000
    drill: bool = False
    lists: Mapping[str, tuple[str, ...] | str] = Field(default_factory=dict)
    people: Mapping[UserId, Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=dict)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    database_url: SecretStr | None = Field(None, exclude=True)
    host: str = Field("127.0.0.1", exclude=True)
    port: int = Field(8137, ge=0, le=65535, exclude=True)

    _document: Document | None = PrivateAttr(None)

    @property
    def commands(self) -> tuple[str, ...]:
        """The slash commands that are answered."""
        drill = (f"{self.slack.command}{DRILL_SUFFIX}",) if self.drill else ()
        return (self.slack.command, *drill)

    def written_in(self, document: Document) -> None:
        """Remember the file, so that what is found wrong later is named by its place too."""
        self._document = document

    def place(self, at: Keys) -> str:
        """Where a setting stands: `app.yaml:12 access.rules[0].run`."""
        return (self._document or Document(DEFAULT_FILE)).place(at)

    @property
    def embedded(self) -> bool:
        """Whether the messaging service is our own server, inside this process."""
        return self.realtime.api_server is None


# Environment variable → where it goes. These names never stand in app.yaml: a file is no place for a secret.
ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_SIGNING_SECRET": ("slack", "signing_secret"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "SLACK_API_URL": ("slack", "api_url"),
    "LEANCLOUD_API_SERVER": ("realtime", "api_server"),
    "LEANCLOUD_APP_ID": ("realtime", "app_id"),
    "LEANCLOUD_APP_KEY": ("realtime", "app_key"),
    "LEANCLOUD_MASTER_KEY": ("realtime", "master_key"),
    "LEANCLOUD_HOOK_KEY": ("realtime", "hooks", "key"),
    "IMBRIDGE_DATABASE_URL": ("database_url",),
    "HOST": ("host",),
    "PORT": ("port",),
}
SECRETS = (
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_APP_TOKEN",
    "LEANCLOUD_APP_KEY",
    "LEANCLOUD_MASTER_KEY",
    "LEANCLOUD_HOOK_KEY",
    "IMBRIDGE_DATABASE_URL",
)
"""Those that may also come from a file or a command.

`SLACK_BOT_TOKEN_FILE` and `IMBRIDGE_DATABASE_URL_FILE` name a file, `SLACK_BOT_TOKEN_COMMAND` what prints it; so do the
others of each.
"""
TOKEN_SHAPE = re.compile(r"\s*(?:xox[a-z]|xapp)[-.]")
SHORTEST_SECRET = 8
"""Characters from which on a value of the file is taken for a secret where it is the same."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a configuration says, and everything that is wrong with it.

    Where something is, the settings are those of the parts in which nothing is; None: not even they can be used.
    """

    settings: AppSettings | None
    problems: tuple[Problem, ...]


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> AppSettings:
    """Settings from a file and the environment; `path` None takes app.yaml where it exists.

    BadConfiguration: lists every problem with its file, line and key.
    """
    examined = examine(path, environment)
    if examined.problems or examined.settings is None:
        raise BadConfiguration(examined.problems)
    return examined.settings


def examine(path: Path | None, environment: Mapping[str, str] = os.environ) -> Examined:
    """As `load`, with the problems beside whatever can be used all the same."""
    secrets, problems = _secrets(environment)
    plain = {name: environment.get(name, "") for name in ENVIRONMENT if name not in SECRETS}
    given = {name: value for name, value in {**plain, **secrets}.items() if value}
    chosen = path or DEFAULT_FILE
    try:
        document = Document.read(chosen, required=path is not None)
    except BadConfiguration as error:
        problems += error.problems
        document = Document(chosen)
    problems += (*_misplaced(document), *_betrayed(document, secrets), *_twice(document))
    written = dict(document.values)
    _set_beside(written, chosen.parent)
    settings: AppSettings | None
    try:
        settings = _validated(written, given)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        problems += tuple(_problem(each, document) for each in errors)
        settings = _usable(written, given, {each["loc"] for each in errors if each["loc"]})
    if settings is not None:
        settings.written_in(document)
    return Examined(settings, problems)


def _secrets(environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """Every secret, hidden in logs and errors from now on."""
    found, problems = Sources(environment, SECRETS).read()
    for name, value in found.items():
        if name == "IMBRIDGE_DATABASE_URL":
            redact.know_url(value)
            continue
        redact.know(value)
        if not value.isascii() or " " in value:
            problems += (Problem(name, "holds characters that no token and no key has"),)
    return found, problems


def _validated(written: Mapping[str, Any], given: Mapping[str, str]) -> AppSettings:
    values = copy.deepcopy(dict(written))
    for name, value in given.items():
        _put(values, ENVIRONMENT[name], value)
    return AppSettings.model_validate(values)


def _usable(
    written: Mapping[str, Any], given: Mapping[str, str], broken: Collection[Keys]
) -> AppSettings | None:
    """The settings without the sections, and the variables, in which something is wrong."""
    fine = {name: value for name, value in given.items() if ENVIRONMENT[name] not in broken}
    sections = {at[0] for at in broken}
    sound = {name: value for name, value in written.items() if name not in sections}
    for kept in (sound, {}):
        try:
            return _validated(kept, fine)
        except ValidationError:
            continue
    return None


def serve_problems(settings: AppSettings) -> tuple[Problem, ...]:
    """What `serve` needs and lacks: every missing secret, by the name of its variable."""
    problems = []
    slack = settings.slack
    if slack.bot_token is None:
        problems.append(Problem("SLACK_BOT_TOKEN", "not set; the bot token of the Slack app (xoxb-…)"))
    if slack.app_token is None and slack.signing_secret is None:
        problems.append(
            Problem(
                "SLACK_SIGNING_SECRET", "not set; needed over HTTP (or set SLACK_APP_TOKEN for Socket Mode)"
            )
        )
    return (*problems, *service_problems(settings))


def service_problems(settings: AppSettings) -> tuple[Problem, ...]:
    """What a messaging service elsewhere needs and lacks."""
    given = {
        "LEANCLOUD_APP_ID": settings.realtime.app_id,
        "LEANCLOUD_MASTER_KEY": settings.realtime.master_key,
    }
    if settings.embedded:
        return ()
    return tuple(
        Problem(name, "not set; needed because LEANCLOUD_API_SERVER is")
        for name, value in given.items()
        if value is None
    )


def _misplaced(document: Document) -> Iterator[Problem]:
    """Keys of the file that only the environment may set; they are taken out, so that each is named once."""
    for name, place in ENVIRONMENT.items():
        holder: Any = document.values
        for step in place[:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and place[-1] in holder:
            del holder[place[-1]]
            yield Problem(
                document.place(place),
                f"belongs in the environment, as {name}: this file holds no secrets",
            )


def _betrayed(document: Document, secrets: Mapping[str, str]) -> Iterator[Problem]:
    """Values of the file that are secrets, wherever they stand: they would be shown, or sent to somebody."""
    names = {value: name for name, value in secrets.items() if len(value) >= SHORTEST_SECRET}
    for at, value in _texts(document.values, ()):
        name = names.get(value.strip())
        if name is not None:
            yield Problem(document.place(at), f"is the value of {name}: this file holds no secrets")
        elif TOKEN_SHAPE.match(value):
            yield Problem(document.place(at), "looks like a token of Slack: this file holds no secrets")


def _texts(value: object, at: Keys) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*at, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*at, index))


def _put(document: dict[str, Any], place: tuple[str, ...], value: str) -> None:
    holder = document
    for step in place[:-1]:
        if holder.get(step) is None:
            holder[step] = {}
        holder = holder[step]
        if not isinstance(holder, dict):
            return  # validation names the key that is no mapping
    holder[place[-1]] = value


def _set_beside(document: dict[str, Any], folder: Path) -> None:
    """Lists that are files stand beside this one, wherever the program was started."""
    lists = document.get("lists")
    if isinstance(lists, dict):
        document["lists"] = {
            name: str(folder / listed) if isinstance(listed, str) else listed
            for name, listed in lists.items()
        }


def _problem(error: ErrorDetails, document: Document) -> Problem:
    variable = next((name for name, place in ENVIRONMENT.items() if error["loc"] == place), None)
    at = document.known(error["loc"])
    if error["type"] == "missing":
        at = (*at, error["loc"][-1])
    if error["type"] == "extra_forbidden":
        message = f"unknown key {str(at[-1])!r}{_nearest(at)}"
    else:
        message = error["msg"].removeprefix("Value error, ")
    return Problem(variable or document.place(at), message)


def _nearest(at: Keys) -> str:
    model: Any = AppSettings
    for step in at[:-1]:
        # A number, or a name that the user gave.
        if step in getattr(model, "model_fields", {}):
            model = _model_in(model.model_fields[step].annotation)
    fields = getattr(model, "model_fields", {}).items()
    known = [each.alias or name for name, each in fields if not each.exclude]
    near = get_close_matches(str(at[-1]), known, 1, 0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known here: {', '.join(known)}" if known else ""


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each)) is not None), None)


def _twice(document: Document) -> Iterator[Problem]:
    schedules = document.values.get("schedules")
    seen: set[str] = set()
    for index, each in enumerate(schedules if isinstance(schedules, list) else ()):
        name = each.get("name") if isinstance(each, dict) else None
        if isinstance(name, str):
            if name in seen:
                yield Problem(document.place(("schedules", index, "name")), f"{name!r} is there twice")
            seen.add(name)
