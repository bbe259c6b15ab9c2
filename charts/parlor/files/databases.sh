# Run once by the entry point of the PostgreSQL image, on an empty data folder: a database a service
# with two roles, an owner for its migrations and one that only works with rows.
set -eu
for service in identity customer game chat; do
  upper=$(printf '%s' "$service" | tr '[:lower:]' '[:upper:]')
  eval "password=\$${upper}_PASSWORD owner_password=\$${upper}_OWNER_PASSWORD"
  psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres \
    --set name="$service" --set owner="${service}_owner" \
    --set password="$password" --set owner_password="$owner_password" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"owner";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"name" TO :"name";
SQL
  psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$service" \
    --set name="$service" --set owner="${service}_owner" <<'SQL'
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"name";
SQL
done
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -c 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
