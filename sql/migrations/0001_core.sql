-- What Sluice keeps about its own work in the database that holds the tables.
-- Words: a *source record* is one message of the source topic; its *verdict* is decided once, upstream; a *commit* is
-- one transaction of a sink.

CREATE TABLE sluice.contracts (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline text NOT NULL,
  version text NOT NULL,
  content_hash text NOT NULL,
  body text NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (pipeline, content_hash)
);
COMMENT ON TABLE sluice.contracts IS 'Every contract some stored row was judged by; rows name it by id';
COMMENT ON COLUMN sluice.contracts.id IS 'What contract_id in rows, ledger and cell failures refers to';
COMMENT ON COLUMN sluice.contracts.pipeline IS 'Name of the pipeline';
COMMENT ON COLUMN sluice.contracts.version IS 'Semantic version of the contract';
COMMENT ON COLUMN sluice.contracts.content_hash IS 'SHA-256 of the file, lower-case hex';
COMMENT ON COLUMN sluice.contracts.body IS 'The file''s text';
COMMENT ON COLUMN sluice.contracts.first_seen_at IS 'When a sink first met it';

CREATE TABLE sluice.contract_rules (
  contract_id integer NOT NULL REFERENCES sluice.contracts,
  rule_index integer NOT NULL,
  rule_id text NOT NULL,
  column_name text,
  action text NOT NULL CHECK (action IN ('warn', 'quarantine', 'drop', 'fail')),
  severity text NOT NULL,
  dimension text NOT NULL,
  summary text NOT NULL,
  PRIMARY KEY (contract_id, rule_index)
);
COMMENT ON TABLE sluice.contract_rules IS 'The rules of a contract; get_bit(failed_rules, rule_index) of a row says whether it breaks one';
COMMENT ON COLUMN sluice.contract_rules.contract_id IS 'The contract';
COMMENT ON COLUMN sluice.contract_rules.rule_index IS 'Bit of failed_rules, from 0';
COMMENT ON COLUMN sluice.contract_rules.rule_id IS 'The rule''s id in the contract';
COMMENT ON COLUMN sluice.contract_rules.column_name IS 'The checked column; null for a rule over the whole row';
COMMENT ON COLUMN sluice.contract_rules.action IS 'What a violation does: warn (recorded only), quarantine or fail (verdict failed), drop (verdict filtered)';
COMMENT ON COLUMN sluice.contract_rules.severity IS 'info, warning or error';
COMMENT ON COLUMN sluice.contract_rules.dimension IS 'Quality dimension, as the contract has it';
COMMENT ON COLUMN sluice.contract_rules.summary IS 'What is wrong when it is broken, such as "fuel_level null"';

CREATE VIEW sluice.contract_columns AS
  SELECT DISTINCT contract_id, coalesce(column_name, '(row)') AS column_name FROM sluice.contract_rules;
COMMENT ON VIEW sluice.contract_columns IS 'The checked columns of each contract';
COMMENT ON COLUMN sluice.contract_columns.contract_id IS 'The contract';
COMMENT ON COLUMN sluice.contract_columns.column_name IS 'A column with at least one rule, or (row) for rules over the whole row';

CREATE TABLE sluice.targets (
  table_schema text NOT NULL,
  table_name text NOT NULL,
  pipeline text NOT NULL,
  generation integer NOT NULL,
  sink text NOT NULL,
  role text NOT NULL CHECK (role IN ('clean', 'failed', 'corrupt', 'audit')),
  claimed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (table_schema, table_name)
);
COMMENT ON TABLE sluice.targets IS 'Which pipeline and generation owns which table; a second claimant is refused';
COMMENT ON COLUMN sluice.targets.table_schema IS 'Schema of the table or view';
COMMENT ON COLUMN sluice.targets.table_name IS 'Name of the table or view';
COMMENT ON COLUMN sluice.targets.pipeline IS 'The owner''s pipeline';
COMMENT ON COLUMN sluice.targets.generation IS 'The owner''s generation';
COMMENT ON COLUMN sluice.targets.sink IS 'The owner''s sink';
COMMENT ON COLUMN sluice.targets.role IS 'What it holds: clean, failed or corrupt records, or the audit view';
COMMENT ON COLUMN sluice.targets.claimed_at IS 'When it was claimed';

