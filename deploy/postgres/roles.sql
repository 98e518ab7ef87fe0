-- The roles of the compose file, made once, when the database is. Each has no more than its work needs:
--   sluice      owns the database and all in it: storage-writer makes tables from the contract, migrate the schema
--   sluicectl   reads everything, as long as a proof takes
--   grafana     reads everything, but no single question may take long
\set sluice_password `cat /run/secrets/sluice_password`
\set sluicectl_password `cat /run/secrets/sluicectl_password`
\set grafana_password `cat /run/secrets/grafana_password`

CREATE ROLE sluice LOGIN PASSWORD :'sluice_password';
CREATE ROLE sluice_readers NOLOGIN;
CREATE ROLE sluicectl LOGIN PASSWORD :'sluicectl_password' IN ROLE sluice_readers CONNECTION LIMIT 10;
CREATE ROLE grafana LOGIN PASSWORD :'grafana_password' IN ROLE sluice_readers CONNECTION LIMIT 20;
ALTER ROLE sluicectl SET default_transaction_read_only = on;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '20s';

ALTER DATABASE sluice OWNER TO sluice;
REVOKE ALL ON DATABASE sluice FROM PUBLIC;
GRANT CONNECT ON DATABASE sluice TO sluice_readers;

-- Tables and schemas that do not exist yet.
ALTER DEFAULT PRIVILEGES FOR ROLE sluice GRANT USAGE ON SCHEMAS TO sluice_readers;
ALTER DEFAULT PRIVILEGES FOR ROLE sluice GRANT SELECT ON TABLES TO sluice_readers;
