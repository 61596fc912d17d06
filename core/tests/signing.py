"""Tokens for tests: signed by a key of the test, with any claims, also wrong ones."""

import base64
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

NOW = 1_795_000_000.0
PROJECT = "finishd-test"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Claims = dict[str, Any]


def make_claims(**changes: Any) -> Claims:
    """Return the claims that Firebase writes for Ama, with changes. None removes a claim."""
    claims = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "ama",
        "auth_time": NOW - 100,
        "iat": NOW - 10,
        "exp": NOW + 3590,
        "name": "Ama",
        "picture": "https://example.org/ama.jpg",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def sign(payload: Claims, *, key: Any = KEY, kid: Any = "one", algorithm: str = "RS256") -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def find_key(kid: str) -> rsa.RSAPublicKey | None:
    return KEY.public_key() if kid == "one" else None


def encode_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def encode_part(document: Any) -> str:
    return encode_base64(json.dumps(document).encode())


def sign_raw(payload: Claims, header: Any = None) -> str:
    """Return a validly signed token with any claims and header, also those that PyJWT refuses to write."""
    head = encode_part(header or {"alg": "RS256", "kid": "one"})
    body = encode_part(payload)
    signature = jwt.get_algorithm_by_name("RS256").sign(f"{head}.{body}".encode(), KEY)
    return f"{head}.{body}.{encode_base64(signature)}"
