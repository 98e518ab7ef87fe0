"""What `sluicectl contract test` says of a sample, without any service."""

import json
import subprocess

from support import services


def outcomes(pipeline, sample, folder):
    """(verdict, reason, what it is about) of each record; one of them at least is not clean."""
    done = subprocess.run([services.bin_dir() / "sluicectl", "contract", "test", pipeline, "--sample", sample, "--records", folder / "records"],
                          env={"TZ": "UTC"}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in (folder / "records").read_text().splitlines()]
    return [(line["verdict"], line["reason"], line["column"]) for line in lines]


def find(tree, key):
    """The first object in parsed JSON that has this key."""
    if isinstance(tree, dict):
        if key in tree:
            return tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for item in tree:
            found = find(item, key)
            if found is not None:
                return found
    return None
