"""Processes that outlive their starter, free ports, and waiting with a deadline. Standard library only."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time


class Timeout(AssertionError):
    """A deadline passed."""


def wait_until(condition, seconds, what, interval=0.02):
    """Calls `condition` until it returns something true, and returns that. Fails loudly at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            detail = what() if callable(what) else what
            raise Timeout(f"not within {seconds:g} s: {detail}")
        time.sleep(interval)


# Ports given out by this process are not given out again: between choosing and binding somebody else might ask.
_given = set()


def free_port():
    """A TCP port that is free on loopback, below the range that the kernel takes for outgoing connections."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    start = 10000 + (os.getpid() * 97 + len(_given) * 13) % max(1, low - 10000)
    for candidate in [*range(start, low), *range(10000, start)]:
        if candidate not in _given and is_free(candidate):
            _given.add(candidate)
            return candidate
    raise OSError("no free port on loopback")


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _stat(pid):
    """State and start time of a process: (letter, clock ticks since boot); None when there is none."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def _threads(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def resident_bytes(pid):
    """Physical memory of a process."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Daemon:
    """One background process, known by pid and start time, so that a reused pid is never mistaken for it.

    `record` keeps both on disk: another program may find, and stop, what this one started.
    """

    def __init__(self, record):
        self.record = pathlib.Path(record)
        self._child = None

    def start(self, command, log, **options):
        if self.alive():
            raise RuntimeError(f"{self.record.stem} runs already")
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, **options)
        stat = _stat(self._child.pid)
        self.record.write_text(json.dumps({"pid": self._child.pid, "started": stat[1] if stat else 0}))

    @property
    def pid(self):
        """The process id while it runs, else None."""
        try:
            known = json.loads(self.record.read_text())
            pid, started = known["pid"], known["started"]
        except (OSError, ValueError, KeyError):
            return None
        if self._child is not None and self._child.pid == pid:
            return pid if self._child.poll() is None else None
        stat = _stat(pid)
        if not stat or stat[1] != started or stat[0] == "X":
            return None
        # The first thread may be a zombie while others still hold ports and files.
        return None if stat[0] == "Z" and len(_threads(pid)) <= 1 else pid

    def alive(self):
        return self.pid is not None

    def frozen(self):
        """Whether it stands still: SIGSTOP."""
        pid = self.pid
        stat = _stat(pid) if pid is not None else None
        return stat is not None and stat[0] == "T"

    @property
    def returncode(self):
        """Exit status of a child of this process; None while it runs, or when another process started it."""
        return self._child.poll() if self._child is not None else None

    def send(self, number):
        pid = self.pid
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def wait(self, seconds, what=None):
        wait_until(lambda: not self.alive(), seconds, what or f"{self.record.stem} ends")

    def stop(self, number=signal.SIGTERM, seconds=25):
        """Asks it to end; after the deadline ends it. Returns whether it went by itself."""
        self.send(number)
        try:
            self.wait(seconds)
            gracefully = True
        except Timeout:
            self.send(signal.SIGKILL)
            self.wait(10)
            gracefully = False
        self.record.unlink(missing_ok=True)
        return gracefully
