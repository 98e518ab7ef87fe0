"""scripts/quickstart: the whole chain on this machine, from an empty directory to a verified report."""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import psycopg

from support import services
from support.admin import Admin
from support.kafka import Kafka
from support.pipeline import find_pipeline
from support.process import is_free
from support.services import Service
from support.stack import ROOT, Stack

STALLED_AFTER = 60  # seconds without any progress
# Throughput is measured with as many records as the machine takes, latency with the last ones, which come steadily:
# at full speed records wait in Kafka for their turn, and that time says nothing about the chain.
STEADY_RATE = 1000
STEADY_RECORDS = 5000
NOT_SHOWN = {"kafka_partition", "kafka_offset", "load_timestamp", "raw", "raw_length", "raw_sha256", "record_timestamp",
             "contract_id", "failed_rules", "qc_status"}
DEFAULT_PORTS = {"producer-simulator": 1, "ingest-validator": 2, "qc": 3, "storage-writer": 4}


def say(text=""):
    print(text, file=sys.stderr, flush=True)


class Progress:
    """One line that renews itself on a terminal; elsewhere a new line every few seconds."""

    def __init__(self):
        self._live = sys.stderr.isatty()
        self._next = 0.0

    def show(self, text):
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.2 if self._live else 2)
        if self._live:
            print(f"\r\033[K  {text}", end="", file=sys.stderr, flush=True)
        else:
            say(f"  {text}")

    def done(self, text):
        say(f"\r\033[K  {text}" if self._live else f"  {text}")


