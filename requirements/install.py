"""Make `.venv` and install the pinned requirements, if they changed: `python3 requirements/install.py dev`.

Needs Python's standard library only. What goes wrong ends in one clear line; the whole story is in
`.venv/install.log`. Runs side by side wait for each other.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
# What pip or uv says, and what it means.
ADVICE = (
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
        "the package index cannot be reached; is there a network?",
    ),
)


def main() -> None:
    use_a_new_enough_python()
    wanted = ROOT / "requirements" / f"{sys.argv[1]}.txt"
    with wanted.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_if_changed(wanted)


def install_if_changed(wanted: Path) -> None:
    stamp = VENV / f"installed-{wanted.stem}"
    state = f"{hashlib.sha256(wanted.read_bytes()).hexdigest()} {sys.version}"
    if stamp.exists() and stamp.read_text() == state and works(PYTHON):
        return
    print(f"Installing {wanted.relative_to(ROOT)} into .venv (half a minute the first time) …", flush=True)
    make_venv()
    install(wanted)
    stamp.write_text(state)


def use_a_new_enough_python() -> None:
    """Go on in a newer interpreter when this one is too old and PATH has one."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(19, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and works(Path(newer)):
            os.execv(newer, [newer, *sys.argv])
    have = ".".join(map(str, sys.version_info[:3]))
    stop(f"Finishd needs Python 3.11 or newer, and this is {have}. Name another: make PYTHON=/path/to/one …")


def make_venv() -> None:
    if works(PYTHON) and works(PYTHON, "-m", "pip", "--version"):
        return
    made = run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if made.returncode:
        stop(
            "Python's venv module cannot make .venv; on Debian and Ubuntu: apt install python3-venv. "
            f"It says: {last_line(made.stdout)}"
        )


def install(wanted: Path) -> None:
    uv = shutil.which("uv")
    done = run(uv_command(uv, wanted)) if uv else None
    if done is None or done.returncode:
        done = run([str(PYTHON), "-m", "pip", "install", "--require-hashes", "-r", str(wanted)])
    LOG.write_text(done.stdout)
    if done.returncode:
        advice = next((text for signs, text in ADVICE if any(sign in done.stdout for sign in signs)), None)
        stop(f"The requirements could not be installed: {advice or last_line(done.stdout)}. See {LOG}")


def uv_command(uv: str, wanted: Path) -> list[str]:
    # Without the bytecode each process would compile what it imports at its start.
    options = ["--python", str(PYTHON), "--require-hashes", "--compile-bytecode"]
    return [uv, "pip", "install", *options, "-r", str(wanted)]


def works(python: Path, *arguments: str) -> bool:
    """Whether this interpreter starts at all: one whose base was removed does not."""
    command = [str(python), *(arguments or ("-c", ""))]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["nothing"])[-1]


def stop(line: str) -> None:
    sys.exit(f"finishd: {line}")


if __name__ == "__main__":
    main()
