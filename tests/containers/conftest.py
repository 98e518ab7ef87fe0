"""The suite in containers, once for all tests of this folder; scripts/test-containers starts them.

The tests run in the order in which they are written, on one deployment that lives through all of them, as a real one
would. Each leaves it running, without load.
"""

import os
import pathlib

import pytest

from containers.deployment import Deployment


@pytest.fixture(scope="session")
def deployment(tmp_path_factory):
    project = os.environ.get("SLUICE_CONTAINERS_PROJECT", "sluice-test")
    deployment = Deployment(project, pathlib.Path(os.environ["SLUICE_CONTAINERS_ENV"]), tmp_path_factory.mktemp("containers"))
    deployment.down(wipe=True)  # what an earlier run that was cut off may have left
    yield deployment
    deployment.close()
    if "SLUICE_CONTAINERS_KEEP" not in os.environ:
        deployment.down(wipe=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """The end of each container's log belongs to a failure."""
    report = (yield).get_result()
    running = getattr(item, "funcargs", {}).get("deployment")
    if report.failed and running is not None:
        report.sections.append(("docker compose ps", running.compose("ps", "--all", check=False).stdout))
        report.sections.append(("logs", running.compose("logs", "--no-color", "--tail", "15", check=False).stdout))
