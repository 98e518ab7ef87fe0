"""scripts/instructions: how many instructions each stage needs for a record, beside what was committed."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

from support.services import bin_dir
from support.stack import ROOT

BASELINE = ROOT / "bench/instructions.json"
STAGES = ("validate", "check", "write")
RECORDS = 20_000
NOTABLE = 0.05  # a change that is pointed out
TOO_MUCH = 0.25  # more than any noise, and more than a change should cost without saying so


def count(stage, directory):
    """(instructions per record, what the number depends on besides our code)."""
    profile = directory / f"{stage}.callgrind"
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=SluiceMeasured", f"--callgrind-out-file={profile}",
               bin_dir() / "stage_instructions", stage, RECORDS]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=ROOT,
                          # One address space layout, one set of environment variables: the same number every time.
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    collected = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        raise RuntimeError(f"{stage}:\n{done.stdout}{done.stderr}")
    return round(int(collected[1]) / RECORDS, 1), done.stdout.strip()


def judge(counts, baseline):
    """Prints the table; whether every stage is within bounds."""
    fine = True
    print(f"{'stage':<10} {'instructions/record':>20} {'committed':>10} {'change':>8}")
    for stage, now in counts.items():
        before = baseline.get(stage)
        if before is None:
            print(f"{stage:<10} {now:>20,.0f}")
            continue
        change = now / before - 1
        remark = ""
        if change > TOO_MUCH:
            fine = False
            remark = "  too much: make it cheaper, or say why in the commit that updates the baseline"
        elif abs(change) > NOTABLE:
            remark = "  update the baseline when that is meant"
        print(f"{stage:<10} {now:>20,.0f} {before:>10,.0f} {change:>+8.1%}{remark}")
    return fine


def main():
    parser = argparse.ArgumentParser(prog="scripts/instructions")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--dir", type=pathlib.Path, default=ROOT / "build/release/instructions")
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    counts = {}
    for stage in STAGES:
        counts[stage], machine = count(stage, options.dir)
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if options.update:
        BASELINE.write_text(json.dumps({"machine": machine, "instructions_per_record": counts}, indent=2) + "\n")
    same = baseline.get("machine") == machine
    if baseline and not same:
        print(f"The committed numbers are of {baseline['machine']}, these of {machine}: not comparable.")
    fine = judge(counts, baseline["instructions_per_record"] if same else {})
    print(f"profiles: callgrind_annotate {options.dir}/STAGE.callgrind")
    return 0 if fine or options.update else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RuntimeError as problem:
        sys.exit(f"instructions: {problem}")
