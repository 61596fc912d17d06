"""Format the payload of a dead letter for staff."""

from typing import Any

import orjson

from analytics.models import DeadLetter
from analytics.services import dead_letters


def format_payload(letter: DeadLetter) -> str:
    """Return the event as indented JSON. If it is unreadable, return the raw entry."""
    event = dead_letters.parse_event(letter)
    if event is not None:
        content: Any = event._asdict() | {"dedup_key": event.dedup_key.hex()}
    else:
        content = _parse_json(letter.payload)
        if isinstance(content, dict):
            content = {name: _parse_json(text) for name, text in content.items()}
    return content if isinstance(content, str) else orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _parse_json(text: Any) -> Any:
    """Return the value of JSON text, or the text itself if it is not JSON. A long payload was cut."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text