CREATE TABLE sluice.coverage (
  pipeline text NOT NULL,
  generation integer NOT NULL,
  sink text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  topic_id text NOT NULL DEFAULT '',
  origin bigint,
  next_offset bigint,
  epoch bigint NOT NULL DEFAULT 1,
  hint bigint,
  instance text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, generation, sink, topic, partition),
  CHECK ((origin IS NULL) = (next_offset IS NULL)),
  CHECK (next_offset >= origin)
);
COMMENT ON TABLE sluice.coverage IS 'How far each sink is: changed in the same transaction as the rows, by compare-and-set on (next_offset, epoch)';
COMMENT ON COLUMN sluice.coverage.pipeline IS 'Name of the pipeline';
COMMENT ON COLUMN sluice.coverage.generation IS 'Generation of the pipeline';
COMMENT ON COLUMN sluice.coverage.sink IS 'Name of the sink';
COMMENT ON COLUMN sluice.coverage.topic IS 'Source topic';
COMMENT ON COLUMN sluice.coverage.partition IS 'Source partition';
COMMENT ON COLUMN sluice.coverage.topic_id IS 'Id of the source topic next_offset belongs to; empty where the broker does not tell';
COMMENT ON COLUMN sluice.coverage.origin IS 'Source offset where the pipeline began; null until the first commit';
COMMENT ON COLUMN sluice.coverage.next_offset IS 'Source offset to go on with: every record below it has landed; null until the first commit';
COMMENT ON COLUMN sluice.coverage.epoch IS 'Increased by each owner that takes the partition over; an earlier owner can commit no more';
COMMENT ON COLUMN sluice.coverage.hint IS 'Offset in the internal topic at or before the batch that reaches past next_offset; may be missing';
COMMENT ON COLUMN sluice.coverage.instance IS 'The owner, for people';
COMMENT ON COLUMN sluice.coverage.updated_at IS 'Last commit or change of owner';

CREATE TABLE sluice.ledger (
  pipeline text NOT NULL,
  generation integer NOT NULL,
  sink text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  first_offset bigint NOT NULL,
  next_offset bigint NOT NULL,
  records_read bigint NOT NULL,
  clean bigint NOT NULL,
  failed bigint NOT NULL,
  corrupt bigint NOT NULL,
  duplicate bigint NOT NULL,
  late bigint NOT NULL,
  filtered bigint NOT NULL,
  tombstone bigint NOT NULL,
  lost bigint NOT NULL,
  rejected bigint NOT NULL,
  rows_clean bigint NOT NULL,
  rows_failed bigint NOT NULL,
  rows_corrupt bigint NOT NULL,
  rows_cell_failures bigint NOT NULL,
  rule_failures bigint[],
  contract_id integer REFERENCES sluice.contracts,
  epoch bigint NOT NULL,
  instance text NOT NULL,
  newest_record_at timestamptz,
  committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (pipeline, generation, sink, topic, partition, first_offset),
  CHECK (next_offset > first_offset),
  CHECK (records_read = clean + failed + corrupt + duplicate + late + filtered + tombstone)
);
COMMENT ON TABLE sluice.ledger IS 'What became of every source record: one row per commit, partition and contract; the ranges tile [origin, next_offset)';
COMMENT ON COLUMN sluice.ledger.pipeline IS 'Name of the pipeline';
COMMENT ON COLUMN sluice.ledger.generation IS 'Generation of the pipeline';
COMMENT ON COLUMN sluice.ledger.sink IS 'Name of the sink';
COMMENT ON COLUMN sluice.ledger.topic IS 'Source topic';
COMMENT ON COLUMN sluice.ledger.partition IS 'Source partition';
COMMENT ON COLUMN sluice.ledger.first_offset IS 'First source offset of the range';
COMMENT ON COLUMN sluice.ledger.next_offset IS 'Source offset behind the range; offsets inside may have holes';
COMMENT ON COLUMN sluice.ledger.records_read IS 'Records in the range; duplicate, late, filtered and tombstone records are counted here and stored nowhere';
COMMENT ON COLUMN sluice.ledger.clean IS 'Records with verdict clean';
COMMENT ON COLUMN sluice.ledger.failed IS 'Records with verdict failed';
COMMENT ON COLUMN sluice.ledger.corrupt IS 'Records with verdict corrupt';
COMMENT ON COLUMN sluice.ledger.duplicate IS 'Records with verdict duplicate';
COMMENT ON COLUMN sluice.ledger.late IS 'Records with verdict late';
COMMENT ON COLUMN sluice.ledger.filtered IS 'Records with verdict filtered';
COMMENT ON COLUMN sluice.ledger.tombstone IS 'Records with verdict tombstone (null values)';
COMMENT ON COLUMN sluice.ledger.lost IS 'Offsets an operator accepted as lost; not among records_read';
COMMENT ON COLUMN sluice.ledger.rejected IS 'Rows the database refused: they are in sluice.dead_letters, not in the pipeline''s tables';
COMMENT ON COLUMN sluice.ledger.rows_clean IS 'Rows stored in the table of clean records';
COMMENT ON COLUMN sluice.ledger.rows_failed IS 'Rows stored in the table of failed records';
COMMENT ON COLUMN sluice.ledger.rows_corrupt IS 'Rows stored in the table of corrupt records';
COMMENT ON COLUMN sluice.ledger.rows_cell_failures IS 'Rows stored in sluice.cell_failures';
COMMENT ON COLUMN sluice.ledger.rule_failures IS 'Violations per rule of the contract, in the order of its rules; null: none';
COMMENT ON COLUMN sluice.ledger.contract_id IS 'The contract that judged the records; null for a lost range';
COMMENT ON COLUMN sluice.ledger.epoch IS 'Epoch of the owner that committed';
COMMENT ON COLUMN sluice.ledger.instance IS 'The owner that committed';
COMMENT ON COLUMN sluice.ledger.newest_record_at IS 'Kafka timestamp of the newest record in or before the range';
COMMENT ON COLUMN sluice.ledger.committed_at IS 'When the transaction was about to commit';

