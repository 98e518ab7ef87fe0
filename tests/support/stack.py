"""A private Apache Kafka (KRaft, one node) and PostgreSQL on loopback. Standard library only.

    python3 -m support.stack up|down|status [--dir DIR]        (scripts/stack)

All state lies under one directory, so any number of stacks can stand beside each other.
"""

import argparse
import base64
import concurrent.futures
import fcntl
import hashlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import uuid

from support.process import Daemon, free_port, is_free, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]

KAFKA_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
# Room for the largest value that a test sends, and for batches on internal topics.
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
# One node: nothing is replicated, and a small group of consumers starts at once.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A small machine.
num.io.threads=4
num.network.threads=2
num.recovery.threads.per.data.dir=4
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=1000
"""

KAFKA_LOGGING = """\
Configuration:
  status: error
  appenders:
    RollingFile:
      name: file
      fileName: {log}
      filePattern: "{log}.%i"
      PatternLayout: {{pattern: "%d %p %m (%c)%n"}}
      SizeBasedTriggeringPolicy: {{size: 20MB}}
      DefaultRolloverStrategy: {{max: 2}}
  Loggers:
    Root:
      level: INFO
      AppenderRef: {{ref: file}}
"""

# Quick to start: the heap is small, and a broker that lives for minutes needs no large code cache.
JAVA_OPTIONS = ["-Xms256m", "-Xmx768m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Xshare:auto",
                "-XX:-UsePerfData", "-Djava.awt.headless=true"]

POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "max_connections": "200",
    # After a kill -9 one call per disk instead of one per file.
    "recovery_init_sync_method": "syncfs",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "20s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def deps_dir():
    return pathlib.Path(os.environ.get("SLUICE_DEPS_DIR") or pathlib.Path.home() / ".cache/sluice/deps")


def _run(command, **options):
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")
    return done.stdout


class _Server:
    """What Kafka and PostgreSQL have in common: a directory, a process, ports that stay the same while they are free."""

    def __init__(self, directory, name):
        self.dir = directory
        self.log = directory / f"{name}.log"
        self.daemon = Daemon(directory / f"{name}.pid")
        self._ports_file = directory / f"{name}.ports"

    def _ports(self):
        try:
            return json.loads(self._ports_file.read_text())
        except (OSError, ValueError):
            return {}

    def _choose_ports(self, *names):
        ports = self._ports()
        for name in names:
            if name not in ports or not is_free(ports[name]):
                ports[name] = free_port()
        self._ports_file.write_text(json.dumps(ports))
        return ports

    @property
    def port(self):
        return self._ports().get("port")

    def _failed(self):
        tail = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []
        return f"{self.log.stem} answers; the end of {self.log}:\n" + "\n".join(tail)

    def _wait_ready(self, ready, seconds):
        def answered():
            if not self.daemon.alive():
                raise RuntimeError(f"{self.log.stem} ended at once; not so: {self._failed()}")
            return ready()

        wait_until(answered, seconds, self._failed, interval=0.05)


class Kafka(_Server):
    def __init__(self, directory):
        super().__init__(directory, "kafka")
        self._data = directory / "kafka-data"
        self._properties = directory / "kafka.properties"

    @property
    def bootstrap_servers(self):
        return f"127.0.0.1:{self.port}"

    def _java(self, main_class, *arguments):
        logging = self.dir / "kafka-log4j2.yaml"
        return ["java", *JAVA_OPTIONS, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{deps_dir()}/kafka/libs/*",
                main_class, *arguments]

    def start(self):
        if self.daemon.alive():
            return
        ports = self._choose_ports("port", "controller")
        self.log.unlink(missing_ok=True)
        self._properties.write_text(KAFKA_PROPERTIES.format(data=self._data, **ports))
        (self.dir / "kafka-log4j2.yaml").write_text(KAFKA_LOGGING.format(log=self.log))
        if not (self._data / "meta.properties").exists():
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
            shutil.rmtree(self._data, ignore_errors=True)
            _run(self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self._properties))
        self.log.unlink(missing_ok=True)
        self.daemon.start(self._java("kafka.Kafka", self._properties), self.dir / "kafka.out", cwd=self.dir)
        self._wait_ready(lambda: self.log.exists() and "Kafka Server started" in self.log.read_text(errors="replace"), 60)

    def stop(self, number=signal.SIGTERM):
        self.daemon.stop(number, 30)


class Postgres(_Server):
    """Runs as the user `postgres` when this process is root: PostgreSQL refuses to be root."""

    def __init__(self, directory):
        super().__init__(directory, "postgres")
        self.bin = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name),
                       default=None)
        if self.bin is None:
            raise RuntimeError("no PostgreSQL: run scripts/deps")
        self._as_user = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}

    @property
    def data(self):
        """The data directory. Where the server's user cannot reach the stack's own directory, it lies in /var/tmp."""
        if self._as_user and subprocess.run(["test", "-x", self.dir], **self._as_user, check=False).returncode != 0:
            name = hashlib.sha256(str(self.dir).encode()).hexdigest()[:12]
            return pathlib.Path(f"/var/tmp/sluice-{name}/postgres-data")
        return self.dir / "postgres-data"

    def url(self, database="sluice"):
        return f"postgresql://sluice@127.0.0.1:{self.port}/{database}"

    def run(self, program, *arguments):
        return _run([self.bin / program, *arguments], **self._as_user)

    def _create(self, data):
        data.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        if self._as_user:
            os.chown(data, self._as_user["user"], self._as_user["group"])
        # Only loopback and the socket are listened on, and the data is a throw-away: no passwords.
        self.run("initdb", "--pgdata", data, "--username", "sluice", "--auth", "trust", "--encoding", "UTF8",
                 "--locale", "C.UTF-8", "--no-sync")

    def start(self):
        if self.daemon.alive():
            return
        data = self.data
        fresh = not (data / "PG_VERSION").exists()
        if fresh:
            self._create(data)
        self._drop_stale_lock(data)
        port = self._choose_ports("port")["port"]
        # A socket's path may have at most 107 bytes.
        sockets = data if len(str(data)) < 80 else ""
        settings = {**POSTGRES_SETTINGS, "port": port, "unix_socket_directories": sockets}
        command = [self.bin / "postgres", "-D", data, *(f"--{key}={value}" for key, value in settings.items())]

        def started():
            self.daemon.start(command, self.log, **self._as_user)
            try:
                self._wait_ready(self.answers, 60)
                return True
            except RuntimeError:
                # After a kill -9 the sessions of the old server need a moment to notice, and keep its memory that long.
                if "is still in use" in self._failed():
                    return False
                raise

        wait_until(started, 30, self._failed, interval=0.2)
        if fresh:
            self.create_database("sluice")

    def _drop_stale_lock(self, data):
        """After a cut-off machine the lock file may name a pid that somebody else has now."""
        lock = data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split()[0])
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "postgres":
                return
        except (OSError, ValueError, IndexError):
            pass
        lock.unlink(missing_ok=True)

    def answers(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              **self._as_user, check=False).returncode == 0

    def create_database(self, name, template="template1"):
        self._sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop_database(self, name):
        self._sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _sql(self, statement):
        self.run("psql", "-X", "-q", "-d", self.url("postgres"), "-c", statement)

    def stop(self, number=signal.SIGINT):
        """SIGINT is PostgreSQL's fast shutdown: sessions are ended, nothing committed is lost."""
        self.daemon.stop(number, 60)

    def remove(self):
        shutil.rmtree(self.data, ignore_errors=True)
        if self.data.parent != self.dir:
            shutil.rmtree(self.data.parent, ignore_errors=True)


