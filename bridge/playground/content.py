"""Reads what an app wants said (in a Web API call, an acknowledgement or a late answer) as strictly as Slack does."""

import json
from dataclasses import dataclass
from typing import Any

from bridge.playground.blocks import block_faults, refuse_message
from bridge.playground.model import Json, SlackError

TEXT_CHARACTERS = 40_000
UPDATE_CHARACTERS = 4_000
ATTACHMENTS = 100
METADATA_BYTES = 4_000
MARKDOWN_TEXT_CHARACTERS = 12_000


@dataclass(frozen=True)
class Content:
    """A message's content; None where the app left the field out."""

    text: str | None
    blocks: tuple[Json, ...] | None
    attachments: tuple[Json, ...] | None
    metadata: Json | None
    truncated: bool = False

    @property
    def empty(self) -> bool:
        """Nothing that could be shown."""
        return not (self.text or self.blocks or self.attachments)


def read_content(body: Json) -> Content:
    """The content of a body; text over 40,000 characters is cut. Raises `SlackError` for what Slack refuses."""
    text = body.get("text")
    if text is not None and not isinstance(text, str):
        raise SlackError("invalid_arguments", ["must provide a string [json-pointer:/text]"])
    blocks = _json_list(body.get("blocks"), "invalid_blocks_format")
    attachments = _json_list(body.get("attachments"), "invalid_attachments")
    metadata = _json(body.get("metadata"))
    if body.get("markdown_text") is not None:
        text = _markdown(body, text, blocks)
    if refusal := refuse_message(blocks or []):
        raise SlackError(refusal.error, refusal.messages)
    _check_attachments(attachments or [])
    if metadata:
        _check_metadata(metadata)
    return Content(
        text[:TEXT_CHARACTERS] if text is not None else None,
        tuple(blocks) if blocks is not None else None,
        tuple(attachments) if attachments is not None else None,
        metadata,
        truncated=len(text or "") > TEXT_CHARACTERS,
    )


def _markdown(body: Json, text: str | None, blocks: list[Any] | None) -> str:
    if text or blocks:
        raise SlackError("markdown_text_conflict")
    markdown = str(body["markdown_text"])
    if len(markdown) > MARKDOWN_TEXT_CHARACTERS:
        raise SlackError("msg_too_long")
    return markdown


def _json(value: Any) -> Any:
    """Forms carry structures as JSON text; a value that isn't JSON stays text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _json_list(value: Any, error: str) -> list[Any] | None:
    value = _json(value)
    if value is not None and not isinstance(value, list):
        raise SlackError(error)
    return value


def _check_attachments(attachments: list[Any]) -> None:
    if len(attachments) > ATTACHMENTS:
        raise SlackError("too_many_attachments")
    faults: list[str] = []
    for index, attachment in enumerate(attachments):
        if not isinstance(attachment, dict):
            raise SlackError("invalid_attachments")
        faults += block_faults(attachment.get("blocks", []), pointer=f"/attachments/{index}/blocks")
    if faults:
        raise SlackError("invalid_attachments", faults)


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > METADATA_BYTES:
        raise SlackError("metadata_too_large")
