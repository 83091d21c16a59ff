"""Message ids: 22 URL-safe characters that sort by the time of their making and cannot be guessed."""

import base64
import secrets

_SEQUENCE_BITS = 12
_RANDOM_BITS = 68
_FIRST_IS_A_LETTER = 1 << 59
_SORTED_ALPHABET = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
)


class MessageIds:
    """A source of ids; two ids of one source compare, as bytes, in the order in which they were made."""

    def __init__(self) -> None:
        self._last = 0

    def new(self, at: int) -> str:
        """The next id for a message received at `at`, UTC milliseconds."""
        # A counter below the milliseconds keeps the order within one, and when the clock steps back.
        self._last = max(at << _SEQUENCE_BITS, self._last + 1)
        number = (self._last | _FIRST_IS_A_LETTER) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        return base64.b64encode(number.to_bytes(16))[:22].translate(_SORTED_ALPHABET).decode()
