#!/usr/bin/env bash
# Installs what the tests run and npm cannot bring: PgBouncer, HAProxy, RabbitMQ, strace; for Apache Kafka and for AMQP
# clients of other languages Java with its compiler, Maven, Go and Python's pip, by which the first test that needs one of
# them fetches it. Does nothing where it is there already. Where it may not or cannot install (no root, no apt), it says what
# is missing and leaves it to the tests to fail or skip.
set -euo pipefail
PATH="$PATH:/usr/sbin:/usr/local/sbin"

# Kafka 4 needs Java 17.
has_java() {
  local version
  version=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p' | head -n 1)
  ((${version:-0} >= 17))
}

missing=()
command -v pgbouncer >/dev/null || missing+=(pgbouncer)
command -v haproxy >/dev/null || missing+=(haproxy)
command -v strace >/dev/null || missing+=(strace)
[[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] || missing+=(rabbitmq-server)
has_java && command -v javac >/dev/null || missing+=(openjdk-17-jdk-headless)
command -v mvn >/dev/null || missing+=(maven)
command -v go >/dev/null || missing+=(golang-go)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3 python3-pip)

# Tests start their own servers. Those that Debian starts on installation and with the machine are not wanted, and could
# hold the ports: `policy-rc.d` answers its packages, with systemd and without, that they may not start a service.
policy=/usr/sbin/policy-rc.d
forbid_services() {
  [[ ! -e $policy ]] || return 0
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

install_missing() {
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "missing: ${missing[*]} (as root on Debian this script installs them)" >&2
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  forbid_services
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}"
  [[ -d /run/systemd/system ]] || return 0
  for package in "${missing[@]}"; do
    case $package in
      pgbouncer | haproxy) systemctl disable --quiet --now "$package" ;;
      rabbitmq-server) systemctl disable --quiet --now rabbitmq-server epmd.socket epmd.service ;;
    esac
  done
}

((${#missing[@]} == 0)) || install_missing
