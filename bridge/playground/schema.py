"""The small schema language in which Slack's Block Kit rules are written, with Slack's own words for each fault."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Check = Callable[[Any, str], Iterator[str]]
"""Yields one line per fault of a value that stands at a JSON pointer."""


def fault(message: str, pointer: str) -> str:
    """One line as Slack puts it into `errors` and `response_metadata.messages`."""
    return f"{message} [json-pointer:{pointer}]"


def string(longest: int | None = None, shortest: int = 0) -> Check:
    """A string of so many characters."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield fault("must provide a string", pointer)
        elif longest is not None and len(value) > longest:
            yield fault(f"must be less than {longest + 1} characters", pointer)
        elif len(value) < shortest:
            yield fault(f"must be more than {shortest - 1} characters", pointer)

    return check


def choice(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if value not in allowed:
            yield fault("must be a valid enum value", pointer)

    return check


def boolean(value: Any, pointer: str) -> Iterator[str]:
    """True or false, never a word or a number for it."""
    if not isinstance(value, bool):
        yield fault("must provide a boolean", pointer)


def number(lowest: float | None = None, highest: float | None = None, *, whole: bool = False) -> Check:
    """A number within bounds, both of which are allowed."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            yield fault("must provide an integer" if whole else "must provide a number", pointer)
        elif lowest is not None and value < lowest:
            yield fault(f"must be greater than or equal to {lowest}", pointer)
        elif highest is not None and value > highest:
            yield fault(f"must be less than or equal to {highest}", pointer)

    return check


def listing(item: Check, most: int | None = None, least: int = 0) -> Check:
    """A list of so many values of one kind."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield fault("must provide an array", pointer)
            return
        if most is not None and len(value) > most:
            yield fault(f"no more than {most} items allowed", pointer)
        if len(value) < least:
            yield fault(f"must provide at least {least} items", pointer)
        for index, each in enumerate(value):
            yield from item(each, f"{pointer}/{index}")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with exactly these fields; `type` is the business of whoever chose this rule by it."""
    fields = {**required, **(optional or {})}

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield fault("must provide an object", pointer)
            return
        for name in required:
            if name not in value:
                yield fault(f"missing required field: {name}", pointer)
        for name, each in value.items():
            if name in fields:
                yield from fields[name](each, f"{pointer}/{name}")
            elif name != "type":
                yield fault(f"invalid additional property: {name}", pointer)

    return check


def tagged(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` names the rule that it must keep."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield fault("must provide an object", pointer)
        elif "type" not in value:
            yield fault("missing required field: type", pointer)
        elif not isinstance(value["type"], str) or value["type"] not in kinds:
            yield fault(f"unsupported type: {value['type']}", f"{pointer}/type")
        else:
            yield from kinds[value["type"]](value, pointer)

    return check


def together(first: Check, *others: Check) -> Check:
    """Rules that look further only where the first one finds the shape right."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        faults = list(first(value, pointer))
        yield from faults
        if not faults:
            for other in others:
                yield from other(value, pointer)

    return check


def needs_one_of(*names: str) -> Check:
    """At least one of these fields is there."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not any(value.get(name) for name in names):
            yield fault(f"missing required field: {' or '.join(names)}", pointer)

    return check


def only_one_of(*names: str) -> Check:
    """No two of these fields stand together."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if sum(name in value for name in names) > 1:
            yield fault(f"only one of {', '.join(names)} is allowed", pointer)

    return check
