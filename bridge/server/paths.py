"""Paths whose ids may hold a slash: sent as %2F it belongs to its segment, whatever has decoded the path by then."""

from urllib.parse import unquote

from starlette import routing
from starlette.routing import Match
from starlette.types import Scope

_SLASH = "\x00"
"""Stands for a slash within a segment while a path is matched; a path with a NUL of its own is refused before."""


def with_whole_segments(scope: Scope) -> Scope:
    """The scope with a path that can be split at its slashes: those within an id are told apart by the raw path."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" not in raw.lower():
        return scope
    segments = (unquote(segment.decode("latin-1")) for segment in raw.split(b"/"))
    return {**scope, "path": "/".join(segment.replace("/", _SLASH) for segment in segments)}


class Route(routing.Route):
    """A route whose path parameters are ids as they are, slashes included."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the route is meant, and its parameters."""
        match, found = super().matches(scope)
        if match is not Match.NONE and _SLASH in scope["path"]:
            parameters = found["path_params"].items()
            found["path_params"] = {name: value.replace(_SLASH, "/") for name, value in parameters}
        return match, found
