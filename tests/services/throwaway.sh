#!/usr/bin/env bash
# Run a command with a PostgreSQL and a Redis made for it, and leave nothing behind:
#   tests/services/throwaway.sh COMMAND [ARGUMENT...]
# The command finds them in DATABASE_URL and REDIS_URL. Nothing is safe on such a PostgreSQL: it never waits for a disk.
set -euo pipefail

here=$(mktemp -d)
redis_pid=""
# Debian keeps the server's programs out of PATH; the newest comes last.
postgres_bin=$(dirname "$(readlink -f "$(command -v initdb || true)")")
for folder in /usr/lib/postgresql/*/bin; do
  [ ! -x "$folder/initdb" ] || postgres_bin=$folder
done
if [ ! -x "$postgres_bin/initdb" ] || ! command -v redis-server >/dev/null 2>&1; then
  echo "PostgreSQL's server or Redis is not installed here: run \`make services\` first." >&2
  exit 1
fi

# PostgreSQL refuses to run as root.
as_owner=()
if [ "$(id -u)" = 0 ]; then
  as_owner=(runuser -u postgres --)
  chown postgres "$here"
fi

stop() {
  status=$?
  trap - EXIT INT TERM
  [ -z "$redis_pid" ] || { kill "$redis_pid" && wait "$redis_pid"; } 2>/dev/null || true
  [ ! -f "$here/data/postmaster.pid" ] ||
    "${as_owner[@]}" "$postgres_bin/pg_ctl" -D "$here/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$here"
  exit "$status"
}
trap stop EXIT INT TERM

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

port=$(free_port)
cd "$here"
"${as_owner[@]}" "$postgres_bin/initdb" -D "$here/data" -U csm -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
cat >>"$here/data/postgresql.conf" <<EOF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$here'
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 1h
shared_buffers = 256MB
autovacuum = off
max_connections = 200
EOF
"${as_owner[@]}" "$postgres_bin/pg_ctl" -D "$here/data" -l "$here/log" -w start >/dev/null ||
  { cat "$here/log" >&2; exit 1; }
"${as_owner[@]}" "$postgres_bin/psql" -h "$here" -p "$port" -U csm -qc "CREATE DATABASE csm" postgres

redis_port=$(free_port)
redis-server --port "$redis_port" --bind 127.0.0.1 --save "" --appendonly no >/dev/null &
redis_pid=$!
cd "$OLDPWD"

export DATABASE_URL="postgres://csm@127.0.0.1:$port/csm" REDIS_URL="redis://127.0.0.1:$redis_port/0"
"$@"
