-- The metrics of a contract beside its rules: one place for all that it asks of the data. And metrics that compare values.

CREATE OR REPLACE VIEW sluice.rule_results AS
  SELECT l.pipeline, l.generation, l.sink, l.topic, l.partition, l.first_offset, l.next_offset, l.contract_id,
         r.rule_id, r.column_name, r.severity, r.dimension,
         l.clean + l.failed + l.filtered AS records_checked,
         coalesce(l.rule_failures[r.rule_index + 1], 0) AS violations,
         l.committed_at,
         NULL::text AS metric, NULL::double precision AS value, NULL::text AS unit, NULL::text AS threshold, NULL::boolean AS passed
  FROM sluice.ledger l JOIN sluice.contract_rules r ON r.contract_id = l.contract_id
  UNION ALL
  SELECT pipeline, generation, sink, topic, partition, first_offset, next_offset, contract_id,
         rule_id, column_name, severity, dimension,
         records_checked,
         NULL::bigint,
         committed_at,
         metric, value, unit, threshold, passed
  FROM sluice.metric_results;
COMMENT ON VIEW sluice.rule_results IS 'What came of all that contracts ask: violations per rule and commit, computed from the ledger, and the value of each metric per window';
COMMENT ON COLUMN sluice.rule_results.rule_id IS 'The rule or metric';
COMMENT ON COLUMN sluice.rule_results.column_name IS 'The checked column; null for a rule over the whole row and a metric of the table';
COMMENT ON COLUMN sluice.rule_results.first_offset IS 'First source offset of the commit''s range or of the window';
COMMENT ON COLUMN sluice.rule_results.next_offset IS 'Source offset behind it';
COMMENT ON COLUMN sluice.rule_results.records_checked IS 'Records the rule was evaluated for, or that the metric looked at';
COMMENT ON COLUMN sluice.rule_results.violations IS 'Clean, failed and filtered records that break the rule; null for a metric, which no record breaks';
COMMENT ON COLUMN sluice.rule_results.metric IS 'nullValues, missingValues, invalidValues, duplicateValues or rowCount; null for a rule of each record';
COMMENT ON COLUMN sluice.rule_results.value IS 'Of a metric: its value in the window';
COMMENT ON COLUMN sluice.rule_results.unit IS 'Of a metric: rows or percent';
COMMENT ON COLUMN sluice.rule_results.threshold IS 'Of a metric: what the contract asks of the value';
COMMENT ON COLUMN sluice.rule_results.passed IS 'Of a metric: whether the value is so; null where that is not known';

COMMENT ON COLUMN sluice.metric_results.metric IS 'nullValues, missingValues, invalidValues, duplicateValues or rowCount';
COMMENT ON COLUMN sluice.metric_results.column_name IS 'The measured column; null for a metric of the table';
COMMENT ON COLUMN sluice.metric_results.records_counted IS 'Those of them that the metric counts; of duplicateValues at least so many, where passed is null';
COMMENT ON COLUMN sluice.metric_results.passed IS 'Whether the value is so; null where the window was measured in part only, or had more different values than are remembered';
