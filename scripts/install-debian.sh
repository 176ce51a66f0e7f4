#!/usr/bin/env bash
# Installs what `npm run test:provider`, `npm run test:browser` and the compatibility tests need besides npm: PostgreSQL 15
# with the real pgq extension, its ticker, a pooler, and clients for Python, PHP and Ruby; promtool, which comes with Prometheus; a browser and
# a font. Does nothing where all of it is there. For Debian and Ubuntu.
set -eu

packages='postgresql-15 postgresql-15-pgq3 pgqd python3-pgq pgbouncer prometheus chromium fonts-inter php-cli php-pgsql ruby ruby-pg'

missing=''
for package in $packages; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
    missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "Debian packages: all there."
  exit 0
fi

as_root=''
if [ "$(id -u)" -ne 0 ]; then as_root='sudo --non-interactive'; fi
export DEBIAN_FRONTEND=noninteractive

echo "Debian packages: installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words on purpose, and the environment must pass sudo
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing

# The packages start services of their own, which the tests neither want nor use.
case "$missing " in *postgresql-15\ *) $as_root pg_ctlcluster 15 main stop --force 2>/dev/null || true ;; esac
for service in pgqd pgbouncer prometheus; do
  case $missing in *"$service"*) $as_root service "$service" stop >/dev/null 2>&1 || true ;; esac
done
