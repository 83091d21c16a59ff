"""Slack's mark-up in both directions: what a person meant by it, and foreign text that can't be taken for it."""

import re

_MARKED = re.compile(r"<([^<>\n]*)>|&(amp|lt|gt);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
_BARE_SCHEMES = ("mailto:", "tel:")

_NEWLINES = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls that are no white space
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Unicode's Bidi_Control: they reorder what stands beside them
    "\ud800-\udfff]"  # lone surrogates, which no encoder takes
)
_BREAK = re.compile(r"[ \t]*\n\s*")


def meant(text: str) -> str:
    """Slack's text as its writer meant it: links and mentions become addresses and ids, entities characters.

    What Slack itself didn't mark up stays as it is; nothing is turned back twice.
    """
    if "<" not in text and "&" not in text:
        return text
    return _MARKED.sub(_meant, text)


def _meant(match: re.Match[str]) -> str:
    inner, entity = match.groups()
    if entity is not None:
        return _ENTITIES[entity]
    address, _, label = inner.partition("|")
    if address.startswith(("@", "#")):
        return address[1:]
    if address.startswith("!"):
        return _special(address[1:], label)
    for scheme in _BARE_SCHEMES:
        if address.startswith(scheme):
            return meant(address.removeprefix(scheme))
    return meant(address) if "://" in address else match.group()


def _special(command: str, label: str) -> str:
    """`<!subteam^S1>`, `<!date^...|fallback>`, `<!here>`."""
    name, _, argument = command.partition("^")
    if name == "subteam":
        return argument
    if name == "date":
        return meant(label)
    return f"@{name}"


def escape(text: str) -> str:
    """Text for Slack's mrkdwn, where `&`, `<` and `>` are the control characters; apply it exactly once."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def visible(text: str) -> str:
    """The text with every kind of line break as a newline, and what can't be seen (bidi controls) spelt out."""
    if text.isprintable():
        return text
    return _UNSEEN.sub(lambda match: f"[U+{ord(match.group()):04X}]", _NEWLINES.sub("\n", text))


def one_line(text: str) -> str:
    """As `visible`, its line breaks shown as ⏎, so that it can't pass for a line of ours."""
    seen = visible(text)
    return _BREAK.sub(" ⏎ ", seen) if "\n" in seen else seen