class Stack:
    def __init__(self, directory=None):
        self.dir = pathlib.Path(directory or ROOT / ".run").resolve()
        self.dir.mkdir(parents=True, exist_ok=True)
        self.kafka = Kafka(self.dir)
        self.postgres = Postgres(self.dir)

    @property
    def database_url(self):
        return self.postgres.url()

    @property
    def bootstrap_servers(self):
        return self.kafka.bootstrap_servers

    def environment(self):
        """The names that users know, and those that Sluice's programs read in place of their flags."""
        return {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers, "DATABASE_URL": self.database_url,
                "SLUICE_BOOTSTRAP_SERVERS": self.bootstrap_servers, "SLUICE_DATABASE_URL": self.database_url}

    def up(self):
        with self._locked(), concurrent.futures.ThreadPoolExecutor(2) as pool:
            for start in [pool.submit(self.kafka.start), pool.submit(self.postgres.start)]:
                start.result()
            lines = (f"{name}={value}\n" for name, value in self.environment().items())
            (self.dir / "stack.env").write_text("".join(lines))

    def down(self, wipe=False):
        with self._locked(), concurrent.futures.ThreadPoolExecutor() as pool:
            # Sluice's processes that were started beside it (scripts/quickstart --keep) go first.
            list(pool.map(lambda record: Daemon(record).stop(), self.dir.glob("services/*.pid")))
            for stop in [pool.submit(self.kafka.stop), pool.submit(self.postgres.stop)]:
                stop.result()
            (self.dir / "stack.env").unlink(missing_ok=True)
            if wipe:
                self.postgres.remove()
        if wipe:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _locked(self):
        """Two callers at once: the second waits for the first."""
        lock = open(self.dir / "lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="scripts/stack", description="A private Kafka and PostgreSQL on loopback, for development and tests.",
        epilog="`up` prints the addresses; they are in DIR/stack.env as well, as shell variables. Data survives `down`.")
    parser.add_argument("verb", choices=["up", "down", "status"])
    parser.add_argument("--dir", default=None, help="where its state lies (default: .run in the checkout)")
    parser.add_argument("--wipe", action="store_true", help="with down: remove the data too")
    options = parser.parse_args(arguments)
    directory = pathlib.Path(options.dir or ROOT / ".run")
    if options.verb != "up" and not directory.exists():
        print(f"no stack in {directory}")
        return 1 if options.verb == "status" else 0
    stack = Stack(directory)
    if options.verb == "up":
        stack.up()
    elif options.verb == "down":
        stack.down(options.wipe)
        return 0
    running = True
    for name, server in (("kafka", stack.kafka), ("postgres", stack.postgres)):
        pid = server.daemon.pid
        running &= pid is not None
        print(f"{name}: " + (f"up, pid {pid}, log {server.log}" if pid else "down"), file=sys.stderr)
    if running:
        for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"):
            print(f"{name}={stack.environment()[name]}")
    return 0 if running else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, AssertionError) as problem:
        sys.exit(f"stack: {problem}")
