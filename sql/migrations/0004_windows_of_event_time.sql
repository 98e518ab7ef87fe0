-- Windows of event time beside those of source offsets. Several of them may end at one record, but no two begin at one.

ALTER TABLE sluice.metric_results
  ADD COLUMN window_start timestamptz,
  ADD COLUMN window_end timestamptz,
  ADD COLUMN records_late bigint NOT NULL DEFAULT 0,
  ADD CHECK (window_end > window_start),
  ADD CHECK ((window_start IS NULL) = (window_end IS NULL)),
  DROP CONSTRAINT metric_results_pkey,
  ADD PRIMARY KEY (pipeline, generation, sink, topic, partition, next_offset, first_offset, rule_id);

COMMENT ON TABLE sluice.metric_results IS 'One row per metric of a contract and window of source offsets or of event time: written in the commit of the record that ends the window';
COMMENT ON COLUMN sluice.metric_results.next_offset IS 'Source offset behind the window; of event time behind the record that closed it';
COMMENT ON COLUMN sluice.metric_results.first_offset IS 'First source offset that was measured: later than the window''s first where the pipeline, a contract or a repair begins inside of it; of event time that of the window''s first record';
COMMENT ON COLUMN sluice.metric_results.window_start IS 'Event time from which records are in the window; null for windows of source offsets';
COMMENT ON COLUMN sluice.metric_results.window_end IS 'Event time before which they are; null for windows of source offsets';
COMMENT ON COLUMN sluice.metric_results.records_late IS 'Records in no window, because their own had closed, that came while this one was the newest; not in records_read';
