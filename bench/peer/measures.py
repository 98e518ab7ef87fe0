"""The measures of the bench, run over the PySpark job, and what its rows have in common with ours."""

import collections
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import uuid

import psycopg

from bench import measures
from bench.cpu import Meter, children, family, proportional_bytes
from bench.job import PARTITIONS
from support import services
from support.process import Daemon, wait_until
from support.stack import deps_dir

HERE = pathlib.Path(__file__).parent
NAME = "PySpark"
WARM_UP = 60  # seconds before latency counts: a JVM compiles for long

# The figures that are set against each other.
RATIOS = ("all CPU-s/M", "records/s", "all RSS MiB", "p50 ms", "p99 ms", "p99.9 ms", "again s")


class PySparkJob:
    """What bench.job.Job is for us: one run with a database and a checkpoint of its own. A context manager."""

    def __init__(self, bench, topic, writer):
        self.bench = bench
        self.topic = topic
        self._writer = writer

    def __enter__(self):
        self._name = f"pyspark-{uuid.uuid4().hex[:8]}"
        self.dir = self.bench.dir / "runs" / self._name
        self.dir.mkdir(parents=True)
        # Checkpoints are small files, many of them: they lie in memory, as they would on a fast disk.
        self._scratch = pathlib.Path("/dev/shm") / self._name
        self._scratch.mkdir()
        self.bench.stack.postgres.create_database(self._name)
        self.database_url = self.bench.stack.postgres.url(self._name)
        self.database = psycopg.connect(self.database_url, autocommit=True, application_name="bench")
        self.database.execute((HERE / "tables.sql").read_text())
        self.daemon = Daemon(self.dir / "pyspark.pid")
        return self

    def __exit__(self, *_):
        self.stop()
        self.database.close()
        self.bench.stack.postgres.drop_database(self._name)
        for directory in (self.dir, self._scratch):
            shutil.rmtree(directory, ignore_errors=True)

    def start(self):
        pyspark = deps_dir() / "pyspark"
        python = pyspark / "venv/bin/python"
        command = [python, HERE / "pyspark_job.py", "--bootstrap-servers", self.bench.stack.bootstrap_servers,
                   "--topic", self.topic, "--database-url", self.database_url, "--scratch", self._scratch,
                   "--jars", pyspark / "jars", "--writer", self._writer]
        self.daemon.start(command, self.dir / "pyspark.log", cwd=self.dir,
                          env={**os.environ, "PYSPARK_PYTHON": str(python), "PYTHONPATH": str(HERE)})

    def stop(self):
        if not self.daemon.alive():
            return
        processes = family(self.daemon.pid)
        for pid in processes:
            _signal(pid, signal.SIGTERM)
        self.daemon.stop()
        try:
            wait_until(lambda: not any(map(_runs, processes)), 20, "Spark ends")
        finally:
            for pid in filter(_runs, processes):
                _signal(pid, signal.SIGKILL)

    def wait_ready(self, seconds):
        wait_until((self._scratch / "started").exists, seconds, self._log_tail)

    def positions(self):
        return self.database.execute("SELECT partition, next_offset FROM peer.position", prepare=True).fetchall()

    def landed(self):
        return sum(next_offset for _, next_offset in self.positions())

    def wait_landed(self, records, seconds):
        deadline = time.monotonic() + seconds
        while self.landed() < records:
            if not self.daemon.alive() or time.monotonic() > deadline:
                raise RuntimeError(f"{self.landed()} of {records} records have landed\n{self._log_tail()}")
            time.sleep(0.01)
        return time.monotonic()

    def _log_tail(self):
        text = (self.dir / "pyspark.log").read_text(errors="replace")
        return "\n".join(line[:300] for line in text.splitlines()[-40:])

    def meter(self):
        postmaster, broker = self.bench.stack.postgres.daemon.pid, self.bench.stack.kafka.daemon.pid
        return Meter({
            "spark": lambda: [pid for pid in family(self.daemon.pid) if _is_java(pid)],
            "python": lambda: [pid for pid in family(self.daemon.pid) if not _is_java(pid)],
            "postgres": lambda: [postmaster, *children(postmaster)],
            "kafka": lambda: [broker]})

    def memory(self):
        sizes = {"spark": 0, "python": 0}
        for pid in family(self.daemon.pid):
            sizes["spark" if _is_java(pid) else "python"] += proportional_bytes(pid)
        return sizes

    def verify(self):
        """Each record landed at most once, and only what the contract calls nothing (a tombstone) has no row."""
        rows, distinct = self.database.execute(
            "SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)) FROM "
            "(SELECT kafka_partition, kafka_offset FROM device_data UNION ALL "
            "SELECT kafka_partition, kafka_offset FROM qc_failed_table UNION ALL "
            "SELECT kafka_partition, kafka_offset FROM corrupt_records) every").fetchone()
        if rows != distinct:
            raise RuntimeError(f"PySpark: {rows - distinct} rows are there twice")


