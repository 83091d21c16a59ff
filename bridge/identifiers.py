"""Names for things that people may have to type."""

import secrets

# No letter that reads like a digit, and no vowel that makes a word.
ALPHABET = "0123456789bcdfghjkmnpqrstvwxz"
LENGTH = 10


def new_delivery_id() -> str:
    """Ten characters, unguessable: 48 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def new_invocation_id() -> str:
    """Eight hexadecimal digits that find an invocation in the logs."""
    return secrets.token_hex(4)
