"""What the processes never do: leak, stop with work in doubt, or forget what they depend on.

Liveness and memory are watched in every case (`calm`), here as well.
"""

import concurrent.futures
import os
import re
import signal
import time

import pytest

from support.process import wait_until
from support.proxy import KafkaProxy, Proxy

TURN = 15       # seconds; the aim is 5, which a crowded machine may miss: the figure is printed
STOP = 25       # seconds within which a process ends when it is told to
AT_ONCE = 3     # seconds, when it is told so twice


@pytest.fixture
def proxies(stack, chain):
    """Between all services and Kafka, and between the writer and PostgreSQL. They have to stand before the load."""
    with KafkaProxy(stack.kafka.port) as kafka, Proxy(stack.postgres.port) as postgres:
        chain.bootstrap_servers = f"127.0.0.1:{kafka.port}"
        chain.database_url = re.sub(r":\d+/", f":{postgres.port}/", chain.database_url)
        yield {"kafka": kafka, "postgres": postgres}


def ends(service, number=signal.SIGTERM):
    """Its exit code, once it has ended in time; the signal is sent first."""
    service.daemon.send(number)
    service.daemon.wait(STOP, lambda: f"{service.instance} ends\n{service.log_tail()}")
    return service.daemon.returncode


def wait_readiness(services, ready, why):
    """All of them turn; how fast is printed."""
    began = time.monotonic()
    wait_until(lambda: all(service.ready() == ready for service in services), TURN,
               lambda: f"readiness {ready} after {why}: {[(service.instance, service.http('/readyz')) for service in services]}", 0.05)
    print(f"readiness {ready} {time.monotonic() - began:.1f} s after {why}")


@pytest.mark.parametrize("name", ["kafka", "postgres"])
@pytest.mark.parametrize("way", ["refused", "silent"])
def test_readiness_follows(name, way, rounds, chance, proxies, chain, load, wait_for_a_moment, finish):
    """Both ways: of every service that depends on it, and of no other."""
    proxy = proxies[name]
    concerned = chain.services if name == "kafka" else chain.of("storage-writer")
    others = [service for service in chain.services if service not in concerned]
    for _ in rounds:
        wait_for_a_moment()
        if way == "refused":
            proxy.refuse()
        else:
            proxy.hold()
        wait_readiness(concerned, False, f"{name} is {way}")
        time.sleep(chance.uniform(0, 15 if rounds.long else 3))
        assert all(service.ready() for service in others)
        proxy.forward()
        wait_readiness(concerned, True, f"{name} is back")
    finish()


def used(service):
    """Open file descriptors and threads."""
    return len(os.listdir(f"/proc/{service.pid}/fd")), len(os.listdir(f"/proc/{service.pid}/task"))


def test_descriptors_and_threads_come_back(rounds, chance, proxies, chain, load, landing, wait_for_a_moment, finish):
    """After a storm of lost connections and refusals there are no more of them than before it."""
    wait_for_a_moment()
    before = {service.instance: used(service) for service in chain.services}
    for _ in rounds:
        for _ in range(10):
            for proxy in chance.sample(list(proxies.values()), chance.choice([1, 2])):
                if chance.random() < 0.5:
                    proxy.cut()
                else:
                    proxy.refuse()
            time.sleep(chance.uniform(0, 0.5))
            for proxy in proxies.values():
                proxy.forward()
        wait_for_a_moment()
    for service in chain.services:
        service.wait_ready()

    def grown():
        return {service.instance: (before[service.instance], used(service)) for service in chain.services
                if any(now > then + 2 for now, then in zip(used(service), before[service.instance]))}

    wait_until(lambda: not grown(), 20, lambda: f"descriptors and threads, before and after: {grown()}", 0.2)
    print(before, {service.instance: used(service) for service in chain.services})
    finish()


@pytest.mark.parametrize("name", ["producer-simulator", "ingest-validator", "qc", "storage-writer"])
def test_told_to_stop(name, rounds, chain, load, wait_for_a_moment, finish):
    victim = load if name == load.name else chain.of(name)[0]
    for _ in rounds:
        wait_for_a_moment()
        assert ends(victim) == 0, victim.log_tail()
        victim.start(ready_within=None)
    finish()


@pytest.mark.parametrize("name", ["kafka", "postgres"])
@pytest.mark.parametrize("way", ["refused", "silent"])
def test_told_to_stop_while_something_is_away(name, way, rounds, chance, proxies, chain, load, wait_for_a_moment, finish):
    """Nobody waits for what does not come; what was in flight is somebody's who comes later."""
    proxy = proxies[name]
    for number in rounds:
        wait_for_a_moment()
        if way == "refused":
            proxy.refuse()
        else:
            proxy.hold()
        time.sleep(chance.uniform(0, 2) if number == 0 else chance.uniform(0, 20 if rounds.long else 5))
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            codes = list(pool.map(ends, chain.services))
        print(f"ended after {time.monotonic() - began:.1f} s")
        assert codes == [0] * len(codes), "\n".join(service.log_tail() for service in chain.services)
        proxy.cut()
        proxy.forward()
        for service in chain.services:
            service.start(ready_within=None)
    finish()


def test_told_to_stop_while_starting(rounds, chance, chain, load, calm, finish):
    """At any moment of its start. Before a process can listen to signals they end it, and it has done nothing."""
    calm.codes.add(-signal.SIGTERM)
    for _ in rounds:
        for service in chain.services:
            assert ends(service) == 0, service.log_tail()
            written = service.log.stat().st_size
            service.start(ready_within=None)
            time.sleep(chance.choice([chance.uniform(0, 0.05), chance.uniform(0, 1)]))
            code = ends(service)
            silent = service.log.stat().st_size == written
            assert code == 0 or (code == -signal.SIGTERM and silent), f"{code}\n{service.log_tail()}"
            service.start(ready_within=None)
    finish()


def test_told_to_stop_twice(rounds, chance, proxies, chain, load, wait_for_a_moment, calm, finish):
    """The second signal ends it at once, whatever it waits for: the exit code says whether something was left undone."""
    calm.codes.add(1)
    for number in rounds:
        wait_for_a_moment()
        if number % 2 == 0:
            proxies["kafka"].hold()  # so that there is something to wait for
        for service in chain.services:
            service.daemon.send(signal.SIGTERM)
        time.sleep(chance.uniform(0, 0.5))
        for service in chain.services:
            service.daemon.send(chance.choice([signal.SIGTERM, signal.SIGINT]))
        for service in chain.services:
            service.daemon.wait(AT_ONCE, lambda service=service: f"{service.instance} ends at once\n{service.log_tail()}")
            assert service.daemon.returncode in (0, 1), service.log_tail()
        proxies["kafka"].cut()
        proxies["kafka"].forward()
        for service in chain.services:
            service.start(ready_within=None)
    finish()
