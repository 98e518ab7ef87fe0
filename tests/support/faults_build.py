"""The build with fault points and mistakes (libs/base/fault_point.h), and the names that it knows."""

import os
import pathlib
import re

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


def programs():
    path = pathlib.Path(os.environ.get("SLUICE_FAULTS_BIN_DIR") or ROOT / "build/faults/bin")
    assert (path / "sluice-qc").exists(), f"nothing in {path}: scripts/build faults"
    return path
