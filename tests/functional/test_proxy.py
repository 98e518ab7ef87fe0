"""The proxy that cuts connections in tests under faults does what it says, with clients that are not ours."""

import select

import psycopg
import pytest

from support.kafka import Kafka
from support.process import wait_until
from support.proxy import PRODUCE, TO_CLIENT, TO_SERVER, KafkaProxy, Proxy


@pytest.fixture
def proxy(stack):
    with Proxy(stack.postgres.port) as proxy:
        yield proxy


def connect(proxy, **options):
    return psycopg.connect(f"postgresql://sluice@127.0.0.1:{proxy.port}/postgres", autocommit=True, connect_timeout=5, **options)


def test_forward_cut_refuse(proxy):
    with connect(proxy) as session:
        assert session.execute("SELECT repeat('x', 3000000)").fetchone()[0] == "x" * 3_000_000
        assert proxy.cut() == 1
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    proxy.refuse()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(proxy)
    proxy.forward()
    with connect(proxy) as session:
        session.execute("SELECT 1")
    wait_until(lambda: proxy.connections == 0, 5, "the connection of a client that has gone is gone")


@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_hold(direction, proxy):
    session = connect(proxy).pgconn
    proxy.hold(direction)
    session.send_query(b"SELECT 42")
    session.flush()
    assert not select.select([session.socket], [], [], 0.3)[0], "an answer came through"
    proxy.forward()
    assert select.select([session.socket], [], [], 5)[0], "what was held flows on"
    assert session.get_result().get_value(0, 0) == b"42"
    session.finish()


def test_a_reply_is_swallowed(proxy, database_url):
    """The statement is carried out, and its client does not hear of it."""
    def lose_the_reply(link, direction, data):
        if direction == TO_SERVER:
            link.state["asked"] = b"CREATE TABLE" in data
        elif link.state["asked"]:
            link.cut()
            return None
        return data

    proxy.hook = lose_the_reply
    url = database_url.rpartition("/")[2]
    session = psycopg.connect(f"postgresql://sluice@127.0.0.1:{proxy.port}/{url}", autocommit=True)
    session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        session.execute("CREATE TABLE made (a int)")
    with psycopg.connect(database_url) as witness:
        assert witness.execute("SELECT count(*) FROM made").fetchone() == (0,)


def test_kafka(stack, pipeline):
    """Every connection goes through it, though the broker names its own address."""
    seen = set()

    def note(_link, direction, api, data):
        seen.add((direction, api))
        return data

    pipeline.create(2)
    with KafkaProxy(stack.kafka.port) as proxy:
        proxy.hook = note
        kafka = Kafka(f"127.0.0.1:{proxy.port}")
        assert kafka.produce(pipeline.source_topic, [(0, b"key", b"value")]) == [0]
        assert [record.value for record in kafka.read(pipeline.source_topic)] == [b"value"]
    assert {(TO_SERVER, PRODUCE), (TO_CLIENT, PRODUCE)} <= seen
