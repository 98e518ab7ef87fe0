-- What the metrics of a contract have measured, window by window.

CREATE TABLE sluice.metric_results (
  pipeline text NOT NULL,
  generation integer NOT NULL,
  sink text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  next_offset bigint NOT NULL,
  rule_id text NOT NULL,
  first_offset bigint NOT NULL,
  contract_id integer NOT NULL REFERENCES sluice.contracts,
  metric text NOT NULL,
  column_name text,
  severity text NOT NULL,
  dimension text NOT NULL,
  records_read bigint NOT NULL,
  records_checked bigint NOT NULL,
  records_counted bigint NOT NULL,
  value double precision NOT NULL,
  unit text NOT NULL CHECK (unit IN ('rows', 'percent')),
  threshold text NOT NULL,
  passed boolean,
  committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (pipeline, generation, sink, topic, partition, next_offset, rule_id),
  CHECK (next_offset > first_offset),
  CHECK (records_counted <= records_checked AND records_checked <= records_read)
);
COMMENT ON TABLE sluice.metric_results IS 'One row per metric of a contract and window of source offsets: written in the commit of the record that ends the window';
COMMENT ON COLUMN sluice.metric_results.pipeline IS 'Name of the pipeline';
COMMENT ON COLUMN sluice.metric_results.generation IS 'Generation of the pipeline';
COMMENT ON COLUMN sluice.metric_results.sink IS 'Name of the sink';
COMMENT ON COLUMN sluice.metric_results.topic IS 'Source topic';
COMMENT ON COLUMN sluice.metric_results.partition IS 'Source partition';
COMMENT ON COLUMN sluice.metric_results.next_offset IS 'Source offset behind the window';
COMMENT ON COLUMN sluice.metric_results.rule_id IS 'The metric''s id in the contract';
COMMENT ON COLUMN sluice.metric_results.first_offset IS 'First source offset that was measured: later than the window''s first where the pipeline, a contract or a repair begins inside of it';
COMMENT ON COLUMN sluice.metric_results.contract_id IS 'The contract';
COMMENT ON COLUMN sluice.metric_results.metric IS 'nullValues, missingValues, invalidValues or rowCount';
COMMENT ON COLUMN sluice.metric_results.column_name IS 'The measured column; null for rowCount';
COMMENT ON COLUMN sluice.metric_results.severity IS 'info, warning or error';
COMMENT ON COLUMN sluice.metric_results.dimension IS 'Quality dimension';
COMMENT ON COLUMN sluice.metric_results.records_read IS 'Records of the window, whatever their verdict';
COMMENT ON COLUMN sluice.metric_results.records_checked IS 'Records of the window that have columns: clean, failed, filtered';
COMMENT ON COLUMN sluice.metric_results.records_counted IS 'Those of them that the metric counts';
COMMENT ON COLUMN sluice.metric_results.value IS 'records_counted, or its percentage of records_checked (rowCount: of records_read)';
COMMENT ON COLUMN sluice.metric_results.unit IS 'rows or percent';
COMMENT ON COLUMN sluice.metric_results.threshold IS 'What the contract asks of the value';
COMMENT ON COLUMN sluice.metric_results.passed IS 'Whether the value is so; null where the window was measured in part only';
COMMENT ON COLUMN sluice.metric_results.committed_at IS 'When it was written';