def runs_of(options, rates):
    """(title, function of the bench), with the titles of our own measures behind the name."""
    job_of = lambda bench: functools.partial(PySparkJob, bench, writer=options.peer_writer)
    records = options.records
    if "backlog" in options.only:
        yield (f"{NAME}: backlog of {records:,}",
               lambda bench: measures.backlog(bench, records, job_of(bench)))
    if "latency" in options.only:
        for rate in rates:
            yield (f"{NAME}: latency at {rate:,}/s",
                   lambda bench, rate=rate: measures.latency(bench, rate, warm_up=WARM_UP, job_of=job_of(bench)))
    if "start" in options.only:
        yield f"{NAME}: start to first committed row", lambda bench: first_row(bench, job_of(bench))
    if "rules" in options.only:
        yield "DuckDB: rules", lambda bench: rules(bench, "duckdb")
        yield f"{NAME}: rules", lambda bench: rules(bench, "pyspark")
    if "backlog" in options.only:
        yield f"{NAME}: other rows than ours", lambda bench: differences(bench, measures.SMALL * 10, job_of(bench))


def first_row(bench, job_of):
    """The tables are there, and a thousand records wait."""
    samples = [(record.key, record.value) for record in bench.read_some(bench.backlog(measures.SMALL))][:1000]
    topic = f"bench-start-{uuid.uuid4().hex[:8]}"
    bench.kafka.create_topic(topic, PARTITIONS)
    bench.kafka.produce(topic, [(number % PARTITIONS, *sample) for number, sample in enumerate(samples)])
    with job_of(topic) as job:
        started = time.monotonic()
        job.start()
        figures = {"again s": job.wait_landed(1, 120) - started}
    bench.kafka.delete_topics(topic)
    return figures


def rules(bench, engine):
    """Our rules over our rows in another engine (rules.py)."""
    folder = bench.dir / "rules"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([services.bin_dir() / "rule_evaluator_benchmark", "--export", folder], check=True)
    done = subprocess.run([deps_dir() / "pyspark/venv/bin/python", HERE / "rules.py", engine, folder],
                          stdout=subprocess.PIPE, text=True, check=True)
    return {f"{title}, ns/record": nanoseconds for title, nanoseconds in json.loads(done.stdout).items()}


# What makes up a row, apart from when it was written, and from text that is only for reading.
COMPARED = {
    "device_data": ("'clean'", "load_timestamp"),
    "qc_failed_table": ("'failed'", "load_timestamp"),
    "corrupt_records": ("'corrupt: ' || error_reason", "load_timestamp, value_str"),
}


def _columns(database, table, without):
    return [name for name, in database.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY 1", [table]).fetchall()
        if name not in without.split(", ")]


def _rows(database):
    """(partition, offset, where it is, hash of the row), in this order."""
    selects = []
    for table, (kind, without) in COMPARED.items():
        values = ", ".join(_columns(database, table, without))
        selects.append(f"SELECT kafka_partition AS p, kafka_offset AS o, {kind} AS kind, "
                       f"hashtextextended(ROW({values})::text, 0) AS hash FROM {table}")
    with database.transaction(), database.cursor(name="rows") as cursor:
        cursor.itersize = 20_000
        cursor.execute(" UNION ALL ".join(selects) + " ORDER BY 1, 2")
        yield from cursor


def differences(bench, records, job_of):
    """Both jobs over one topic, row by row: what the peer has elsewhere, or otherwise."""
    topic = bench.backlog(records)
    with bench.job(topic) as ours, job_of(topic) as theirs:
        for job in (ours, theirs):
            job.start()
            job.wait_landed(records, 180)
        for table in COMPARED:
            if _columns(ours.database, table, "") != _columns(theirs.database, table, ""):
                raise RuntimeError(f"tables.sql has other columns of {table} than the storage-writer")
        rows = {}
        for partition, offset, kind, digest in _rows(ours.database):
            rows[partition, offset] = (kind, digest)
        found = collections.Counter()
        for partition, offset, kind, digest in _rows(theirs.database):
            expected, value = rows.pop((partition, offset), ("nowhere", None))
            if kind != expected:
                found[f"{expected} -> {kind}"] += 1
            elif digest != value:
                found[f"{kind}, other values"] += 1
        for kind, _ in rows.values():
            found[f"{kind} -> nowhere"] += 1
    return {f"rows of {records:,}": sum(found.values()), **dict(sorted(found.items()))}


def _is_java(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith("/java")
    except OSError:
        return False


def _runs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
