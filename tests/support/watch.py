"""Watches services while something happens to them: they live, they stay what they are, and they stay small."""

import contextlib
import pathlib
import threading
import time

EVERY = 0.25    # seconds
PATIENCE = 5    # seconds for one answer of /healthz
GRACE = 2       # seconds between the end of /healthz and that of the process


class Watch:
    """Looks at every service of a list that may change, until it is closed. `check()` fails with what it saw.

    * /healthz answers 200 from a process's first such answer to its end, unless the process is frozen;
    * no process ends but by kill -9 or with exit code 0, so by its test (`codes` are these);
    * its resident memory was never larger than `cap`.
    """

    def __init__(self, services, cap):
        self._services = services  # called for the list of the moment
        self._cap = cap
        self.codes = {0, -9}
        self._lived = set()        # pids that have said so
        self._problems = {}
        self.largest = {}          # instance -> bytes
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self._thread.start()

    def close(self):
        self._ending.set()
        self._thread.join(30)

    def check(self):
        problems = "\n".join(self._problems.values())
        assert not problems, f"the services were not calm:\n{problems}"

    def report(self):
        return "largest resident memory: " + ", ".join(
            f"{instance} {size >> 20} MiB" for instance, size in sorted(self.largest.items()))

    def _add(self, service, kind, detail):
        self._problems.setdefault((service.instance, kind), f"{service.instance}: {detail}")

    def _look(self):
        while not self._ending.wait(EVERY):
            for service in list(self._services()):
                with contextlib.suppress(OSError):  # it is just being ended
                    self._look_at(service)

    def _look_at(self, service):
        pid = service.pid
        if pid is None:
            if service.daemon.returncode not in (None, *self.codes):
                self._add(service, "ended", f"ended with {service.daemon.returncode}:\n{service.log_tail(8)}")
            return
        size = peak_bytes(pid)
        self.largest[service.instance] = max(size, self.largest.get(service.instance, 0))
        if size > self._cap:
            self._add(service, "memory", f"{size >> 20} MiB of memory, more than {self._cap >> 20}")
        before = time.monotonic()
        status, body = service.http("/healthz", PATIENCE)
        if status == 200:
            self._lived.add(pid)
        elif pid in self._lived and state(pid) not in "TZ":
            seconds = time.monotonic() - before
            if self._is_ending(service, pid):
                return
            self._add(service, "liveness", f"/healthz: {status} {body!r} after {seconds:.1f} s")

    def _is_ending(self, service, pid):
        """A process that is told to stop closes its endpoint a moment before it is gone."""
        deadline = time.monotonic() + GRACE
        while service.pid == pid and time.monotonic() < deadline:
            time.sleep(0.02)
        return service.pid != pid


def _status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def peak_bytes(pid):
    return int(_status(pid).get("VmHWM", "0 kB").split()[0]) << 10


def state(pid):
    """T: stopped, Z: a zombie."""
    return _status(pid).get("State", "Z").split()[0]