CREATE VIEW sluice.rule_results AS
  SELECT l.pipeline, l.generation, l.sink, l.topic, l.partition, l.first_offset, l.next_offset, l.contract_id,
         r.rule_id, r.column_name, r.severity, r.dimension,
         l.clean + l.failed + l.filtered AS records_checked,
         coalesce(l.rule_failures[r.rule_index + 1], 0) AS violations,
         l.committed_at
  FROM sluice.ledger l JOIN sluice.contract_rules r ON r.contract_id = l.contract_id;
COMMENT ON VIEW sluice.rule_results IS 'Violations per rule and commit, computed from the ledger';
COMMENT ON COLUMN sluice.rule_results.pipeline IS 'Name of the pipeline';
COMMENT ON COLUMN sluice.rule_results.generation IS 'Generation of the pipeline';
COMMENT ON COLUMN sluice.rule_results.sink IS 'Name of the sink';
COMMENT ON COLUMN sluice.rule_results.topic IS 'Source topic';
COMMENT ON COLUMN sluice.rule_results.partition IS 'Source partition';
COMMENT ON COLUMN sluice.rule_results.first_offset IS 'First source offset of the range';
COMMENT ON COLUMN sluice.rule_results.next_offset IS 'Source offset behind the range';
COMMENT ON COLUMN sluice.rule_results.contract_id IS 'The contract';
COMMENT ON COLUMN sluice.rule_results.rule_id IS 'The rule';
COMMENT ON COLUMN sluice.rule_results.column_name IS 'The checked column; null for a rule over the whole row';
COMMENT ON COLUMN sluice.rule_results.severity IS 'info, warning or error';
COMMENT ON COLUMN sluice.rule_results.dimension IS 'Quality dimension';
COMMENT ON COLUMN sluice.rule_results.records_checked IS 'Records the rule was evaluated for';
COMMENT ON COLUMN sluice.rule_results.violations IS 'Clean, failed and filtered records that break it';
COMMENT ON COLUMN sluice.rule_results.committed_at IS 'When they were committed';

