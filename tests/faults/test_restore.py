"""PostgreSQL put back to an older state, as after a restored backup, while the services run on."""

import datetime
import shutil
import subprocess

import pytest

from support.stack import Postgres


@pytest.fixture
def postgres(tmp_path):
    """A server of its own: nobody else's rows go back in time."""
    directory = tmp_path / "postgres"
    directory.mkdir()
    server = Postgres(directory)
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
def database_url(postgres):
    return postgres.url()


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)


def test_restored_to_an_older_snapshot(rounds, postgres, landing, load, pipeline, wait_for_a_moment, finish):
    """Rows and position are in one transaction, so they go back together; the log has everything since."""
    snapshot = postgres.data.with_name("snapshot")
    for number in rounds:
        wait_for_a_moment()
        landing.close()
        postgres.stop()
        copy(postgres.data, snapshot)
        postgres.start()
        before = landing.positions()
        landing.wait_for(sum(before.values()) + 5000)
        landing.close()
        postgres.stop(9 if number % 2 else 2)
        copy(snapshot, postgres.data)
        restored_at = datetime.datetime.now(datetime.timezone.utc)
        postgres.start()
        landing.wait_for(sum(before.values()) + 5000)
        assert landing.query("SELECT count(*) FROM sluice.ledger WHERE pipeline = %s AND partition = 1 AND first_offset > %s "
                             "AND committed_at < %s", [pipeline.name, before[1] + 1000, restored_at]) == [(0,)]
    finish()