class Quickstart:
    def __init__(self, options):
        self._options = options
        self._pipeline = find_pipeline(options.pipeline)
        self._dir = pathlib.Path(options.dir).resolve()
        self._truth = None if options.input else self._dir / "truth.ndjson"
        self._services = []
        self._caught_up_at = self._rate = None

    def run(self):
        started = time.monotonic()
        self._replace_earlier()
        self._stack = Stack(self._dir)
        try:
            report = self._stream()
            report["seconds"] = round(time.monotonic() - started, 1)
            return report
        finally:
            if not self._options.keep:
                self._stack.down()

    def _replace_earlier(self):
        """Every run begins with nothing, so that its numbers are its own."""
        if self._dir.exists():
            Stack(self._dir).down(wipe=True)

    def _stream(self):
        say("Starting Kafka and PostgreSQL")
        self._stack.up()
        self._kafka = Kafka(self._stack.bootstrap_servers)
        self._sluicectl("migrate")
        self._kafka.create_topic(self._pipeline.source_topic, self._options.partitions)
        say("Starting ingest-validator, qc and storage-writer")
        for name in ("ingest-validator", "qc", "storage-writer"):
            self._start(name)
        for service in self._services:
            service.wait_ready(60)
        what = self._options.input or f"{self._options.records:,} generated records"
        say(f"Streaming {what} into {self._pipeline.source_topic}")
        simulator = self._start("producer-simulator", self._simulator_flags())
        simulator.wait_ready(60)
        begun = time.monotonic()
        with Admin(simulator.admin_address) as admin:
            admin.call("Burst", "sluice.admin.v1.SimulatorService", records=self._burst)
        self._wait_landed(simulator, begun)
        say("Verifying every record")
        verified, differences = self._verify()
        return self._report(verified, differences)

    def _simulator_flags(self):
        options = self._options
        total = sum(1 for _ in open(options.input, "rb")) if options.input else options.records
        self._burst = max(1, total - min(STEADY_RECORDS, total // 4))
        flags = ["--rate", STEADY_RATE, "--exit-when-done", "--data-dir", self._dir / "simulator"]
        if options.input:
            return [*flags, "--input", pathlib.Path(options.input).resolve()]
        return [*flags, "--records", options.records, "--seed", options.seed, "--truth", self._truth]

    def _start(self, name, flags=()):
        service = Service(name, self._pipeline, self._stack, self._dir / "services", name, flags)
        # The default ports where they are free: then sluicectl finds the services without being told.
        digit = DEFAULT_PORTS[name]
        if is_free(7100 + digit) and is_free(9100 + digit):
            service.fixed_addresses = f"127.0.0.1:{7100 + digit}", f"127.0.0.1:{9100 + digit}"
        service.start(ready_within=None)
        self._services.append(service)
        return service

    def _sluicectl(self, *arguments):
        environment = {**os.environ, **self._stack.environment()}
        done = subprocess.run([services.bin_dir() / "sluicectl", *map(str, arguments)], env=environment, check=False,
                              capture_output=True, text=True)
        if done.returncode not in (0, 1) or (done.returncode and arguments[0] == "migrate"):
            raise RuntimeError(f"sluicectl {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done

    def _position(self, database):
        """Source records that PostgreSQL accounts for, per partition."""
        return dict(database.execute(
            "SELECT partition, next_offset FROM sluice.coverage WHERE pipeline = %s AND topic = %s AND next_offset IS NOT NULL",
            [self._pipeline.name, self._pipeline.source_topic]).fetchall())

    def _wait_landed(self, simulator, begun):
        progress, moved, before = Progress(), time.monotonic(), None
        with psycopg.connect(self._stack.database_url, autocommit=True) as database:
            while True:
                sending = simulator.daemon.alive()
                ends = {partition: end for partition, (_, end) in
                        self._kafka.offsets(self._pipeline.source_topic).items()}
                positions = self._position(database)
                now, state = time.monotonic(), (ends, positions)
                sent, landed = sum(ends.values()), sum(positions.values())
                if landed >= self._burst and self._caught_up_at is None:
                    self._caught_up_at, self._rate = time.time(), landed / (now - begun)
                    progress.done(f"{landed:,} records have landed within {now - begun:.1f} s: {self._rate:,.0f} records/s")
                    say(f"Streaming the others at {STEADY_RATE:,} records/s, to measure latency")
                if self._caught_up_at is None:
                    progress.show(f"sent {sent:,}   landed {landed:,}   {landed / (now - begun):,.0f} records/s")
                else:
                    progress.show(f"sent {sent:,}   landed {landed:,}")
                if not sending:
                    if simulator.daemon.returncode != 0:
                        raise RuntimeError(f"the simulator failed:\n{simulator.log_tail()}")
                    if all(positions.get(partition, 0) >= end for partition, end in ends.items()):
                        progress.done(f"all {landed:,} records have landed")
                        return
                if state != before:
                    before, moved = state, now
                self._check_services(now - moved)
                time.sleep(0.05)

    def _check_services(self, stalled):
        for service in self._services:
            if not service.daemon.alive() and service.name != "producer-simulator":
                raise RuntimeError(f"{service.name} ended:\n{service.log_tail()}")
        if stalled > STALLED_AFTER:
            logs = "\n".join(f"--- {service.name}\n{service.log_tail(8)}" for service in self._services)
            raise RuntimeError(f"nothing has moved for {STALLED_AFTER} s; the ends of the logs:\n{logs}")

    def _verify(self):
        truth = ["--truth", self._truth] if self._truth else []
        done = self._sluicectl("verify", "--pipeline", self._pipeline.folder, *truth)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return done.returncode == 0, [] if done.returncode == 0 else lines

    def _report(self, verified, differences):
        say("Measuring latency")
        with psycopg.connect(self._stack.database_url, autocommit=True) as database:
            self._tables = self._claimed_tables(database)
            verdicts = self._verdicts(database)
            p50, p99 = self._latency(database)
            self._samples = self._sample_rows(database)
        sent = sum(end for _, end in self._kafka.offsets(self._pipeline.source_topic).values())
        return {
            "pipeline": self._pipeline.name, "records_sent": sent, "verdicts": verdicts, "verified": verified,
            "differences": differences, "records_per_second": round(self._rate or 0),
            "latency_ms": {"p50": p50, "p99": p99}, "database_url": self._stack.database_url,
            "bootstrap_servers": self._stack.bootstrap_servers,
        }

    def _claimed_tables(self, database):
        rows = database.execute("SELECT role, format('%%I.%%I', table_schema, table_name) FROM sluice.targets "
                                "WHERE pipeline = %s AND role <> 'audit'", [self._pipeline.name]).fetchall()
        return dict(sorted(rows, key=lambda row: ("clean", "failed", "corrupt").index(row[0])))

    def _verdicts(self, database):
        names = ["clean", "failed", "corrupt", "duplicate", "late", "filtered", "tombstone", "lost"]
        sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in names)
        row = database.execute(f"SELECT {sums} FROM sluice.ledger WHERE pipeline = %s", [self._pipeline.name]).fetchone()
        return dict(zip(names, row))

    def _latency(self, database):
        """From the time that Kafka stored a record to the time that its row was loaded: the steady part."""
        since = (self._caught_up_at or 0) * 1000
        written = {(record.partition, record.offset): record.timestamp_ms
                   for record in self._kafka.read(self._pipeline.source_topic) if record.timestamp_ms > since}
        waits = []
        for table in self._tables.values():
            rows = database.execute(
                f"SELECT kafka_partition, kafka_offset, extract(epoch FROM load_timestamp)::float8 * 1000 FROM {table}")
            waits += [loaded - written[partition, offset] for partition, offset, loaded in rows
                      if (partition, offset) in written]
        waits.sort()
        if not waits:
            return None, None
        return tuple(round(waits[min(len(waits) - 1, int(len(waits) * share))], 1) for share in (0.50, 0.99))

    def _sample_rows(self, database):
        samples = {}
        for verdict, table in self._tables.items():
            with database.execute(f"SELECT * FROM {table} ORDER BY kafka_offset LIMIT 3") as cursor:
                samples[table] = [column.name for column in cursor.description], cursor.fetchall()
        return samples

    def print_report(self, report):
        say()
        self._print_numbers(report)
        self._print_samples()
        self._print_next(report)

    def _print_numbers(self, report):
        tables = self._tables
        say(f"Sluice quickstart: {report['pipeline']}")
        say(f"  {report['records_sent']:,} records from Kafka to PostgreSQL at {report['records_per_second']:,} records/s")
        latency = report["latency_ms"]
        if latency["p50"] is not None:
            say(f"  from stored in Kafka to loaded in PostgreSQL: half within {latency['p50']:,.0f} ms, "
                f"99 % within {latency['p99']:,.0f} ms (at a steady {STEADY_RATE:,} records/s)")
        say()
        say("  verdict        records  where")
        for verdict, count in report["verdicts"].items():
            if count or verdict in tables:
                say(f"  {verdict:<10} {count:>11,}  {tables.get(verdict, 'counted in sluice.ledger')}")
        say()
        if report["verified"]:
            against = "its verdict is the one the truth file promises" if self._truth else "coverage and ledger agree"
            say(f"  Verified: each record has exactly one outcome, and {against}.")
        else:
            say("  NOT VERIFIED:")
            for line in report["differences"][:20]:
                say(f"    {line}")

    def _print_samples(self):
        for table, (names, rows) in self._samples.items():
            if not rows:
                continue
            say(f"\n  {table}")
            # Why a record is here comes first, then as many of its values as fit.
            why = [name for name in ("qc_summary", "error_reason") if name in names]
            shown = [names.index(name) for name in why]
            shown += [index for index, name in enumerate(names) if name not in NOT_SHOWN and index not in shown][:7 - len(why)]
            cells = [[names[index] for index in shown], *([_cell(row[index]) for index in shown] for row in rows)]
            widths = [max(len(line[column]) for line in cells) for column in range(len(shown))]
            for line in cells:
                say("    " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())

    def _print_next(self, report):
        say("\n  Where to look next")
        if self._options.keep:
            url, bin_dir = report["database_url"], os.path.relpath(services.bin_dir())
            say(f"    psql {url}")
            say(f"    set -a; . {os.path.relpath(self._dir / 'stack.env')}     # addresses for the commands below")
            say(f"    {bin_dir}/sluicectl status")
            say(f"    {bin_dir}/sluicectl explain --pipeline {os.path.relpath(self._pipeline.folder)} --partition 0 --offset 0")
            say(f"    scripts/stack down --dir {os.path.relpath(self._dir)}     # ends everything")
            say(f"  Kafka: {report['bootstrap_servers']}   logs: {os.path.relpath(self._dir)}/services/*.log")
        else:
            say("    scripts/quickstart --keep      leaves all of this running, to look around in")
            say("    scripts/quickstart --input FILE.ndjson      the same with your own records")
        say("    README.md      how to bring your own topic and contract")


def _cell(value):
    if isinstance(value, datetime.datetime):
        value = value.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "")
    text = "" if value is None else str(value).replace("\n", " ")
    return text if len(text) <= 32 else text[:31] + "…"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="scripts/quickstart",
        description="Streams records through a private Kafka, Sluice and a private PostgreSQL, and verifies every one.",
        epilog="Installs and builds first what is missing. Exit status 0 only if everything was verified.")
    parser.add_argument("--records", type=int, default=200_000, help="how many to generate (default: 200000)")
    parser.add_argument("--pipeline", default="telemetry", help="a name in pipelines/, or a folder (default: telemetry)")
    parser.add_argument("--input", metavar="FILE.ndjson", help="stream these records instead of generated ones")
    parser.add_argument("--partitions", type=int, default=4, help="of the source topic (default: 4)")
    parser.add_argument("--seed", type=int, default=1, help="of the generated records and faults (default: 1)")
    parser.add_argument("--keep", action="store_true", help="leave everything running, and say where")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object on standard output")
    parser.add_argument("--dir", default=ROOT / ".run/quickstart", help="where its state lies (default: .run/quickstart)")
    options = parser.parse_args(arguments)
    if options.records < 1 or options.partitions < 1:
        parser.error("--records and --partitions must be at least 1")
    if options.input and not pathlib.Path(options.input).is_file():
        parser.error(f"there is no file {options.input}")
    try:
        quickstart = Quickstart(options)
    except FileNotFoundError as problem:
        parser.error(str(problem))
    try:
        report = quickstart.run()
    except (RuntimeError, AssertionError, psycopg.Error) as problem:
        sys.exit(f"quickstart: {problem}")
    quickstart.print_report(report)
    if options.json:
        print(json.dumps(report))
    return 0 if report["verified"] else 1


if __name__ == "__main__":
    sys.exit(main())
