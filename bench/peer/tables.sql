-- The tables that sluice-storage-writer makes for the telemetry pipeline, for a job that makes none itself.
-- scripts/bench compares their columns with the real ones.
CREATE TABLE device_data (
  trip_id text, car_id text, latitude double precision, longitude double precision, event_timestamp timestamptz,
  speed_kmph double precision, fuel_level double precision, engine_temp_c double precision,
  trip_start_time timestamptz, trip_start_latitude double precision, trip_start_longitude double precision,
  trip_start_date date, message_key text, kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL,
  qc_status text NOT NULL, load_timestamp timestamptz NOT NULL, contract_id integer NOT NULL, failed_rules bytea
) PARTITION BY RANGE (trip_start_date);
CREATE TABLE device_data_default PARTITION OF device_data DEFAULT;

CREATE TABLE qc_failed_table (
  trip_id text, car_id text, latitude double precision, longitude double precision, event_timestamp timestamptz,
  speed_kmph double precision, fuel_level double precision, engine_temp_c double precision,
  trip_start_time timestamptz, trip_start_latitude double precision, trip_start_longitude double precision,
  trip_start_date date, qc_status text NOT NULL, qc_summary text, load_timestamp timestamptz NOT NULL,
  message_key text, kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL, contract_id integer NOT NULL,
  failed_rules bytea
);
CREATE INDEX ON qc_failed_table USING brin (kafka_offset);

CREATE TABLE corrupt_records (
  message_key text, kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL, value_str text, error_reason text,
  load_timestamp timestamptz NOT NULL, raw bytea, raw_length integer, raw_sha256 bytea, record_timestamp timestamptz,
  contract_id integer NOT NULL
);
CREATE INDEX ON corrupt_records USING brin (kafka_offset);

CREATE SCHEMA peer;
-- How far each partition of the topic has landed: changed in the transaction of the rows.
CREATE TABLE peer.position (partition integer PRIMARY KEY, next_offset bigint NOT NULL) WITH (fillfactor = 50);

-- A table for one day; a day that the default partition has rows of stays there.
CREATE FUNCTION peer.ensure_day(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := 'device_data_p' || to_char(day, 'YYYYMMDD');
BEGIN
  PERFORM pg_advisory_xact_lock(1);
  IF to_regclass(name) IS NULL THEN
    EXECUTE format('CREATE TABLE %I PARTITION OF device_data FOR VALUES FROM (%L) TO (%L)', name, day, day + 1);
  END IF;
EXCEPTION WHEN check_violation THEN
  NULL;
END $$;
