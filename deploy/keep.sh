#!/bin/sh
# Run a command, and again whenever it ends by itself, until asked to stop: deploy/keep.sh COMMAND …
# For the Procfile: honcho ends everything when one process ends. systemd and compose need no such thing.
stopping=
# The command is asked as well: a signal goes to the whole group.
trap 'stopping=1' TERM INT
while [ -z "$stopping" ]; do
  "$@"
  status=$?
  [ -n "$stopping" ] && break
  echo "Ended with status $status, started again in 2 s: $*" >&2
  sleep 2
done
