"""The WSGI environment of an ASGI request."""

import sys
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from asgiref.typing import HTTPScope

from core import deadlines

_CONSTANT: Final = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "finishd",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}


def make_environ(scope: HTTPScope, body: bytes, *, deadline: float) -> dict[str, Any]:
    """Return the environment that Django's WSGI handler expects. `deadline` is by time.monotonic().

    Headers whose name contains an underscore are left out: WSGI could not tell `X_Forwarded_For` from
    `X-Forwarded-For`, which a proxy sets. Of a repeated header, the values are joined by commas, cookies by semicolons.
    """
    server, client = scope["server"] or ("", None), scope["client"] or ("", 0)
    environ: dict[str, Any] = {
        **_CONSTANT,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or ""),
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        deadlines.ENVIRON_KEY: deadline,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        name, value = (
            f"HTTP_{raw_name.decode('latin-1').upper().replace('-', '_')}",
            raw_value.decode("latin-1"),
        )
        if name in environ:
            value = f"{environ[name]}{'; ' if name == 'HTTP_COOKIE' else ','}{value}"
        environ[name] = value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # the body is complete
    environ["CONTENT_LENGTH"] = str(len(body)) if body else ""
    return environ
