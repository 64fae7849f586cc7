"""Text from outside, made safe to store and to log."""

import re

_SECRET = re.compile(
    r"(?i)(bearer\s+|client_secret[\"'=:\s]+|client_assertion[\"'=:\s]+|password[\"'=:\s]+|access_token[\"'=:\s]+"
    r"|refresh_token[\"'=:\s]+|\$skiptoken=)[^\s\"'&,}]+"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def redact(text: str) -> str:
    """`text` without tokens and secrets, with control and direction characters made visible: one line stays one line."""
    text = _SECRET.sub(lambda match: match.group(1) + "[redacted]", text)
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def redact_and_cut(text: str, limit: int = 500) -> str:
    """`redact(text)` in at most `limit` characters; a cut shows as an ellipsis."""
    text = redact(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
