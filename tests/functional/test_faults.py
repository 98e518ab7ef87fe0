"""Every fault label of the simulator: injected, recognised, and landed where the truth says."""

import collections
import json
import re

# What the labels must at least cover; the simulator has some more.
PROMISED = {"broken_json", "missing_field", "extra_field", "wrong_type", "out_of_range", "null", "duplicate", "late",
            "oversize", "bad_utf8"}


def test_every_fault_label(pipeline, chain, simulator, landing, judge):
    profile = (pipeline.folder / "simulator.yaml").read_text()
    labels = set(re.findall(r'^  "?([a-z0-9_]+)"?:', profile[profile.index("\nfaults:"):].split("\n\n")[0], re.M))
    assert PROMISED <= labels, f"not in the profile: {PROMISED - labels}"
    shares = [part for label in sorted(labels)
              for part in ("--fault", f"{label}={'0.1%' if label == 'oversize' else '1%'}")]
    pipeline.create(2, **{"max.message.bytes": "16000000"})
    chain.start()
    load = simulator(10_000, *shares, seed=11)
    load.finish()
    landing.wait_all()
    judge(load.truth)

    verdicts = collections.defaultdict(set)
    with open(load.truth, encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry.get("fault"):
                verdicts[entry["fault"]].add(entry["verdict"])
    assert verdicts.keys() == labels, f"never injected: {labels - verdicts.keys()}"
