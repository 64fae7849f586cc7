"""Text from outside, made safe to store and to log."""

import json
import re
from typing import Any
from urllib.parse import quote_plus

_SECRET = re.compile(
    r"(?i)(bearer\s+|client_secret[\"'=:\s]+|client_assertion[\"'=:\s]+|password[\"'=:\s]+|access_token[\"'=:\s]+"
    r"|refresh_token[\"'=:\s]+|\$skiptoken=)[^\s\"'&,}]+"
)
# Known by their form, whatever stands before them: signed tokens and private keys.
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_HIDDEN = "[redacted]"
_SHORTEST = 6

# Secrets that this process has opened or been given: hidden wherever they turn up, for example in the words of a server that
# repeats what it was sent.
_known: set[str] = set()


def remember_secret(secret: str) -> None:
    """Hide `secret` in everything this process logs or stores through `redact` from now on."""
    if len(secret) >= _SHORTEST:
        # As it is, in an address, and as Python and JSON write it inside quotes.
        _known.update((secret, quote_plus(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1]))


def show_controls(text: str) -> str:
    """`text` with control and direction characters made visible: one line stays one line, and Postgres can store it."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def redact(text: str) -> str:
    """`text` without tokens and secrets, on one line."""
    return show_controls(redact_lines(text))


def redact_lines(text: str) -> str:
    """`text` without tokens and secrets; its lines stay lines (a traceback)."""
    for secret in list(_known):
        text = text.replace(secret, _HIDDEN)
    text = _SECRET.sub(lambda match: match.group(1) + _HIDDEN, text)
    return _PRIVATE_KEY.sub(_HIDDEN, _TOKEN.sub(_HIDDEN, text))


def redact_value(value: Any) -> Any:
    """A value of any shape with each of its texts redacted; what is neither text nor number becomes text."""
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {redact(str(name)): redact_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(part) for part in value]
    return redact(repr(value))


def redact_and_cut(text: str, limit: int = 500) -> str:
    """`redact(text)` in at most `limit` characters; a cut shows as an ellipsis."""
    text = redact(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
