"""Commands in processes of their own, with an environment of their own."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

SIGNING_KEY = "Vq0m1fZ8r2Kx7LwT4bN9cY6hJ3sD5gPaEuRiOtQzXvMnBkWy"  # longer than Django requires


def production(data: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a production server. It has no variable of the test's environment."""
    return {
        "PATH": os.environ["PATH"],
        "FINISHD_DATA": str(data),
        "SECRET_KEY": SIGNING_KEY + "0123456789",
        "ALLOWED_HOSTS": "api.finishd.example",
        "DATABASE_URL": "postgresql://finishd:pw@db.internal/finishd?sslmode=verify-full&sslrootcert=system",
        "REDIS_URL": "rediss://redis.internal/0",
        "FIREBASE_PROJECT_ID": "finishd-production",
        # Empty values, so that a developer's .env has no effect.
        "FIREBASE_KEYS_FILE": "",
        "FINISHD_EMBEDDED_REDIS": "false",
        "DEBUG": "false",
        **changes,
    }


def run_python(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python <arguments>` in the project's directory and return its output."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
