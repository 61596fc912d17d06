"""JSON of the API, by orjson.

orjson writes an `orjson.Fragment` without parsing it, so stored card bytes are inserted into a response as they are.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils.functional import Promise
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

MEDIA_TYPE = "application/json"
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS


def dumps(value: Any) -> bytes:
    """Return UTF-8 JSON. Times end in Z, decimals become numbers. Raises TypeError for other types."""
    return orjson.dumps(value, default=_to_jsonable, option=OPTIONS)


def _to_jsonable(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


class JSONRenderer(BaseRenderer):
    """Render compact JSON. `None` becomes an empty body."""

    media_type = MEDIA_TYPE
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else dumps(data)


class JSONParser(BaseParser):
    """Parse a JSON body of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes.

    Strict: UTF-8, no NaN, no lone surrogates, bounded nesting. Raises ParseError or RequestDataTooBig. DRF passes the
    unread stream, so Django does not enforce the limit.
    """

    media_type = MEDIA_TYPE
    max_body_bytes: int | None = None  # None: the limit of the setting

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = self.max_body_bytes or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(-1 if limit is None else limit + 1)
        if limit is not None and len(body) > limit:
            raise RequestDataTooBig(f"The body is longer than {limit} bytes.")
        try:
            return self.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}") from error

    def loads(self, body: bytes) -> Any:
        return orjson.loads(body)
