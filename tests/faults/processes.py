"""Real processes: started in a session of their own, killed as machines kill them."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(true: Callable[[], Any], what: str, seconds: float = 60, every: float = 0.02) -> Any:
    """What `true` gives once it is true; fails with `what` when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        if found := true():
            return found
        assert time.monotonic() < deadline, f"never in {seconds:.0f} s: {what}"
        time.sleep(every)


def faketime_library() -> str | None:
    """libfaketime of this machine, which moves the clock of one process."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found and shutil.which("faketime") else None


class Process:
    """One process with its children; its log is a file."""

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        file_limit: int | None = None,
        user: int | None = None,
    ) -> None:
        self.log = log

        def limit() -> None:
            if file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=limit,
                user=user,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL to it and its children at once, as a machine that loses its power."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(20)

    def pause(self) -> None:
        """SIGSTOP: as a machine that has no time for it."""
        os.killpg(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def stop(self, seconds: float = 20) -> None:
        """SIGTERM, then SIGKILL."""
        if self.is_alive:
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(seconds)
        self.kill()


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
