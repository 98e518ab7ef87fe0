-- Records that `sluicectl dead-letters replay` produces again: what is meant to be sent is written down before it is,
-- so that a replay that is repeated, or was killed half-way, sends each record once.

CREATE TABLE sluice.replays (
  topic text NOT NULL,
  topic_id text NOT NULL DEFAULT '',
  partition integer NOT NULL,
  kafka_offset bigint NOT NULL,
  value bytea,
  search_from bigint NOT NULL,
  replay_offset bigint,
  requested_at timestamptz NOT NULL DEFAULT now(),
  confirmed_at timestamptz,
  PRIMARY KEY (topic, topic_id, partition, kafka_offset),
  CHECK ((replay_offset IS NULL) = (confirmed_at IS NULL)),
  CHECK (replay_offset >= search_from)
);
COMMENT ON TABLE sluice.replays IS 'Source records that are produced again to the partition they came from, with the header sluice-replay-of: topic/partition/offset';
COMMENT ON COLUMN sluice.replays.topic IS 'Source topic';
COMMENT ON COLUMN sluice.replays.topic_id IS 'Id of the source topic; empty where the broker does not tell';
COMMENT ON COLUMN sluice.replays.partition IS 'Source partition, of the original and of the replay';
COMMENT ON COLUMN sluice.replays.kafka_offset IS 'Source offset of the original';
COMMENT ON COLUMN sluice.replays.value IS 'What is sent instead of the original value; null: the original';
COMMENT ON COLUMN sluice.replays.search_from IS 'End of the partition before the first attempt: a replay lies there or later';
COMMENT ON COLUMN sluice.replays.replay_offset IS 'Source offset of the replay; null until it is known to be there';
COMMENT ON COLUMN sluice.replays.requested_at IS 'When it was asked for';
COMMENT ON COLUMN sluice.replays.confirmed_at IS 'When it was known to be there';
