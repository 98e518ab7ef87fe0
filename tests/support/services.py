"""Sluice's own processes: started with the flags that users have, watched through what users see."""

import dataclasses
import os
import pathlib
import re
import signal
import urllib.error
import urllib.request

from support.process import Daemon, free_port, resident_bytes, wait_until
from support.stack import ROOT


def bin_dir():
    return pathlib.Path(os.environ.get("SLUICE_BIN_DIR") or ROOT / "build/release/bin")


@dataclasses.dataclass
class Sample:
    name: str
    labels: dict
    value: float


def parse_metrics(text):
    """The Prometheus text format, as far as counters, gauges and histograms need it."""
    samples = []
    for line in text.splitlines():
        match = re.fullmatch(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?', line)
        if match:
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            samples.append(Sample(match[1], labels, float(match[3])))
    return samples


class Service:
    """One process of one service. Its log, pid and output lie in `directory` under `instance`."""

    def __init__(self, name, pipeline, stack, directory, instance, flags=(), database_url=None, programs=None):
        self.name = name
        self.instance = instance
        self.environment = {}  # added to that of the next start
        self._programs = pathlib.Path(programs or bin_dir())
        self._pipeline = pipeline
        self._stack = stack
        self._flags = list(flags)
        self._database_url = database_url or stack.database_url
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / f"{instance}.log"
        self.daemon = Daemon(directory / f"{instance}.pid")
        self.admin_address = self.metrics_address = None
        self.fixed_addresses = None  # (admin, metrics); None: free ports, other ones at each start
        self.bootstrap_servers = stack.bootstrap_servers

    def command(self):
        command = [self._programs / f"sluice-{self.name}", "--pipeline", self._pipeline,
                   "--bootstrap-servers", self.bootstrap_servers, "--admin-address", self.admin_address,
                   "--metrics-address", self.metrics_address, "--instance-id", self.instance, "--log-format", "json"]
        if self.name == "storage-writer":
            command += ["--database-url", self._database_url]
        return [*command, *self._flags]

    def start(self, ready_within=30):
        """Starts it, and waits until it is ready unless `ready_within` is None."""
        self.admin_address, self.metrics_address = (
            self.fixed_addresses or (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"))
        self.daemon.start(self.command(), self.log, env={**os.environ, **self.environment})
        if ready_within is not None:
            self.wait_ready(ready_within)
        return self

    def http(self, path, seconds=2):
        """(status, body); status 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://{self.metrics_address}{path}", timeout=seconds) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except OSError as problem:
            return 0, str(problem)

    def ready(self):
        return self.http("/readyz")[0] == 200

    def live(self):
        return self.http("/healthz")[0] == 200

    def wait_ready(self, seconds=30):
        def check():
            if not self.daemon.alive():
                raise RuntimeError(f"{self.instance} ended:\n{self.log_tail()}")
            return self.ready()

        wait_until(check, seconds, lambda: f"{self.instance} is ready: {self.http('/readyz')[1]}\n{self.log_tail()}", 0.05)

    def metrics(self):
        status, body = self.http("/metrics", 5)
        if status != 200:
            raise RuntimeError(f"{self.instance} /metrics: {status} {body}")
        return parse_metrics(body)

    def metric(self, name, **labels):
        """Sum of all series of a metric that carry these labels."""
        return sum(sample.value for sample in self.metrics()
                   if sample.name == name and labels.items() <= sample.labels.items())

    def wait_metric(self, name, value, seconds=30, **labels):
        """Until a metric has a value, also while the process is still starting."""
        wait_until(lambda: self.live() and self.metric(name, **labels) == value, seconds,
                   lambda: f"{self.instance} has {name} at {value}\n{self.log_tail()}")

    @property
    def pid(self):
        return self.daemon.pid

    def memory(self):
        return resident_bytes(self.pid)

    def log_tail(self, lines=25):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def kill(self):
        """kill -9, and sees it gone."""
        self.daemon.send(signal.SIGKILL)
        self.daemon.wait(10)

    def freeze(self):
        self.daemon.send(signal.SIGSTOP)

    def thaw(self):
        self.daemon.send(signal.SIGCONT)

    def stop(self, seconds=25):
        """SIGTERM. Returns the exit code; -9 when it did not go within the time."""
        self.thaw()
        self.daemon.stop(signal.SIGTERM, seconds)
        return self.daemon.returncode


class Chain:
    """The services of one pipeline, any number of instances each."""

    STAGES = ("ingest-validator", "qc", "storage-writer")

    def __init__(self, pipeline, stack, directory, database_url=None, flags=(), programs=None):
        self._pipeline = pipeline
        self._stack = stack
        self._directory = pathlib.Path(directory)
        self.database_url = database_url
        self.bootstrap_servers = stack.bootstrap_servers
        self._flags = flags
        self._programs = programs
        self._count = 0
        self.services = []
        self.environment = {}  # by service name: added to that of every start

    def add(self, name, flags=(), ready_within=30):
        self._count += 1
        service = Service(name, self._pipeline, self._stack, self._directory, f"{name}-{self._count}",
                          [*self._flags, *flags], self.database_url, self._programs)
        service.environment = {**self.environment.get(name, {})}
        service.bootstrap_servers = self.bootstrap_servers
        self.services.append(service)
        return service.start(ready_within)

    def start(self, replicas=1):
        for name in self.STAGES:
            for _ in range(replicas):
                self.add(name, ready_within=None)
        for service in self.services:
            service.wait_ready()
        return self

    def of(self, name):
        return [service for service in self.services if service.name == name]

    def remove(self, service):
        """Stops it gracefully; its exit code must say so."""
        code = service.stop()
        self.services.remove(service)
        assert code == 0, f"{service.instance} ended with {code}:\n{service.log_tail()}"

    def stop(self):
        for service in reversed(self.services):
            service.stop()
