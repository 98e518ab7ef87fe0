"""How far a pipeline has come in PostgreSQL, as the tables say it."""

import psycopg

from support.kafka import parse_coverage
from support.process import wait_until


class Landing:
    def __init__(self, kafka, pipeline, database_url):
        self._kafka = kafka
        self._pipeline = pipeline
        self._database_url = database_url
        self._connection = None

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def query(self, text, parameters=()):
        """Rows, from a connection that is made anew when PostgreSQL was away."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._database_url, autocommit=True, connect_timeout=5)
            return self._connection.execute(text, parameters).fetchall()
        except psycopg.OperationalError:
            self.close()
            raise

    def positions(self):
        """Partition -> source offset up to which PostgreSQL accounts for it."""
        return dict(self.query("SELECT partition, next_offset FROM sluice.coverage WHERE pipeline = %s AND topic = %s AND generation = %s "
                               "AND next_offset IS NOT NULL",
                               [self._pipeline.name, self._pipeline.source_topic, self._pipeline.generation]))

    def landed(self):
        return sum(self.positions().values())

    def wait_for(self, records, seconds=60):
        """Until at least so many source records have landed."""
        wait_until(lambda: self.landed() >= records, seconds, lambda: f"{records} records landed: {self._where()}")

    def wait_all(self, seconds=90, ends=None):
        """Until everything that is in the source topic now has landed, or what lies before `ends` (partition -> offset)."""
        ends = ends or {partition: end for partition, (_, end) in self._kafka.offsets(self._pipeline.source_topic).items()
                        if end}

        def all_there():
            positions = self.positions()
            return all(positions.get(partition, 0) >= end for partition, end in ends.items())

        wait_until(all_there, seconds, lambda: f"everything landed: {self._where()}, the source ends at {ends}", 0.05)

    def emitted(self, stage):
        """How far a stage has come: partition -> source offset."""
        emitted = {}
        for batch in self._kafka.read(self._pipeline.internal_topic(stage)):
            emitted[batch.partition] = max(emitted.get(batch.partition, 0), parse_coverage(batch.headers["sluice-coverage"]).next)
        return emitted

    def wait_emitted(self, stage="validated", seconds=60):
        """Until everything that a stage, which has ended, has emitted has landed. Returns how far that is."""
        emitted = self.emitted(stage)
        wait_until(lambda: self.positions() == emitted, seconds, lambda: f"{emitted} landed: {self._where()}", 0.05)
        return emitted

    def _where(self):
        return f"positions {self.positions()}"
