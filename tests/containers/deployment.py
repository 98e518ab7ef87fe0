"""docker-compose.yaml as a deployment that a test can stream through, scale and break."""

import functools
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request

import psycopg

from support.kafka import Kafka
from support.landing import Landing
from support.pipeline import find_pipeline
from support.process import free_port, wait_until
from support.stack import ROOT

STAGES = ("ingest-validator", "qc", "storage-writer")
OURS = (*STAGES, "producer-simulator")
# Grafana's server cannot be had without its registry, and nothing else depends on it.
RUNNING = (*OURS, "prometheus")
PARTITIONS = 6
PATIENCE = 300  # seconds, on a machine that does other things as well


def run(*command, check=True, seconds=PATIENCE, **options):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=seconds, **options)
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


class Deployment:
    def __init__(self, project, env_file, directory):
        self.project = project
        self._env_file = directory / "env"
        ports = {name: free_port() for name in ("KAFKA_PORT", "POSTGRES_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")}
        settings = {**ports, "SOURCE_PARTITIONS": PARTITIONS, "SIMULATOR_RATE": os.environ.get("SLUICE_CONTAINERS_RATE", "2000")}
        self._env_file.write_text(env_file.read_text() + "".join(f"{name}={value}\n" for name, value in settings.items()))
        self._ports = ports
        self.pipeline = find_pipeline("telemetry")
        self.kafka = Kafka(f"127.0.0.1:{ports['KAFKA_PORT']}")
        self._landing = None

    # --- containers

    def compose(self, *arguments, profiles=("*",), **options):
        chosen = [word for profile in profiles for word in ("--profile", profile)]
        return run("docker", "compose", "--project-name", self.project, "--env-file", self._env_file, *chosen, *arguments,
                   cwd=ROOT, **options)

    def up(self, *services, scale=None):
        """Until all of them are healthy."""
        scaled = [word for name, count in (scale or {}).items() for word in ("--scale", f"{name}={count}")]
        self.compose("up", "--detach", "--wait", "--no-build", "--wait-timeout", PATIENCE, *scaled, *(services or RUNNING),
                     seconds=2 * PATIENCE)

    def recover(self):
        """Starts what has died, until all are healthy. `--wait` would give up at once: whoever missed it is unhealthy still."""
        self.compose("up", "--detach", "--no-build", *RUNNING)

        def states():
            lines = self.compose("ps", "--all", "--format", "{{.Service}} {{.State}} {{.Health}}", *RUNNING).stdout.splitlines()
            return {line.split()[0]: line.split()[1:] for line in lines}

        wait_until(lambda: all(states().get(name) == ["running", "healthy"] for name in RUNNING), PATIENCE,
                   lambda: f"all are healthy again: {states()}", 1)

    def down(self, wipe=False):
        self.close()
        self.compose("down", "--timeout", "30", *(["--volumes", "--remove-orphans"] if wipe else []))

    def close(self):
        if self._landing is not None:
            self._landing.close()
            self._landing = None

    def containers(self, service):
        """Ids of the running containers of a service."""
        return self.compose("ps", "--quiet", "--status", "running", service).stdout.split()

    def inspect(self, container):
        return json.loads(docker("inspect", container).stdout)[0]

    def config(self):
        return json.loads(self.compose("config", "--format", "json").stdout)

    def kill(self, service):
        """SIGKILL to each container of a service; Docker takes that for a wish and does not start them again."""
        containers = self.containers(service)
        assert containers, f"no {service} is running"
        docker("kill", "--signal", "KILL", *containers)

    def exec(self, service, *command, **options):
        return self.compose("exec", "-T", service, *command, **options)

    # --- the suite

    def sluicectl(self, *arguments, check=True):
        return self.compose("run", "--rm", "--no-deps", "-T", "sluicectl", *arguments, check=check)

    def verify(self):
        """With the simulator stopped: every record that was ever sent has the outcome that the truth file promises."""
        return self.sluicectl("verify", "--pipeline", "telemetry", "--truth", "/var/lib/sluice/telemetry/truth.ndjson").stdout

    def sim(self, *arguments):
        return self.sluicectl("--endpoint", "producer-simulator:7101", "sim", *arguments)

    def start_load(self):
        self.up("producer-simulator")

    def stop_load(self):
        """What was sent is delivered, and in the truth file; then it lands."""
        self.compose("stop", "producer-simulator")
        simulator = self.compose("ps", "--all", "--quiet", "producer-simulator").stdout.split()
        assert [self.inspect(container)["State"]["ExitCode"] for container in simulator] == [0]
        self.landing.wait_all(PATIENCE)

    @property
    def landing(self):
        if self._landing is None:
            self._landing = Landing(self.kafka, self.pipeline, self.database_url("sluicectl"))
        return self._landing

    def password(self, role):
        return self.exec("postgres", "cat", f"/run/secrets/{role}_password").stdout.strip()

    def database_url(self, role):
        return f"postgresql://{role}:{self.password(role)}@127.0.0.1:{self._ports['POSTGRES_PORT']}/sluice"

    def connect(self, role):
        return psycopg.connect(self.database_url(role), autocommit=True, connect_timeout=10)

    def wait_landed_more(self, records):
        """Until so many more records have landed than now."""
        self.landing.wait_for(self.landing.landed() + records, PATIENCE)

    # --- Prometheus

    def prometheus(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self._ports['PROMETHEUS_PORT']}/api/v1/{path}?{query}"
        # Not through a proxy that the environment may name.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def targets(self):
        """Service -> health of each of its replicas, as Prometheus sees them."""
        found = {}
        for target in self.prometheus("targets", state="active")["activeTargets"]:
            found.setdefault(target["labels"]["job"], []).append(target["health"])
        return found

    def wait_targets(self, **replicas):
        """Until Prometheus scrapes exactly so many replicas of each service, and all are up."""
        def seen():
            targets = self.targets()
            return all(targets.get(service.replace("_", "-"), []) == ["up"] * count for service, count in replicas.items())
        wait_until(seen, PATIENCE, lambda: f"{replicas} up: {self.targets()}", 1)

    @functools.cached_property
    def published(self):
        """(address, port) of every port that is published."""
        return re.findall(r"([\d.:\[\]a-f]+):(\d+)->", self.compose("ps", "--format", "{{.Ports}}").stdout)
