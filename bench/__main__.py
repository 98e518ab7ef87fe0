"""scripts/bench: runs the measures and prints the table."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import sys

import psycopg

from bench import measures
from bench.job import Bench
from bench.peer import measures as peer
from support.stack import ROOT

PARTS = ("backlog", "growth", "latency", "start", "sink", "micro", "rules")
ALONE = {"micro", "rules"}  # without Kafka and PostgreSQL
RATES = (5_000, 20_000)


def say(text=""):
    print(text, file=sys.stderr, flush=True)


def runs_of(options):
    """(title, function of the bench) of everything that was asked for."""
    records = options.records
    if "backlog" in options.only:
        yield f"backlog of {records:,}", lambda bench: measures.backlog(bench, records)
    if "growth" in options.only:
        yield f"backlog of {5 * records:,}", lambda bench: measures.backlog(bench, 5 * records)
    if "latency" in options.only:
        for rate in RATES:
            yield f"latency at {rate:,}/s", lambda bench, rate=rate: measures.latency(bench, rate)
    if "start" in options.only:
        yield "start to first committed row", measures.start
    if "sink" in options.only:
        yield f"sink, {records // 2:,} rows", lambda bench: measures.sink(bench, records // 2)
    if "micro" in options.only:
        yield "micro-benchmarks", lambda _: measures.micro()
    if "rules" in options.only:
        yield "rules", lambda _: measures.rules()
    if options.peer:
        yield from peer.runs_of(options, RATES)


def measure(bench, options):
    results = {}
    if {"backlog", "growth", "latency", "sink"} & set(options.only):
        say("Warming up: a broker that has just started compiles its own code first")
        measures.warm_up(bench, options.records)
    for title, run in runs_of(options):
        for number in range(options.runs):
            say(f"{title}: run {number + 1} of {options.runs}")
            figures = run(bench)
            say("  " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
            for name, value in figures.items():
                results.setdefault(title, {}).setdefault(name, []).append(value)
    return results


def number(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def print_table(results):
    print("| measure | median | min | max |\n|---|---:|---:|---:|")
    for title, figures in results.items():
        print(f"| **{title}** | | | |")
        for name, values in figures.items():
            print(f"| {name} | {number(statistics.median(values))} | {number(min(values))} | {number(max(values))} |")


def print_ratios(results):
    print("\n| peer: measure, medians | Sluice | peer | ratio |\n|---|---:|---:|---:|")
    for title, theirs in results.items():
        peer_name, _, measure = title.rpartition(": ")
        ours = results.get(measure, {}) if peer_name else {}
        for name in ours if measure == "rules" else peer.RATIOS:
            if name in ours and name in theirs:
                one, other = statistics.median(ours[name]), statistics.median(theirs[name])
                print(f"| {title}: {name} | {number(one)} | {number(other)} | {other / one:.2f} |")


def machine():
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--only", default=",".join(PARTS), type=lambda text: text.split(","))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--peer", choices=["pyspark"])
    parser.add_argument("--peer-writer", choices=["copy", "jdbc"], default="copy")
    parser.add_argument("--batch-age", metavar="DURATION")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--dir", default=ROOT / ".run/bench")
    parser.add_argument("--wipe", action="store_true")
    options = parser.parse_args()
    unknown = set(options.only) - set(PARTS)
    if unknown:
        parser.error(f"--only knows {', '.join(PARTS)}; not {', '.join(sorted(unknown))}")
    bench = Bench(options.dir, options.batch_age)
    try:
        if set(options.only) - ALONE:
            bench.up()
        results = measure(bench, options)
    finally:
        bench.down(options.wipe)
    when = datetime.date.today().isoformat()
    print(f"Measured on {when}: {machine()}, everything on it; {options.runs} runs.\n")
    print_table(results)
    if options.peer:
        print_ratios(results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"date": when, "machine": machine(), "figures": results}, indent=1))


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, AssertionError, psycopg.Error) as problem:
        sys.exit(f"bench: {problem}")
