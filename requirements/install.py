"""Create `.venv` and install the pinned requirements if they have changed: `python3 requirements/install.py dev`.

It needs the standard library only (docs/decisions/0027). An error is one line; the complete output of pip or uv is in
`.venv/install.log`. Concurrent runs wait for each other.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Older versions of Python 3 must be able to load this file, so annotations with `[]` are quoted.
MIN_PYTHON = (3, 11)
MAX_MINOR = 19  # The newest Python 3 to look for on PATH.
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
# Texts in the output of pip or uv, and the explanation that is shown for them.
EXPLANATIONS = (
    (
        ("error: command", "Failed building wheel", "Failed to build", "compiler"),
        "a package has no wheel for this machine and needs a C compiler (Debian: apt install gcc python3-dev)",
    ),
    (("No space left",), "the disk is full"),
    (
        (
            "NewConnectionError",
            "ConnectTimeout",
            "name resolution",
            "dns error",
            "Failed to fetch",
            "versions: none",
        ),
        "the package index cannot be reached; is there a network connection?",
    ),
)


def main() -> None:
    ensure_python_version()
    requirements = ROOT / "requirements" / f"{sys.argv[1]}.txt"
    with requirements.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_if_changed(requirements)


def install_if_changed(requirements: Path) -> None:
    stamp = VENV / f"installed-{requirements.stem}"
    state = f"{hashlib.sha256(requirements.read_bytes()).hexdigest()} {sys.version}"
    if stamp.exists() and stamp.read_text() == state and can_run(PYTHON):
        return
    name = requirements.relative_to(ROOT)
    print(f"Installing {name} into .venv (half a minute the first time) …", flush=True)
    create_venv()
    install(requirements)
    stamp.write_text(state)


def ensure_python_version() -> None:
    """If this Python is too old, run again with a newer one from PATH, or exit."""
    if sys.version_info >= MIN_PYTHON:
        return
    for minor in range(MAX_MINOR, MIN_PYTHON[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and can_run(Path(newer)):
            os.execv(newer, [newer, *sys.argv])
    version = ".".join(map(str, sys.version_info[:3]))
    fail(
        f"Finishd needs Python 3.11 or newer, but this is {version}. Use another: make PYTHON=/path/to/python …"
    )


def create_venv() -> None:
    """Create `.venv`, unless it already has a working Python with pip."""
    if can_run(PYTHON) and can_run(PYTHON, "-m", "pip", "--version"):
        return
    finished = run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if finished.returncode:
        fail(
            "Python's venv module cannot create .venv; on Debian and Ubuntu: apt install python3-venv. "
            f"Its message: {get_error_line(finished.stdout)}"
        )


def install(requirements: Path) -> None:
    """Install with uv if it is on PATH. Without it, or if it fails, install with pip."""
    uv = shutil.which("uv")
    finished = run(get_uv_command(uv, requirements)) if uv else None
    if finished is None or finished.returncode:
        finished = run([str(PYTHON), "-m", "pip", "install", "--require-hashes", "-r", str(requirements)])
    LOG.write_text(finished.stdout)
    if finished.returncode:
        fail(f"The requirements could not be installed: {explain(finished.stdout)}. See {LOG}")


def get_uv_command(uv: str, requirements: Path) -> "list[str]":
    # Without --compile-bytecode each process would compile its imports when it first starts.
    options = ["--python", str(PYTHON), "--require-hashes", "--compile-bytecode"]
    return [uv, "pip", "install", *options, "-r", str(requirements)]


def can_run(python: Path, *arguments: str) -> bool:
    """Return whether this Python starts. A virtual environment whose base was removed does not."""
    command = [str(python), *(arguments or ("-c", ""))]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: "list[str]") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def explain(output: str) -> str:
    """Return the explanation of an error, or the line with the error if there is no explanation."""
    for texts, explanation in EXPLANATIONS:
        if any(text in output for text in texts):
            return explanation
    return get_error_line(output)


def get_error_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no output"])[-1]


def fail(message: str) -> None:
    sys.exit(f"finishd: {message}")


if __name__ == "__main__":
    main()
