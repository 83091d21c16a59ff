"""Puts the messaging service's errors into the words of the person who typed."""

from bridge.errors import BridgeError, Failed, Uncertain
from bridge.phrases import Code, Phrase, phrase
from bridge.realtime.errors import (
    NotSent,
    RateLimited,
    RealtimeError,
    Rejected,
    Unauthorized,
    Unavailable,
    Unknown,
)

# Codes of the service that a person can do something about (reference 1.6).
MEANINGS: dict[int, Phrase] = {
    4109: phrase("the message is over 5 KB"),
    4303: phrase("there is no such conversation"),
    4304: phrase("the conversation has as many members as it may"),
    4313: phrase("this needs a system conversation"),
    4314: phrase("this needs a normal conversation"),
    4316: phrase("this needs a transient conversation"),
    4401: phrase("the conversation is missing or the sender is not in it"),
    4403: phrase("it was sent by somebody else"),
    4404: phrase("there is no such message"),
}


def explain(error: Exception) -> BridgeError | None:
    """The error to show for one of the messaging service's; None: it is not one of them."""
    match error:
        case RateLimited():
            seconds = -(-error.limit.wait_ms // 1000)
            return Failed(
                phrase("The messaging service takes no more calls of this kind for now; nothing was done."),
                hint=phrase("Try again in {seconds} s.", seconds=seconds),
                code="rate_limited",
            )
        case NotSent() | Unavailable():
            return Failed(
                phrase("The messaging service could not be reached; nothing was done."),
                hint=phrase("Try again in a moment. It said: {reason}", reason=error.reason),
                code="unavailable",
            )
        case Unauthorized():
            return Failed(
                phrase("The messaging service does not accept our keys; nothing was done."),
                hint=phrase(
                    "An administrator must look at {id} and {key}. It said: {reason}",
                    id=Code("LEANCLOUD_APP_ID"),
                    key=Code("LEANCLOUD_MASTER_KEY"),
                    reason=error.reason,
                ),
                code="unauthorized",
            )
        case Rejected():
            return _rejected(error)
        case Unknown():
            return Uncertain(
                phrase("No answer came: the messaging service may have done it or not."),
                hint=phrase("Look before you repeat it. It said: {reason}", reason=error.reason),
            )
        case RealtimeError():
            return Failed(phrase("The messaging service failed: {reason}", reason=error.reason))
        case _:
            return None


def _rejected(error: Rejected) -> Failed:
    meaning = MEANINGS.get(error.code or 0)
    if error.status is None:
        # Found by our own reading of the documented rules: the service was not even asked.
        words = phrase("The messaging service takes no such call: {reason}.", reason=error.reason)
        return Failed(words, code="rejected")
    said = phrase("It said: {reason} (code {code})", reason=error.reason, code=str(error.code or "?"))
    if meaning is None:
        return Failed(phrase("The messaging service refused. {said}", said=said), code="rejected")
    return Failed(
        phrase("The messaging service refused: {meaning}.", meaning=meaning), hint=said, code="rejected"
    )
