"""PostgreSQL in every kind of trouble under load: the writer waits, with bounded memory, and goes on exactly."""

import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import threading
import time
import uuid

import psycopg
import pytest

from support.process import wait_until
from support.proxy import TO_CLIENT, TO_SERVER, Proxy


@pytest.fixture
def writer(chain, load):
    return chain.of("storage-writer")[0]


@pytest.fixture
def proxy(stack, chain):
    """Between the writer and PostgreSQL. It has to stand before the load."""
    with Proxy(stack.postgres.port) as proxy:
        chain.database_url = re.sub(r":\d+/", f":{proxy.port}/", chain.database_url)
        yield proxy


@pytest.fixture
def session(database_url):
    """A user's own session with the database, not in a transaction of its own accord."""
    with psycopg.connect(database_url, autocommit=True) as session:
        yield session


def wait_for_readiness(writer, ready, seconds=5):
    """It follows within five seconds, both ways."""
    wait_until(lambda: writer.ready() == ready, seconds,
               lambda: f"the writer is {'' if ready else 'not '}ready: {writer.http('/readyz')}", 0.05)


def test_down(rounds, writer, landing, finish, stack):
    """For longer than any backoff: not ready, but alive."""
    landing.wait_for(10_000)
    stack.postgres.stop()
    landing.close()
    wait_for_readiness(writer, False)
    time.sleep(60 if rounds.long else 5)  # the outage itself
    assert not writer.ready()
    stack.postgres.start()
    wait_for_readiness(writer, True)
    finish()


def test_immediate_stop(rounds, wait_for_a_moment, landing, finish, stack):
    """Every session dies in the middle of whatever it did, and PostgreSQL recovers from its log."""
    for _ in rounds:
        wait_for_a_moment()
        stack.postgres.stop(signal.SIGQUIT)
        landing.close()
        stack.postgres.start()
    finish()


def test_kill(rounds, wait_for_a_moment, landing, finish, stack):
    for _ in rounds:
        wait_for_a_moment()
        stack.postgres.daemon.stop(signal.SIGKILL)
        landing.close()
        stack.postgres.start()
    finish()


class CommitStrike:
    """Hook of the proxy: strikes once at a COMMIT of the writer, when armed. Every session's backend is known by pid."""

    def __init__(self, how, chance):
        self._how = how
        self._chance = chance
        self._armed = threading.Event()
        self._blow = threading.Lock()  # a session whose reply was cut ends by itself: it is not killed then
        self.struck = threading.Event()
        self.crashed = False  # PostgreSQL ends every session when a backend is killed

    def arm(self):
        self.struck.clear()
        self.crashed = False
        self._armed.set()

    def __call__(self, link, direction, data):
        if direction == TO_CLIENT:
            key = data.find(b"K\0\0\0\x0c")  # BackendKeyData, once at the begin
            if key >= 0 and "backend" not in link.state:
                link.state["backend"] = struct.unpack_from(">i", data, key + 5)[0]
            if not link.state.get("lost"):
                return data
            with self._blow:
                link.state["over"] = True
                link.cut()  # the reply to COMMIT
            self.struck.set()
            return None
        if data == b"Q\0\0\0\x0bCOMMIT\0" and self._armed.is_set():
            self._armed.clear()
            if self._how == "the request is lost":
                link.cut()
                self.struck.set()
                return None
            link.state["lost"] = True
            if self._how != "the reply is lost":
                number = signal.SIGTERM if self._how == "the session is ended" else signal.SIGKILL
                threading.Timer(self._chance.uniform(0, 0.05), self._kill, [link.state, number]).start()
        return data

    def _kill(self, state, number):
        with self._blow:
            if state.get("over"):
                return
            try:
                os.kill(state["backend"], number)
                self.crashed = number == signal.SIGKILL
            except ProcessLookupError:
                pass
        self.struck.set()


@pytest.fixture(params=["the request is lost", "the reply is lost", "the session is ended", "the backend is killed"])
def strike(request, chance, proxy):
    proxy.hook = strike = CommitStrike(request.param, chance)  # before the writer connects: it learns the backends' pids
    return strike


def test_during_commit(strike, rounds, database_url, session, wait_for_a_moment, landing, finish):
    """Whether that COMMIT counted, the writer cannot know; it takes over again and asks."""
    # A COMMIT then takes 50 ms, so that a blow falls into it.
    for setting in ("commit_delay = 50000", "commit_siblings = 0"):
        session.execute(f"ALTER DATABASE {database_url.rpartition('/')[2]} SET {setting}")
    for _ in rounds:
        wait_for_a_moment()
        landing.positions()
        strike.arm()
        assert strike.struck.wait(30), "no COMMIT was struck"
        if strike.crashed:  # it takes a moment until it notices
            wait_until(lambda: answers(landing) is None, 30, "PostgreSQL has ended the other sessions, too")
        landing.close()
        wait_until(lambda: answers(landing), 30, "PostgreSQL has recovered")
    wait_for_a_moment()
    finish()


def answers(landing):
    """When one backend is killed, PostgreSQL ends all of them."""
    try:
        return landing.positions()
    except psycopg.OperationalError:
        return None


def test_silence(rounds, proxy, writer, landing, finish):
    """The network swallows everything: no reset, no refusal. What was held arrives later, when nobody wants it any more."""
    for seconds in (45, 5) if rounds.long else (6,):
        landing.wait_for(landing.landed() + 3000)
        proxy.hold()
        wait_for_readiness(writer, False)
        time.sleep(seconds)
        proxy.forward()
        wait_for_readiness(writer, True, 10)
    finish()


OWN_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'sluice%%'"


