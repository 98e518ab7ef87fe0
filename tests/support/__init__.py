"""Running Sluice on one machine, and judging what it did: used by the tests, scripts/stack and scripts/quickstart.

Nothing here calls Sluice's own code: the clients are confluent-kafka, psycopg and pyarrow.
"""
