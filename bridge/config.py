"""app.yaml and the environment become frozen settings; nothing else reads the environment."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from bridge.config_access import Access
from bridge.document import Document, Keys
from bridge.errors import BadConfiguration, BridgeError, Problem
from bridge.schedule import parse_when
from bridge.settings import Duration, Settings, Zone

DEFAULT_FILE = Path("app.yaml")
STATE_FOLDER = Path("var")


class SlackSettings(Settings):
    """Slack's side. Tokens come from the environment only."""

    command: str = Field("/im", pattern=r"^/[a-z0-9_-]{1,31}$")
    team: str | None = None
    locale: str = "en"
    bot_token: SecretStr | None = Field(None, exclude=True)
    signing_secret: SecretStr | None = Field(None, exclude=True)
    app_token: SecretStr | None = Field(None, exclude=True)
    api_url: str | None = Field(None, exclude=True)


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


def _address(value: object) -> object:
    parts = urlsplit(str(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with http:// or https:// and a host")
    if parts.username is not None:
        raise ValueError("an address holds no user or password")
    return value


Address = Annotated[str, BeforeValidator(_address)]
"""An `http` or `https` URL."""


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
    api_server: str | None = Field(None, exclude=True)
    app_id: str | None = Field(None, exclude=True)
    app_key: SecretStr | None = Field(None, exclude=True)
    master_key: SecretStr | None = Field(None, exclude=True)


class ScheduleSettings(Settings):
    """One entry of `schedules`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    when: str
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
    lists: Mapping[str, tuple[str, ...] | str] = Field(default_factory=dict)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    database_url: str | None = Field(None, exclude=True)
    host: str = Field("127.0.0.1", exclude=True)
    port: int = Field(8137, ge=0, le=65535, exclude=True)

    _document: Document | None = PrivateAttr(None)

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


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> AppSettings:
    """Settings from a file and the environment; `path` None takes app.yaml where it exists.

    BadConfiguration: lists every problem with its file, line and key.
    """
    chosen = path or DEFAULT_FILE
    document = Document.read(chosen, required=path is not None)
    problems = list(_misplaced(document))
    for name, place in ENVIRONMENT.items():
        if environment.get(name):
            _put(document.values, place, environment[name])
    _set_beside(document.values, chosen.parent)
    try:
        settings = AppSettings.model_validate(document.values)
    except ValidationError as error:
        problems.extend(_problem(each, document) for each in error.errors(include_url=False))
        raise BadConfiguration(tuple(problems)) from None
    problems.extend(_schedule_problems(settings, document))
    if problems:
        raise BadConfiguration(tuple(problems))
    settings.written_in(document)
    return settings


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


def _schedule_problems(settings: AppSettings, document: Document) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, each in enumerate(settings.schedules):
        if each.name in seen:
            yield Problem(document.place(("schedules", index, "name")), f"{each.name!r} is there twice")
        seen.add(each.name)
        try:
            parse_when(each.when)
        except BridgeError as error:
            hint = f" {error.hint}" if error.hint else ""
            yield Problem(document.place(("schedules", index, "when")), f"{error.message}{hint}")
