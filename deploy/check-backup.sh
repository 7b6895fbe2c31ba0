#!/usr/bin/env bash
# Prove that the newest back-up in FOLDER can be restored: into a scratch database, which is dropped again.
#   deploy/check-backup.sh FOLDER       for a weekly timer; needs the right to create databases
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

folder=${1:-}
backup=$(ls -1d "$folder"/csm-[0-9]* 2>/dev/null | sort | tail -n 1)
[ -n "$backup" ] || fail "There is no back-up in ${folder:-the folder you did not name}."
scratch=csm_restore_check_$$
work=$(mktemp -d)
if is_postgres; then
  server=${postgres_url%/*}
  psql -Xq "$postgres_url" -c "CREATE DATABASE $scratch TEMPLATE template0" ||
    fail "The role may not create databases. As PostgreSQL's administrator: ALTER ROLE … CREATEDB"
  trap 'psql -Xq "$postgres_url" -c "DROP DATABASE IF EXISTS $scratch"; rm -rf "$work"' EXIT
  DATABASE_URL=$server/$scratch FILES_DIR=$work/files "$here/deploy/restore.sh" "$backup"
else
  trap 'rm -rf "$work"' EXIT
  DATABASE_URL=sqlite:///$work/check.sqlite3 FILES_DIR=$work/files "$here/deploy/restore.sh" "$backup"
fi
printf 'The back-up %s can be restored.\n' "$(basename "$backup")"
