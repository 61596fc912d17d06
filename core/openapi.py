"""drf-spectacular's settings, and what every operation of the schema has in common."""

from typing import Any

HTTP_METHODS = ("get", "post", "put", "patch", "delete")

ERROR = {
    "type": "object",
    "description": "What every answer other than 200 looks like.",
    "properties": {
        "error": {"type": "boolean", "enum": [True]},
        "message": {"type": "string", "description": "A sentence for people."},
        "statusCode": {"type": "integer", "description": "The HTTP status again."},
        "code": {"type": "string", "description": "Stable; for programs."},
        "details": {"type": "object", "additionalProperties": True, "description": "Complaints by field."},
    },
    "required": ["error", "message", "statusCode", "code"],
}
RETRY_AFTER = {
    "Retry-After": {"description": "Whole seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}
HEADERS = {
    "RateLimit-Policy": {
        "description": "For user and address: `q` requests at once, which come back within `w` seconds.",
        "schema": {"type": "string", "example": '"user";q=120;w=60, "address";q=6000;w=60'},
    },
    "RateLimit": {
        "description": "For each: `r` requests are left; all are back in `t` seconds.",
        "schema": {"type": "string", "example": '"user";r=119;t=1, "address";r=5999;t=1'},
    },
}
RATE_LIMIT = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string", "enum": ["Bearer"]}}}

# Status, its meaning, and the headers that come with it.
COMMON_ERRORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("400", "The request is not valid; `code` and `details` say why.", {}),
    ("401", "No token, or none that proves anything.", CHALLENGE),
    ("406", "Only JSON is to be had.", {}),
    ("429", "Too many requests.", RETRY_AFTER | RATE_LIMIT),
    ("503", "A part that this needs is away.", RETRY_AFTER),
)
PATH_ERRORS: tuple[tuple[str, str, dict[str, Any]], ...] = (("404", "There is nothing here.", {}),)
BODY_ERRORS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("413", "The body is too large.", {}),
    ("415", "The body is not JSON.", {}),
)


def add_common_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: every operation names the errors that any of them may answer with."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR
    result["components"]["headers"] = HEADERS
    for path, item in result["paths"].items():
        for method in HTTP_METHODS:
            if method in item:
                _complete(path, item[method])
    return result


def _complete(path: str, operation: dict[str, Any]) -> None:
    errors = COMMON_ERRORS + (PATH_ERRORS if "{" in path else ())
    errors += BODY_ERRORS if "requestBody" in operation else ()
    for status, description, headers in errors:
        response: dict[str, Any] = {
            "description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        if headers:
            response["headers"] = headers
        operation["responses"].setdefault(status, response)
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            answer.setdefault("headers", {}).update(RATE_LIMIT)
    operation["responses"] = dict(sorted(operation["responses"].items()))


SETTINGS: dict[str, Any] = {
    "TITLE": "Finishd",
    "DESCRIPTION": "What people who track films and series see next. Every path wants a Firebase ID token.",
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT"},
    "OAS_VERSION": "3.0.3",
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # The docs page works offline: its scripts come from this server.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.openapi.add_common_errors",
    ],
}
