"""A YAML file as values, and the line on which each of its keys stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

import yaml

from bridge.errors import BadConfiguration, Problem

Keys: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the document."""


@dataclass(frozen=True, slots=True)
class Document:
    """What stands in a file, and where."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[Keys, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, *, required: bool) -> Self:
        """The file; one that need not exist reads as empty. BadConfiguration: it is no YAML mapping."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if required:
                raise BadConfiguration((Problem(str(path), "there is no such file"),)) from None
            return cls(path)
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration((Problem(str(path), f"cannot be read: {error}"),)) from None
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            values = loader.construct_document(node) if node is not None else {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{path}:{mark.line + 1}" if mark else str(path)
            raise BadConfiguration(
                (Problem(place, f"is no YAML: {getattr(error, 'problem', error)}"),)
            ) from None
        if not isinstance(values, dict):
            raise BadConfiguration((Problem(str(path), "holds no settings: write `key: value` lines"),))
        return cls(path, values, dict(_lines(node, ())) if node is not None else {})

    def place(self, at: Keys) -> str:
        """`app.yaml:12 schedules[0].when`: the key, on its own line or on that of the nearest above it."""
        shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at).lstrip(".")
        above = (at[:length] for length in range(len(at), 0, -1))
        line = next((self.lines[each] for each in above if each in self.lines), None)
        return f"{self.path}:{line} {shown}" if line else f"{self.path} {shown}".rstrip()

    def known(self, at: Keys) -> Keys:
        """A path without the steps that are none of the file, such as a union's branch."""
        found: Keys = ()
        for step in at:
            found = (*found, step) if (*found, step) in self.lines else found
        return found


class _Loader(yaml.SafeLoader):
    """Safe YAML in which times stay text: `when` is wall-clock time, not an instant."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


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
