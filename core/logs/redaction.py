"""Removal of secrets and personal data from log lines."""

import re
from collections.abc import MutableMapping
from typing import Any, Final

_REDACTED_PATTERNS: Final = (
    (re.compile(r"(?i)\bbearer\s+[^\s'\",;]+"), "Bearer [token]"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)*"), "[token]"),
    # Errors of PostgreSQL and Firestore name the row or the document, and with it a person.
    (re.compile(r"(?<=\)=)\([^)\n]*\)"), "(…)"),
    (re.compile(r"(?<=/documents/)[^\s'\"]+"), "…"),
)


def redact(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace tokens and the keys of rows and documents in all fields. A structlog processor.

    This is the last resort: no code should log them in the first place.
    """
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _redact_text(value)
        elif not isinstance(value, int | float | None):
            event[key] = _redact_text(str(value))
    return event


def _redact_text(text: str) -> str:
    for pattern, replacement in _REDACTED_PATTERNS:
        text = pattern.sub(replacement, text)
    return text
