"""What is measured. Each function is one run over a fresh pipeline and returns figure -> value."""

import json
import multiprocessing
import subprocess
import time
import uuid

from support import services
from support.process import wait_until

from bench.cpu import cpu_seconds_of
from bench.job import PARTITIONS
from bench.open_loop import Arrivals, send

SMALL = 20_000  # records: enough for the measures that are not about throughput


def backlog(bench, records, job_of=None):
    """A job drains a topic: cost, speed and memory, and of the second half alone. Every record is verified afterwards."""
    with (job_of or bench.job)(bench.backlog(records)) as job:
        whole, second = job.meter(), job.meter()
        whole.begin()
        started = time.monotonic()
        job.start()
        half = job.wait_landed(records // 2, 120 + records / 10_000)
        second.begin()
        left = records - job.landed()
        done = job.wait_landed(records, 120 + records / 10_000)
        used, others = whole.end()
        used_later, _ = second.end()
        memory = job.memory()
        job.verify()
    figures = {f"{name} CPU-s/M": seconds / records * 1e6 for name, seconds in used.items()}
    figures["all CPU-s/M"] = sum(figures.values())
    figures["second half: all CPU-s/M"] = sum(used_later.values()) / left * 1e6
    figures["records/s"] = records / (done - started)
    figures["second half: records/s"] = left / (done - half)
    figures |= {f"{name} RSS MiB": size / (1 << 20) for name, size in memory.items()}
    figures["all RSS MiB"] = sum(memory.values()) / (1 << 20)
    figures["cores of others"] = others
    return figures


def warm_up(bench, records):
    """Until the broker's cost stands still for three runs: one that has just started mostly compiles itself."""
    best, still = float("inf"), 0
    for _ in range(12):
        cost = backlog(bench, records)["kafka CPU-s/M"]
        still = still + 1 if cost > 0.95 * best else 0
        best = min(best, cost)
        if still == 3:
            return


def latency(bench, rate, seconds=20, warm_up=8, job_of=None):
    """From the instant a record was due to be sent until its commit is seen, at a steady rate (open loop)."""
    samples = [(record.key, record.value) for record in bench.read_some(bench.backlog(SMALL))]
    topic = f"bench-latency-{uuid.uuid4().hex[:8]}"
    bench.kafka.create_topic(topic, PARTITIONS)
    with (job_of or bench.job)(topic) as job:
        job.start()
        job.wait_ready(60)
        start = time.monotonic() + 1
        total = int(rate * (warm_up + seconds))
        sender = multiprocessing.get_context("fork").Process(
            target=send, args=(bench.stack.bootstrap_servers, topic, samples, rate, start, total))
        meter = job.meter()
        meter.begin()
        sender.start()
        arrivals = Arrivals(job, start, rate, PARTITIONS)
        arrivals.observe(total, timeout=warm_up + seconds + 60)
        used, others = meter.end()
        sender.join()
        if sender.exitcode != 0:
            raise RuntimeError("the sender failed")
        job.verify()
    bench.kafka.delete_topics(topic)
    waits = sorted(arrivals.waits(int(rate * warm_up)))
    figures = {f"p{name} ms": waits[min(len(waits) - 1, int(len(waits) * share))] * 1000
               for name, share in (("50", 0.5), ("99", 0.99), ("99.9", 0.999))}
    figures |= {f"{name} CPU-s/M": seconds / total * 1e6 for name, seconds in used.items()}
    figures["cores of others"] = others
    return figures


def start(bench):
    """From the start of the three processes to the first committed row: for a new pipeline, and for one that goes on."""
    samples = [(record.key, record.value) for record in bench.read_some(bench.backlog(SMALL))]
    topic = f"bench-start-{uuid.uuid4().hex[:8]}"
    bench.kafka.create_topic(topic, PARTITIONS)
    figures = {}
    with bench.job(topic) as job:
        for count, figure in enumerate(("new pipeline s", "again s"), 1):
            bench.kafka.produce(topic, [(number % PARTITIONS, *samples[number]) for number in range(1000)])
            landed = job.landed()
            started = time.monotonic()
            job.start()
            figures[figure] = job.wait_landed(landed + 1, 60) - started
            job.wait_landed(1000 * count, 60)
            job.chain.stop()
            job.chain.services.clear()
        job.verify()
    bench.kafka.delete_topics(topic)
    return figures


def sink(bench, records):
    """The writer over batches that are all there, against psql's binary \\copy of the same rows into the same tables."""
    figures = {}
    with bench.job(bench.backlog(records)) as job:
        job.start("ingest-validator", "qc")
        qc = job.service("qc")
        qc.wait_ready(60)
        wait_until(lambda: qc.metric("sluice_records_total") >= records, 60 + records / 10_000,
                   lambda: f"qc has judged all\n{qc.log_tail()}", 0.1)
        job.start("storage-writer")
        meter = job.meter()
        first = job.wait_landed(1, 60)
        meter.begin()
        before = job.landed()
        done = job.wait_landed(records, 60 + records / 10_000)
        figures["writer rows/s"] = (records - before) / (done - first)
        figures["writer's session CPU-s/M"] = meter.end()[0]["postgres session"] / (records - before) * 1e6
        job.verify()
        job.chain.stop()
        tables = [table for table, in job.database.execute(
            "SELECT format('%I.%I', table_schema, table_name) FROM sluice.targets WHERE role <> 'audit'").fetchall()]
        psql = ["psql", "-X", "-q", job.database_url]
        for number, table in enumerate(tables):
            _run([*psql, "-c", f"\\copy (SELECT * FROM {table}) TO '{job.dir}/{number}.bin' (FORMAT binary)"])
        job.database.execute(f"TRUNCATE {', '.join(tables)}")
        commands = [f"\\copy {table} FROM '{job.dir}/{number}.bin' (FORMAT binary)" for number, table in enumerate(tables)]
        # The session says itself what it has used.
        statistics = "SELECT pg_read_file('/proc/self/stat')"
        begun = time.monotonic()
        printed = _run([*psql, "-1", "-A", "-t", *(part for command in [*commands, statistics] for part in ("-c", command))])
        figures["\\copy rows/s"] = records / (time.monotonic() - begun)
        figures["\\copy's session CPU-s/M"] = cpu_seconds_of(printed) / records * 1e6
    figures["writer / \\copy"] = figures["writer rows/s"] / figures["\\copy rows/s"]
    return figures


def micro():
    """The pieces of the data path by themselves, on the telemetry job's records, everything in the processor's caches."""
    figures = {}
    for program in sorted(services.bin_dir().glob("*_benchmark")):
        for name, nanoseconds in _per_record(program).items():
            figures[f"{name} ns/record"] = nanoseconds
            figures[f"{name} CPU-s/M"] = nanoseconds / 1000
    return figures


def rules():
    """Sets of rules over a batch in the processor's caches, as it is in qc."""
    return {f"{name}, ns/record": nanoseconds
            for name, nanoseconds in _per_record(services.bin_dir() / "rule_evaluator_benchmark").items()}


def _per_record(benchmark):
    """CPU nanoseconds a record of everything that a program measures."""
    done = _run([benchmark, "--benchmark_format=json"])
    return {result["name"]: result["cpu_time"] / result["records"] for result in json.loads(done)["benchmarks"]}


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout
