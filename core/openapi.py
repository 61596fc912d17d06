"""Settings of drf-spectacular that do not depend on the product, and the errors that all operations share."""

from typing import Any, Final

HTTP_METHODS: Final = ("get", "post", "put", "patch", "delete")

ERROR: Final = {
    "type": "object",
    "description": "The body of every response other than 2xx.",
    "properties": {
        "error": {"type": "boolean", "enum": [True]},
        "message": {"type": "string", "description": "A sentence for people."},
        "statusCode": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "A stable identifier for programs."},
        "details": {"type": "object", "additionalProperties": True, "description": "Messages by field."},
    },
    "required": ["error", "message", "statusCode", "code"],
}
RETRY_AFTER: Final = {
    "Retry-After": {"description": "Whole seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}
HEADERS: Final = {
    "RateLimit-Policy": {
        "description": (
            "The limits of the user and of the address: `q` requests, which become available again within `w` seconds."
        ),
        "schema": {"type": "string", "example": '"user";q=120;w=60, "address";q=6000;w=60'},
    },
    "RateLimit": {
        "description": (
            "For each limit: `r` requests remain, and after `t` seconds without requests all are available again."
        ),
        "schema": {"type": "string", "example": '"user";r=119;t=1, "address";r=5999;t=1'},
    },
}
RATE_LIMIT: Final = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
CHALLENGE: Final = {"WWW-Authenticate": {"schema": {"type": "string", "enum": ["Bearer"]}}}

# Status, description and headers.
COMMON_ERRORS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("400", "The request is not valid. `code` and `details` give the reason.", {}),
    ("401", "The token is missing or not valid.", CHALLENGE),
    ("406", "The only available media type is JSON.", {}),
    ("429", "Too many requests.", RETRY_AFTER | RATE_LIMIT),
    ("503", "A dependency is unavailable.", RETRY_AFTER),
)
PATH_ERRORS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (("404", "Not found.", {}),)
BODY_ERRORS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("413", "The body is too large.", {}),
    ("415", "The body is not JSON.", {}),
)


def add_common_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the shared error responses and rate limit headers to every operation. A postprocessing hook."""
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
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response.setdefault("headers", {}).update(RATE_LIMIT)
    operation["responses"] = dict(sorted(operation["responses"].items()))


SETTINGS: Final[dict[str, Any]] = {
    "OAS_VERSION": "3.0.3",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # The documentation page works offline: this server serves its scripts.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "core.openapi.add_common_errors",
    ],
}
