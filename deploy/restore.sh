#!/usr/bin/env bash
# Restore a back-up into the EMPTY database of DATABASE_URL, and prove its newest night.
#   deploy/restore.sh FOLDER/csm-DATE-TIME
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

backup=${1:-}
[ -d "$backup" ] || fail "Say which back-up: deploy/restore.sh /srv/backups/csm-20261122-020000"
(cd "$backup" && sha256sum --quiet --check SHA256SUMS) || fail "The back-up is damaged: its checksums do not match. Nothing was changed."

if is_postgres; then
  [ -f "$backup/database.dump" ] || fail "This is a back-up of an embedded workbench: restore it there, then use move_from_sqlite."
  tables=$(psql -XAtq "$postgres_url" -c "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
  [ "$tables" = 0 ] || fail "The database has $tables tables already. Restore into an empty one (createdb), then point DATABASE_URL at it. Nothing was changed."
  pg_restore --no-owner --no-privileges --exit-on-error --jobs="${RESTORE_JOBS:-2}" --dbname="$postgres_url" "$backup/database.dump"
  # What only the server's administrator may look at is left out without a word.
  psql -XAtq "$postgres_url" -c "SET client_min_messages = error" -c "ANALYZE"
else
  [ -f "$backup/database.sqlite3" ] || fail "This is a back-up of a PostgreSQL workbench: set DATABASE_URL to an empty PostgreSQL database."
  [ ! -e "$(sqlite_file)" ] || fail "$(sqlite_file) is there already: move it away first. Nothing was changed."
  mkdir -p "$(dirname "$(sqlite_file)")"
  cp "$backup/database.sqlite3" "$(sqlite_file)"
fi
if [ -f "$backup/files.tar.gz" ]; then
  mkdir -p "$FILES_DIR"
  # Where a workbench was before, its files are there still: they stay as they are.
  tar -C "$FILES_DIR" --skip-old-files -xzf "$backup/files.tar.gz"
fi

cd "$here"
"$python" manage.py migrate --check >/dev/null 2>&1 || printf 'The back-up is of an older release: run manage.py migrate now.\n'
# A workbench that has not scored a night yet has nothing to prove.
nights=$("$python" manage.py shell --no-imports -v0 -c "from scoring.models import ScoreRun; print(ScoreRun.objects.filter(state='done').count())")
if [ "$nights" -gt 0 ]; then
  "$python" manage.py verify_snapshots
fi
printf 'Restored %s\n' "$backup"
