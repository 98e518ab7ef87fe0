"""The build with fault points and mistakes (libs/base/fault_point.h), and the names that it knows."""

import os
import pathlib
import re

from support.services import Chain
from support.stack import ROOT

_HEADER = (ROOT / "libs/base/fault_point.h").read_text()


def _names(table):
    """The strings of one of the header's lists."""
    body = re.search(rf"std::string_view {table}\[\] = {{(.*?)^}};", _HEADER, re.S | re.M)[1]
    names = re.findall(r'^ +"([a-z_.]+)",', body, re.M)
    assert names, f"no names in {table}"
    return names


POINTS = _names("kPoints")
MISTAKES = _names("kMistakes")

# Who passes the points of which area.
_AREAS = {"stage": Chain.STAGES, "output": ("ingest-validator", "qc"), "writer": ("storage-writer",),
          "simulator": ("producer-simulator",)}
# How often one may wait for those that are passed once a partition, a second or a start.
ARRIVALS = {"stage.opened": 3, "writer.taken_over": 3, "writer.tables_made": 1, "stage.before_group_commit": 2,
            "stage.after_group_commit": 2, "writer.within_copy": 3, "writer.row_refused": 1, "simulator.spooled": 3,
            "simulator.file_drafted": 5, "simulator.checkpoint_stored": 3, "simulator.truth_stored": 3}


def passes(service, point):
    return service in _AREAS[point.split(".")[0]]


def programs():
    path = pathlib.Path(os.environ.get("SLUICE_FAULTS_BIN_DIR") or ROOT / "build/faults/bin")
    assert (path / "sluice-qc").exists(), f"nothing in {path}: scripts/build faults"
    return path
