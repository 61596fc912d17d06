"""Prepare the database before the servers start, in one process, because Django starts slowly.

`python -m finishd.run.prepare` reads the run's settings from its environment. It migrates, creates the staff user,
and loads the demo world on the first run. Progress goes to standard error. Standard output gets one JSON object,
`{"password": str | null, "token": str}`, or an error message of one line with exit code 1.
"""

import hashlib
import json
import os
import secrets
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured

from finishd.run.config import write_private

STAFF = "staff"
VIEWER = "ama"  # a person of the demo world; the printed curl command uses her token
TOKEN_HOURS = 24


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")
    try:
        django.setup()
    except ImproperlyConfigured as error:
        print(error)
        return 1
    from django.core.management.base import CommandError
    from django.db import OperationalError

    try:
        # The output of the commands is progress. Standard output is for the result.
        with redirect_stdout(sys.stderr):
            result = prepare(Path(os.environ["FINISHD_DATA"]), os.environ.get("FINISHD_STAFF_PASSWORD"))
    except CommandError as error:
        print(error)
        return 1
    except OperationalError as error:
        print(f"The database cannot be used: {str(error).splitlines()[0]}")
        return 1
    print(json.dumps(result))
    return 0


def prepare(data: Path, staff_password: str | None) -> dict[str, str | None]:
    """Return the staff password (None if it was changed in the admin) and a token of the demo's viewer."""
    from django.core.management import call_command

    call_command("migrate", interactive=False)
    password = ensure_staff(data / "staff-password", staff_password)
    loaded = get_demo_marker(data)
    if not loaded.exists():
        call_command("load_demo")
        loaded.touch()
    token = StringIO()
    call_command("token", VIEWER, hours=TOKEN_HOURS, stdout=token)
    return {"password": password, "token": token.getvalue().strip()}


def ensure_staff(password_file: Path, requested: str | None) -> str | None:
    """Create the staff user with the `requested` password, the one in `password_file`, or a random one.

    Return the valid password, or None if the user has a password that is not known here. The password of an
    existing user is changed only to a `requested` one.
    """
    from django.contrib.auth.models import User

    password = requested or (
        password_file.read_text().strip() if password_file.exists() else secrets.token_urlsafe(12)
    )
    user = User.objects.filter(username=STAFF).first()
    if user is None:
        User.objects.create_superuser(STAFF, password=password)
    elif requested and not user.check_password(requested):
        user.set_password(requested)
        user.save(update_fields=["password"])
    elif not user.check_password(password):
        return None
    write_private(password_file, password + "\n")
    return password


def get_demo_marker(data: Path) -> Path:
    """Return the file whose existence means that the demo world is loaded in this database."""
    database = hashlib.sha256(os.environ["DATABASE_URL"].encode()).hexdigest()[:8]
    return data / f"demo-loaded-{database}"


if __name__ == "__main__":
    sys.exit(main())