CREATE TABLE sluice.cell_failures (
  pipeline text NOT NULL,
  generation integer NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  kafka_offset bigint NOT NULL,
  contract_id integer NOT NULL,
  rule_id text NOT NULL,
  column_name text,
  offending_value text,
  reason text NOT NULL,
  verdict text NOT NULL,
  load_timestamp timestamptz NOT NULL
);
-- Block ranges, not a tree: lookups by offset stay cheap, and writing costs next to nothing.
CREATE INDEX cell_failures_offset ON sluice.cell_failures USING brin (kafka_offset);
COMMENT ON TABLE sluice.cell_failures IS 'One row per broken rule of a clean (warnings), failed or filtered record: adds value and reason to the bits in failed_rules';
COMMENT ON COLUMN sluice.cell_failures.pipeline IS 'Name of the pipeline';
COMMENT ON COLUMN sluice.cell_failures.generation IS 'Generation of the pipeline';
COMMENT ON COLUMN sluice.cell_failures.topic IS 'Source topic';
COMMENT ON COLUMN sluice.cell_failures.partition IS 'Source partition';
COMMENT ON COLUMN sluice.cell_failures.kafka_offset IS 'Source offset';
COMMENT ON COLUMN sluice.cell_failures.contract_id IS 'The contract';
COMMENT ON COLUMN sluice.cell_failures.rule_id IS 'The broken rule';
COMMENT ON COLUMN sluice.cell_failures.column_name IS 'The checked column; null for a rule over the whole row';
COMMENT ON COLUMN sluice.cell_failures.offending_value IS 'The value as text; null when the value is null';
COMMENT ON COLUMN sluice.cell_failures.reason IS 'What is wrong, as the contract says it';
COMMENT ON COLUMN sluice.cell_failures.verdict IS 'The record''s verdict';
COMMENT ON COLUMN sluice.cell_failures.load_timestamp IS 'When the row was written';

CREATE TABLE sluice.dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline text NOT NULL,
  generation integer NOT NULL,
  sink text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  kafka_offset bigint NOT NULL,
  target text NOT NULL,
  sql_state text NOT NULL,
  message text NOT NULL,
  contract_id integer NOT NULL,
  verdict text NOT NULL,
  message_key bytea,
  record text,
  raw bytea,
  record_timestamp timestamptz,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'replayed', 'resolved', 'discarded')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letters_position ON sluice.dead_letters (pipeline, generation, topic, partition, kafka_offset);
COMMENT ON TABLE sluice.dead_letters IS 'Records whose row the database refused (SQLSTATE classes 22, 23, 54); written in the transaction of their neighbours';
COMMENT ON COLUMN sluice.dead_letters.id IS 'Identity';
COMMENT ON COLUMN sluice.dead_letters.pipeline IS 'Name of the pipeline';
COMMENT ON COLUMN sluice.dead_letters.generation IS 'Generation of the pipeline';
COMMENT ON COLUMN sluice.dead_letters.sink IS 'Name of the sink';
COMMENT ON COLUMN sluice.dead_letters.topic IS 'Source topic';
COMMENT ON COLUMN sluice.dead_letters.partition IS 'Source partition';
COMMENT ON COLUMN sluice.dead_letters.kafka_offset IS 'Source offset';
COMMENT ON COLUMN sluice.dead_letters.target IS 'The table that refused the row';
COMMENT ON COLUMN sluice.dead_letters.sql_state IS 'SQLSTATE of the refusal';
COMMENT ON COLUMN sluice.dead_letters.message IS 'The database''s message';
COMMENT ON COLUMN sluice.dead_letters.contract_id IS 'The contract that judged the record';
COMMENT ON COLUMN sluice.dead_letters.verdict IS 'The record''s verdict';
COMMENT ON COLUMN sluice.dead_letters.message_key IS 'Kafka key, its bytes';
COMMENT ON COLUMN sluice.dead_letters.record IS 'The record''s columns as JSON (text: it may hold what jsonb refuses); null for a corrupt record';
COMMENT ON COLUMN sluice.dead_letters.raw IS 'The bytes of a corrupt record; else null';
COMMENT ON COLUMN sluice.dead_letters.record_timestamp IS 'Kafka timestamp';
COMMENT ON COLUMN sluice.dead_letters.state IS 'new, replayed (produced again), resolved (landed elsewhere) or discarded';
COMMENT ON COLUMN sluice.dead_letters.created_at IS 'When it was refused';
COMMENT ON COLUMN sluice.dead_letters.updated_at IS 'Last change of state';
