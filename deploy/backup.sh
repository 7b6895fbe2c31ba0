#!/usr/bin/env bash
# Back up the workbench while it runs: database and uploaded files, with checksums, into FOLDER/csm-DATE-TIME.
#   deploy/backup.sh FOLDER [KEEP]      KEEP: how many back-ups stay (14)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

folder=${1:-} keep=${2:-14}
[ -n "$folder" ] || fail "Say where to: deploy/backup.sh /srv/backups"
mkdir -p "$folder"
chmod 700 "$folder"
name=csm-$(date -u +%Y%m%d-%H%M%S)
# The next one within the same second would be put into the one before.
while [ -e "$folder/$name" ]; do
  sleep 0.2
  name=csm-$(date -u +%Y%m%d-%H%M%S)
done
# Under another name until it is whole: a back-up that was interrupted is never taken for one.
work=$folder/.$name.part
umask 077
mkdir "$work"
trap 'rm -rf "$work"' EXIT

if is_postgres; then
  # One look at the whole database, readable by any newer PostgreSQL.
  pg_dump --format=custom --compress=6 --no-owner --no-privileges --file="$work/database.dump" "$postgres_url"
else
  "$python" - "$(sqlite_file)" "$work/database.sqlite3" <<'PYTHON'
import sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as source, sqlite3.connect(sys.argv[2]) as target:
    source.backup(target)
PYTHON
fi
if [ -d "$FILES_DIR" ]; then
  tar -C "$FILES_DIR" -czf "$work/files.tar.gz" .
fi
(cd "$work" && sha256sum -- * > SHA256SUMS)
mv -T "$work" "$folder/$name"
trap - EXIT

# The oldest go, the newest KEEP stay.
ls -1d "$folder"/csm-[0-9]* | sort | head -n "-$keep" | while read -r old; do rm -rf "$old"; done
printf 'Backed up to %s (%s)\n' "$folder/$name" "$(du -sh "$folder/$name" | cut -f1)"
