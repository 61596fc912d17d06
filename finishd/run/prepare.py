"""What has to be in SQL before the servers start, in one process with one start of Django.

`python -m finishd.run.prepare`, with the run's settings in its environment: migrates, makes the staff user,
and loads the demo world on the first run. Its progress goes to standard error. On standard output it leaves
one JSON object `{"password": str | null, "token": str}`; or, with exit code 1, one line of what went wrong.
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

from finishd.run.config import write_private

STAFF = "staff"
VIEWER = "ama"  # of the demo world; the printed curl line is hers
TOKEN_HOURS = 24


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finishd.settings")
    django.setup()
    from django.core.management.base import CommandError  # noqa: PLC0415  (after the settings)
    from django.db import OperationalError  # noqa: PLC0415

    try:
        # Whatever the commands say is progress; only the answer goes to standard output.
        with redirect_stdout(sys.stderr):
            answer = prepare(Path(os.environ["FINISHD_DATA"]), os.environ.get("FINISHD_STAFF_PASSWORD"))
    except CommandError as error:
        print(error)
        return 1
    except OperationalError as error:
        print(f"The database cannot be used: {str(error).splitlines()[0]}")
        return 1
    print(json.dumps(answer))
    return 0


def prepare(data: Path, staff_password: str | None) -> dict[str, str | None]:
    """The staff password (None when somebody changed it in the admin) and a token of the demo's viewer."""
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", interactive=False)
    password = ensure_staff(data / "staff-password", staff_password)
    loaded = get_demo_marker(data)
    if not loaded.exists():
        call_command("load_demo")
        loaded.touch()
    token = StringIO()
    call_command("token", VIEWER, hours=TOKEN_HOURS, stdout=token)
    return {"password": password, "token": token.getvalue().strip()}


def ensure_staff(kept: Path, wanted: str | None) -> str | None:
    """Make the staff user with the `wanted` password, else with the one in the file `kept`, else a new one.

    Returns the password that works, None when the user has another. An existing user's password is changed
    only to a `wanted` one.
    """
    from django.contrib.auth.models import User  # noqa: PLC0415

    password = wanted or (kept.read_text().strip() if kept.exists() else secrets.token_urlsafe(12))
    user = User.objects.filter(username=STAFF).first()
    if user is None:
        User.objects.create_superuser(STAFF, password=password)
    elif wanted and not user.check_password(wanted):
        user.set_password(wanted)
        user.save(update_fields=["password"])
    elif not user.check_password(password):
        return None
    write_private(kept, password + "\n")
    return password


def get_demo_marker(data: Path) -> Path:
    """The file that says that this data folder's demo world is in this database."""
    database = hashlib.sha256(os.environ["DATABASE_URL"].encode()).hexdigest()[:8]
    return data / f"demo-loaded-{database}"


if __name__ == "__main__":
    sys.exit(main())
