"""What every part of the settings is made of: frozen, strict about its keys, with times people can write."""

from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict

from bridge.values import duration_ms


class Settings(BaseModel):
    """One mapping of app.yaml. Frozen; an unknown key is an error; secrets show as stars."""

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


def _address(value: object) -> object:
    parts = urlsplit(str(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with http:// or https:// and a host")
    if parts.username is not None:
        raise ValueError("an address holds no user or password")
    return value


Address = Annotated[str, BeforeValidator(_address)]
"""An `http` or `https` URL."""
