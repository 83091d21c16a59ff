"""app.yaml and the environment become frozen settings; nothing else reads the environment."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from bridge.errors import BadConfiguration, BridgeError, Problem
from bridge.schedule import parse_when
from bridge.values import duration_ms

DEFAULT_FILE = Path("app.yaml")
STATE_FOLDER = Path("var")


class Settings(BaseModel):
    """Everything that one deployment sets. Frozen; secrets show as stars."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _duration(value: object) -> object:
    if isinstance(value, str):
        found = duration_ms(value)
        if found is None:
            raise ValueError("a duration is written like 90s, 10m, 2h or 90d")
        return found
    raise ValueError("a duration is written like 90s, 10m, 2h or 90d")


Duration = Annotated[int, BeforeValidator(_duration)]
"""Written like `10m`; milliseconds."""


def _zone(value: object) -> object:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is no IANA time zone; write one like Asia/Shanghai") from None
    return value


Zone = Annotated[str, BeforeValidator(_zone)]


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


class RealtimeSettings(Settings):
    """The messaging service. `api_server` absent: the embedded server."""

    plan: Literal["development", "business", "unlimited"] | PlanSettings = "business"
    sender: str | None = Field(None, min_length=1, max_length=64)
    aliases: Mapping[str, str] = Field(default_factory=dict)
    text: Literal["typed", "raw"] = "typed"
    listen: ListenSettings | None = None
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


class AppSettings(Settings):
    """The whole of app.yaml, with what the environment adds."""

    slack: SlackSettings = Field(default_factory=SlackSettings)
    realtime: RealtimeSettings = Field(default_factory=RealtimeSettings)
    schedules: tuple[ScheduleSettings, ...] = ()
    access: Literal["open"] | None = None
    safety_window: Duration = 60_000
    lists: Mapping[str, tuple[str, ...] | str] = Field(default_factory=dict)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    database_url: str | None = Field(None, exclude=True)
    host: str = Field("127.0.0.1", exclude=True)
    port: int = Field(8137, ge=0, le=65535, exclude=True)

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
    "IMBRIDGE_DATABASE_URL": ("database_url",),
    "HOST": ("host",),
    "PORT": ("port",),
}


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> AppSettings:
    """Settings from a file and the environment; `path` None takes app.yaml where it exists.

    BadConfiguration: lists every problem with its file, line and key.
    """
    chosen = path or DEFAULT_FILE
    document, lines = _read(chosen, required=path is not None)
    problems = list(_misplaced(document, chosen, lines))
    for name, place in ENVIRONMENT.items():
        if environment.get(name):
            _put(document, place, environment[name])
    _set_beside(document, chosen.parent)
    try:
        settings = AppSettings.model_validate(document)
    except ValidationError as error:
        problems.extend(_problem(each, chosen, lines) for each in error.errors(include_url=False))
        raise BadConfiguration(tuple(problems)) from None
    problems.extend(_schedule_problems(settings, chosen, lines))
    if problems:
        raise BadConfiguration(tuple(problems))
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


Keys: TypeAlias = tuple[str | int, ...]
"""Where a setting stands in the document."""


class _Loader(yaml.SafeLoader):
    """Safe YAML in which times stay text: `when` is wall-clock time, not an instant."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read(path: Path, *, required: bool) -> tuple[dict[str, Any], dict[Keys, int]]:
    """The document and the line of each of its keys. A file that need not exist reads as empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise BadConfiguration((Problem(str(path), "there is no such file"),)) from None
        return {}, {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration((Problem(str(path), f"cannot be read: {error}"),)) from None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        document = loader.construct_document(node) if node is not None else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise BadConfiguration((Problem(place, f"is no YAML: {getattr(error, 'problem', error)}"),)) from None
    if not isinstance(document, dict):
        raise BadConfiguration((Problem(str(path), "holds no settings: write `key: value` lines"),))
    return document, dict(_lines(node, ())) if node is not None else {}


def _lines(node: yaml.Node, at: Keys) -> Iterator[tuple[Keys, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*at, key.value)
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = (*at, index)
            yield inner, value.start_mark.line + 1
            yield from _lines(value, inner)


def _place(path: Path, at: Keys, lines: Mapping[Keys, int]) -> str:
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at).lstrip(".")
    line = next((lines[at[:length]] for length in range(len(at), 0, -1) if at[:length] in lines), None)
    return f"{path}:{line} {shown}" if line else f"{path} {shown}".rstrip()


def _misplaced(document: dict[str, Any], path: Path, lines: Mapping[Keys, int]) -> Iterator[Problem]:
    """Keys of the file that only the environment may set; they are taken out, so that each is named once."""
    for name, place in ENVIRONMENT.items():
        holder: Any = document
        for step in place[:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and place[-1] in holder:
            del holder[place[-1]]
            yield Problem(
                _place(path, place, lines),
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


def _problem(error: ErrorDetails, path: Path, lines: Mapping[Keys, int]) -> Problem:
    at: Keys = tuple(error["loc"])
    variable = next((name for name, place in ENVIRONMENT.items() if at == place), None)
    if error["type"] == "extra_forbidden":
        message = f"unknown key {str(at[-1])!r}{_nearest(at)}"
    else:
        message = error["msg"].removeprefix("Value error, ")
    return Problem(variable or _place(path, at, lines), message)


def _nearest(at: Keys) -> str:
    model: Any = AppSettings
    for step in at[:-1]:
        if isinstance(step, int):
            continue
        annotation = (
            model.model_fields[step].annotation if step in getattr(model, "model_fields", {}) else None
        )
        model = _model_in(annotation)
    known = [name for name, each in getattr(model, "model_fields", {}).items() if not each.exclude]
    near = get_close_matches(str(at[-1]), known, 1, 0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known here: {', '.join(known)}" if known else ""


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each)) is not None), None)


def _schedule_problems(settings: AppSettings, path: Path, lines: Mapping[Keys, int]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, each in enumerate(settings.schedules):
        if each.name in seen:
            yield Problem(_place(path, ("schedules", index, "name"), lines), f"{each.name!r} is there twice")
        seen.add(each.name)
        try:
            parse_when(each.when)
        except BridgeError as error:
            hint = f" {error.hint}" if error.hint else ""
            yield Problem(_place(path, ("schedules", index, "when"), lines), f"{error.message}{hint}")
