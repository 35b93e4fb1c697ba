#!/usr/bin/env bash
# Installs what the tests run and npm cannot bring: PgBouncer. Does nothing where it is there already. Where it may not
# or cannot install (no root, no apt), it says what is missing and leaves it to the tests to fail or skip.
set -euo pipefail

missing=()
PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v pgbouncer >/dev/null || missing+=(pgbouncer)
((${#missing[@]} > 0)) || exit 0

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (as root on Debian this script installs them)" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
# Tests start their own: the one that Debian starts with the machine is not wanted.
if [[ -d /run/systemd/system ]]; then
  for service in "${missing[@]}"; do systemctl disable --quiet --now "$service"; done
fi
