"""Records sent when they are due, whether or not the chain keeps up, and when each was seen to be committed."""

import time

import confluent_kafka

POLL = 0.0025  # seconds between two looks at the positions: what the look itself costs must not count


def send(bootstrap_servers, topic, samples, rate, start, total):
    """Record i is due at `start` (monotonic) + i / rate and goes to partition i mod P: so its offset tells its time."""
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(error)

    # linger.ms=5 is the default of Kafka's own producer (since 4.0).
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5, "acks": "all",
                                         "max.in.flight": 1})
    partitions = len(producer.list_topics(topic, 10).topics[topic].partitions)
    sent = 0
    while sent < total:
        due = min(total, int((time.monotonic() - start) * rate) + 1)
        while sent < due:
            key, value = samples[sent % len(samples)]
            producer.produce(topic, value, key, sent % partitions, on_delivery=delivered)
            sent += 1
        producer.poll(0)
        time.sleep(max(0.0, min(0.001, start + sent / rate - time.monotonic())))
    if producer.flush(30) or failures:
        raise SystemExit(f"not all records were delivered: {failures[:3]}")


class Arrivals:
    def __init__(self, job, start, rate, partitions):
        self._job = job
        self._start = start
        self._rate = rate
        self._partitions = partitions
        self._waits = {}  # record number -> seconds

    def observe(self, total, timeout):
        """Looks until `total` records have been committed."""
        known = [0] * self._partitions
        deadline = time.monotonic() + timeout
        while sum(known) < total:
            rows = self._job.positions()
            now = time.monotonic()
            for partition, end in rows:
                for offset in range(known[partition], end):
                    number = offset * self._partitions + partition
                    self._waits[number] = now - self._start - number / self._rate
                known[partition] = end
            if now > deadline:
                raise RuntimeError(f"{sum(known)} of {total} records have been committed")
            time.sleep(POLL)

    def waits(self, first):
        """Seconds from due to committed, of all records from number `first` on."""
        return [wait for number, wait in self._waits.items() if number >= first]
