"""The supervisor and the guard, with real processes."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from finishd.run.errors import StartupError
from finishd.run.guard import Guard, signal_process
from finishd.run.output import Output
from finishd.run.process import ProcessStarter, Program
from finishd.run.supervisor import Interrupted, Supervisor

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path: Path, stream: io.StringIO) -> Iterator[Supervisor]:
    guard = Guard()
    output = Output(stream)
    supervisor = Supervisor(
        starter=ProcessStarter(directory=tmp_path, guard=guard, output=output),
        output=output,
        restart_delay=0.05,
    )
    yield supervisor
    supervisor.stop()
    guard.close()


def python(name: str, code: str, *, restart: bool = True, captures_output: bool = False) -> Program:
    command = [sys.executable, "-I", "-u", "-c", textwrap.dedent(code)]
    return Program(name, command, os.environ, restart=restart, captures_output=captures_output)


SLEEPER = "import time; print('ready'); time.sleep(60)"


class TestSupervisor:
    def test_lines_have_the_name_of_their_program(self, supervisor: Supervisor, stream: io.StringIO) -> None:
        supervisor.run_to_completion(python("setup", "print('one'); print('two')"))
        assert stream.getvalue() == "setup   | one\nsetup   | two\n"

    def test_a_step_returns_its_output_and_shows_its_progress(
        self, supervisor: Supervisor, stream: io.StringIO
    ) -> None:
        code = "import sys; print('half way', file=sys.stderr); print('42')"
        assert supervisor.run_to_completion(python("setup", code, captures_output=True)) == "42\n"
        assert stream.getvalue() == "setup   | half way\n"

    def test_the_error_of_a_failed_step_is_its_output(self, supervisor: Supervisor) -> None:
        with pytest.raises(StartupError, match=r"^the disk is full$"):
            supervisor.run_to_completion(
                python("setup", "print('the disk is full'); exit(1)", captures_output=True)
            )

    def test_the_error_of_a_silent_step_is_its_exit_code(self, supervisor: Supervisor) -> None:
        with pytest.raises(StartupError, match="setup failed with exit code 3"):
            supervisor.run_to_completion(python("setup", "exit(3)"))

    def test_a_program_that_cannot_be_started_is_an_error(self, supervisor: Supervisor) -> None:
        with pytest.raises(StartupError, match="web cannot be started"):
            supervisor.start(Program("web", ["/nowhere/granian"], os.environ))

    def test_a_program_that_exits_is_restarted(self, supervisor: Supervisor, stream: io.StringIO) -> None:
        child = supervisor.start(python("worker", SLEEPER))
        first = child.process.pid
        child.process.kill()
        supervisor.wait_until(lambda: child.process.pid != first, seconds=10, what="Not restarted")
        assert "worker exited on signal SIGKILL" in stream.getvalue()

    def test_a_program_that_exits_repeatedly_ends_the_run(self, supervisor: Supervisor) -> None:
        supervisor.start(python("worker", "exit(7)"))
        with pytest.raises(StartupError, match="worker exited 6 times within a minute"):
            supervisor.watch()

    def test_the_web_server_is_not_restarted(self, supervisor: Supervisor) -> None:
        supervisor.start(python("web", "exit(1)", restart=False))
        with pytest.raises(StartupError, match="web exited with exit code 1, so the run stops"):
            supervisor.watch()

    def test_waiting_for_readiness_ends_with_an_error(self, supervisor: Supervisor) -> None:
        with pytest.raises(StartupError, match="Not ready after 0 s"):
            supervisor.wait_until(lambda: False, seconds=0.2, what="Not ready")

    def test_the_last_programs_stop_after_the_others(self, supervisor: Supervisor, tmp_path: Path) -> None:
        """Each program records when it was asked to stop. The worker stops slowly."""
        code = """
            import pathlib, signal, sys, time
            def stop(*_):
                time.sleep({pause})
                with open("order", "a") as order: order.write("{name} ")
                sys.exit()
            signal.signal(signal.SIGTERM, stop)
            pathlib.Path("{name}").touch()
            time.sleep(60)
        """
        for name, pause in (("redis", 0), ("worker", 0.5)):
            supervisor.start(python(name, textwrap.dedent(code).format(name=name, pause=pause)))
        wait_for(lambda: (tmp_path / "redis").exists() and (tmp_path / "worker").exists())
        supervisor.stop(last=["redis"])
        assert (tmp_path / "order").read_text() == "worker redis "

    def test_descendants_are_stopped_too(self, supervisor: Supervisor, tmp_path: Path) -> None:
        """Imitate a granian or Celery parent that dies without stopping its children."""
        code = """
            import pathlib, subprocess, sys, time
            child = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(60)"])
            pathlib.Path("grandchild.tmp").write_text(str(child.pid))
            pathlib.Path("grandchild.tmp").rename("grandchild")
            time.sleep(60)
        """
        supervisor.start(python("web", code))
        wait_for((tmp_path / "grandchild").exists)
        grandchild = int((tmp_path / "grandchild").read_text())
        assert is_running(grandchild)
        supervisor.stop()
        wait_for(lambda: not is_running(grandchild))

    def test_a_second_signal_kills_at_once_and_a_duplicate_does_not(
        self, supervisor: Supervisor, tmp_path: Path
    ) -> None:
        code = """
            import pathlib, signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pathlib.Path("stubborn").touch()
            time.sleep(60)
        """
        child = supervisor.start(python("worker", code))
        wait_for((tmp_path / "stubborn").exists)
        before = {
            number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        supervisor.listen_to_signals()
        try:
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(Interrupted):
                supervisor.watch()
            for seconds in (0.1, 1.5):
                threading.Timer(seconds, signal_process, (os.getpid(), signal.SIGINT)).start()
            started = time.monotonic()
            supervisor.stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        assert 1 < time.monotonic() - started < 5
        assert not child.alive


class TestGuard:
    def test_the_guard_stops_all_children_of_a_killed_parent(self, tmp_path: Path) -> None:
        code = f"""
            import os, pathlib, signal, subprocess, sys
            sys.path.insert(0, {str(settings.BASE_DIR)!r})
            from finishd.run.guard import Guard
            guard = Guard()
            child = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(60)"],
                                     start_new_session=True)
            guard.add(child.pid)
            pathlib.Path("pid").write_text(str(child.pid))
            os.kill(os.getpid(), signal.SIGKILL)
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, check=False)
        child = int((tmp_path / "pid").read_text())
        wait_for(lambda: not is_running(child))
        assert not is_running(child)

    def test_a_removed_process_is_not_stopped(self) -> None:
        guard = Guard()
        sleeper = subprocess.Popen([sys.executable, "-I", "-c", SLEEPER], start_new_session=True)
        guard.add(sleeper.pid)
        guard.remove(sleeper.pid)
        guard.close()
        assert sleeper.poll() is None
        sleeper.kill()
        sleeper.wait()


def is_running(pid: int) -> bool:
    """Return whether a process runs. A zombie counts as ended, because in a container it may never be reaped."""
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(status.stdout.strip()) and not status.stdout.strip().startswith("Z")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited for 20 s"
        time.sleep(0.02)