def test_out_of_connections(rounds, writer, session, database_url, landing, finish, stack):
    """Somebody takes every connection (SQLSTATE 53300), also those reserved for superusers, which the writer is here."""
    landing.wait_for(3000)
    landing.close()
    taken = []
    try:
        def take_all():
            """The writer's too: it is ended, and taken from it."""
            for pid, in session.execute(OWN_SESSIONS).fetchall():
                session.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            try:
                while True:
                    taken.append(psycopg.connect(stack.postgres.url("postgres")))
            except psycopg.OperationalError as full:
                assert "too many clients" in str(full), full
            return not session.execute(OWN_SESSIONS).fetchall()

        wait_until(take_all, 30, "no connection is left")
        wait_for_readiness(writer, False)
        # At first it says that its connection was ended, then why there is no other. A session that is still ending may
        # leave it one: that is taken, too.
        wait_until(lambda: take_all() and "53300" in writer.http("/readyz")[1], 30, lambda: writer.http("/readyz")[1])
        time.sleep(20 if rounds.long else 2)  # the shortage itself
        assert not writer.ready()
    finally:
        for connection in taken:
            connection.close()
    wait_for_readiness(writer, True)
    finish()


@pytest.fixture
def small_disk(stack, session, database_url, tmp_path):
    """The tables of this test's database are made on a disk of their own, of 64 MB. `fill()` it, `clear()` it."""
    where = pathlib.Path(f"/var/tmp/sluice-small-{uuid.uuid4().hex[:8]}")
    where.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "sluice-test", where], check=False).returncode != 0:
        where.rmdir()
        pytest.skip("a small disk cannot be mounted here: needs root")
    name = where.name.replace("-", "_")
    try:
        shutil.chown(where, "postgres")
        (where / "space").mkdir()
        shutil.chown(where / "space", "postgres")
        session.execute(f"CREATE TABLESPACE {name} LOCATION '{where}/space'")
        session.execute(f"ALTER DATABASE {database_url.rpartition('/')[2]} SET default_tablespace = {name}")
        yield SmallDisk(where)
    finally:
        session.execute("DROP SCHEMA public, sluice CASCADE")
        session.execute(f"DROP TABLESPACE IF EXISTS {name}")
        subprocess.run(["umount", where], check=True)
        where.rmdir()


class SmallDisk:
    def __init__(self, where):
        self._ballast = where / "ballast"

    def fill(self):
        with open(self._ballast, "wb") as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 16))
            except OSError:
                pass

    def clear(self):
        self._ballast.unlink()


def test_disk_full(small_disk, rounds, writer, session, landing, finish):
    """SQLSTATE 53100 in the middle of a COPY; then there is room again."""
    for _ in range(3 if rounds.long else 1):
        landing.wait_for(landing.landed() + 3000)
        small_disk.fill()
        wait_for_readiness(writer, False, 20)  # there may have been room in the last pages
        before = writer.metric("sluice_sink_retries_total")
        time.sleep(10)
        assert not writer.ready()
        assert "53100" in writer.http("/readyz")[1]
        print(f"{writer.metric('sluice_sink_retries_total') - before} attempts in 10 s")
        small_disk.clear()
        wait_for_readiness(writer, True)
    finish()


def test_rows_that_are_refused(writer, session, landing, finish):
    """A user's constraint refuses some rows: they are found among thousands and become dead letters; their neighbours land."""
    landing.wait_for(3000)
    end = max(landing.positions().values()) + 2000
    for table, every in (("device_data", 997), ("qc_failed_table", 11)):
        session.execute(f"ALTER TABLE {table} ADD CHECK (kafka_offset < {end} OR kafka_offset % {every} <> 5) NOT VALID")
    landing.wait_for(3 * end + 9000)
    oracle = finish(rejects=lambda verdict, partition, offset:
                    offset >= end and offset % {"clean": 997, "failed": 11}.get(verdict, offset + 10) == 5)
    assert {"clean", "failed"} == set(oracle.rejected.values())
    assert writer.metric("sluice_sink_rejected_records_total") == len(oracle.rejected)


@pytest.mark.parametrize("table", ["device_data", "sluice.coverage", "sluice.ledger"])
def test_a_lock_on_a_table(table, rounds, writer, session, landing, finish):
    """Held by somebody else for longer than the writer waits for one (15 s) in the long form."""
    for seconds in (40, 3) if rounds.long else (8,):
        landing.wait_for(landing.landed() + 3000)
        with session.transaction():
            session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            end = time.monotonic() + seconds
            if seconds > 5:  # else it is over before readiness has to follow
                wait_for_readiness(writer, False)
            while time.monotonic() < end:
                assert seconds <= 5 or not writer.ready()
                time.sleep(0.2)
        wait_for_readiness(writer, True)
    finish()


def test_deadlock(rounds, writer, session, database_url, landing, finish):
    """Another session and the writer wait for each other; the writer is the victim (SQLSTATE 40P01) and tries again."""
    waiting = OWN_SESSIONS.replace("%%", "%") + " AND wait_event_type = 'Lock'"
    session.execute("SET deadlock_timeout = '10min'")  # its own check never comes: the writer's finds the circle
    for _ in rounds:
        landing.wait_for(landing.landed() + 3000)
        before = writer.metric("sluice_sink_retries_total")
        with psycopg.connect(database_url, autocommit=True) as witness, session.transaction():
            # The writer has written rows, and waits with its last statement ...
            session.execute("SELECT FROM sluice.coverage FOR UPDATE")
            wait_until(lambda: witness.execute(waiting).fetchall(), 10, "the writer waits for its position", 0.005)
            # ... while we wait for the table it has written to.
            session.execute("LOCK TABLE device_data IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: writer.metric("sluice_sink_retries_total") > before, 10, "the writer was the victim")
    assert "40P01" in writer.log.read_text()
    finish()
