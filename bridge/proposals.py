"""What waits for a person's word, exactly as it will be carried out.

open ──► given       its author has confirmed it, or a second person approved it
  ├────► rejected    somebody said no, or stopped it
  ├────► expired     nobody said anything in time
  └────► void        it is no longer what was shown, or no longer its author's to do
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bridge.invocation import Place, Trigger
from bridge.ledger import Plan


class ProposalState(StrEnum):
    """Where a proposal has got to."""

    OPEN = "open"
    GIVEN = "given"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command line that waits for a word.

    One that `announces` has a delivery of the same id, which is carried out as it stands; any other is run again as
    typed. `digest` binds the word to what was shown. `author` is a Slack user id, `zone` theirs. `role` says whose word
    is wanted, None that it is the author's own, until `until` (UTC ms). `who` gave or refused it.
    """

    id: str
    line: str
    command: str
    announces: bool
    digest: str
    author: str
    zone: str | None
    place: Place
    trigger: Trigger
    at: int
    until: int
    rule: str | None = None
    role: str | None = None
    state: ProposalState = ProposalState.OPEN
    who: str = ""


def digest_of_plan(plan: Plan) -> str:
    """Names the content, the audience and the time of an announcement; any change gives another."""
    return _digest(
        {
            "act": plan.act.value,
            "conversation": plan.conversation,
            "sender": plan.sender,
            "message": plan.message,
            "push": plan.push,
            "options": asdict(plan.options),
            "audience": plan.audience,
        }
    )


def digest_of_command(name: str, arguments: Mapping[str, Any]) -> str:
    """Names a command with its arguments, conversations by id; any change gives another."""
    return _digest({"command": name, "arguments": {key: repr(value) for key, value in arguments.items()}})


def _digest(content: Mapping[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
