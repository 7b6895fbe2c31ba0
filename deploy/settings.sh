# Sourced by the scripts beside it: the project's folder, its Python, and DATABASE_URL and FILES_DIR as .env has them.
# What is set in the environment counts more than .env, as it does for the workbench.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${CSM_PYTHON:-$here/.venv/bin/python}

from_env_file() {
  [ -f "$here/.env" ] && sed -n "s/^$1=//p" "$here/.env" | tail -n 1 | sed "s/^[\"']//; s/[\"']\$//"
}

DATABASE_URL=${DATABASE_URL:-$(from_env_file DATABASE_URL || true)}
DATABASE_URL=${DATABASE_URL:-sqlite:///$here/var/csm.sqlite3}
FILES_DIR=${FILES_DIR:-$(from_env_file FILES_DIR || true)}
FILES_DIR=${FILES_DIR:-$here/var/files}
export DATABASE_URL FILES_DIR
# pg_dump and psql know the scheme postgresql and none of the options Django's address may carry.
postgres_url=${DATABASE_URL%%\?*}
postgres_url=postgresql${postgres_url#postgres*:}
postgres_url=${postgres_url/postgresql\/\//postgresql://}

is_postgres() { case $DATABASE_URL in postgres*) true ;; *) false ;; esac; }
sqlite_file() { printf '%s\n' "${DATABASE_URL#sqlite:///}"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
