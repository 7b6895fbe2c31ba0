#!/usr/bin/env bash
# What the services mode needs on this machine: PostgreSQL with a database of ours, and Redis. Installs and starts
# what is missing on Debian and its kin, says what to do elsewhere. Running it again changes nothing.
#   deploy/services.sh            DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD name other ones
# Prints DATABASE_URL and REDIS_URL for .env.
set -euo pipefail
name=${DATABASE_NAME:-csm}
user=${DATABASE_USER:-csm}
env_file=$(cd "$(dirname "$0")/.." && pwd)/.env

say() { printf '%s\n' "$*" >&2; }

for word in "$name" "$user"; do
  case $word in
    '' | [!a-z_]* | *[!a-z0-9_]*) say "\"$word\" is no name for a database: lower-case letters, digits and _ only."; exit 2 ;;
  esac
done

redis_bin() { command -v redis-server || command -v valkey-server; }

postgres_bin() {
  local folder found=""
  for folder in /usr/lib/postgresql/*/bin; do
    [ ! -x "$folder/postgres" ] || found=$folder
  done
  [ -n "$found" ] && printf '%s\n' "$found"
}

missing=()
postgres_bin >/dev/null || missing+=(postgresql)
redis_bin >/dev/null || missing+=(redis-server)

if ! command -v apt-get >/dev/null 2>&1; then
  say "This script knows Debian and its kin only. Here, install and start PostgreSQL 13 or newer (with its contrib"
  say "modules: pg_trgm) and Redis 6 or newer as this system does it; deploy/ also has a compose file that brings"
  say "both. Then, as PostgreSQL's administrator:"
  say "    CREATE ROLE $user LOGIN PASSWORD '…';  CREATE DATABASE $name OWNER $user;"
  say "and put into .env:"
  say "    DATABASE_URL=postgres://$user:…@127.0.0.1:5432/$name"
  say "    REDIS_URL=redis://127.0.0.1:6379/0"
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  say "Installing and starting services takes root:  sudo make services"
  exit 1
fi

if [ "${#missing[@]}" -gt 0 ]; then
  say "Installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# systemd where it runs; else (containers) the scripts of the packages.
start() {
  if [ -d /run/systemd/system ]; then
    systemctl enable --now --quiet "$1"
  else
    service "$1" start >/dev/null
  fi
}

as_postgres() { (cd / && runuser -u postgres -- "$@"); }

if ! as_postgres psql -qAtc "SELECT 1" postgres >/dev/null 2>&1; then
  say "Starting PostgreSQL"
  start postgresql
  for _ in $(seq 50); do
    ! as_postgres psql -qAtc "SELECT 1" postgres >/dev/null 2>&1 || break
    sleep 0.2
  done
fi
if ! redis-cli -h 127.0.0.1 ping >/dev/null 2>&1; then
  say "Starting Redis"
  start redis-server
  for _ in $(seq 50); do
    ! redis-cli -h 127.0.0.1 ping >/dev/null 2>&1 || break
    sleep 0.2
  done
fi
redis-cli -h 127.0.0.1 ping >/dev/null || { say "Redis does not answer on 127.0.0.1:6379: see its log."; exit 1; }

# By standard input: arguments are there for everybody to read.
ask() { as_postgres psql -v ON_ERROR_STOP=1 -qAt postgres <<<"$1"; }
port=$(ask "SHOW port")

# The password: asked for, else the one .env has for this user, else, for a new user, a new one.
known=$(sed -nE "s|^DATABASE_URL=postgres(ql)?://$user:([^@]+)@.*|\2|p" "$env_file" 2>/dev/null | tail -n 1 || true)
password=${DATABASE_PASSWORD:-$known}
role=$(ask "SELECT 1 FROM pg_roles WHERE rolname = '$user'")
if [ -z "$password" ] && [ -z "$role" ]; then
  password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
fi
case $password in
  *[!A-Za-z0-9._~-]*) say "The password may hold letters, digits and . _ ~ - only: it stands in an address."; exit 2 ;;
esac
if [ -z "$role" ]; then
  ask "CREATE ROLE $user LOGIN PASSWORD '$password'"
elif [ -n "${DATABASE_PASSWORD:-}" ]; then
  ask "ALTER ROLE $user LOGIN PASSWORD '$password'"
fi
if [ -z "$(ask "SELECT 1 FROM pg_database WHERE datname = '$name'")" ]; then
  ask "CREATE DATABASE $name OWNER $user ENCODING 'UTF8' TEMPLATE template0"
fi
# Trusted from PostgreSQL 13 on, so that a restore by the owner may make it again.
as_postgres psql -v ON_ERROR_STOP=1 -qc "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS pg_trgm" "$name"

address=127.0.0.1:$port/$name
if [ -z "$password" ]; then
  say "PostgreSQL and Redis answer. $user was there before, with a password only you know;"
  say "DATABASE_PASSWORD=… make services gives it another. For .env:"
  printf 'DATABASE_URL=postgres://%s:…@%s\n' "$user" "$address"
else
  PGCONNECT_TIMEOUT=5 PGPASSWORD=$password psql -qAtc "SELECT 1" -h 127.0.0.1 -p "$port" -U "$user" "$name" >/dev/null || {
    say "PostgreSQL runs, but refuses $user on $address: is it another password, or pg_hba.conf?"
    exit 1
  }
  say "PostgreSQL and Redis answer. For .env:"
  printf 'DATABASE_URL=postgres://%s:%s@%s\n' "$user" "$password" "$address"
fi
printf 'REDIS_URL=redis://127.0.0.1:6379/0\n'
