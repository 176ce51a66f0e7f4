#!/bin/sh
# Records the demo as docs/demo.svg, an animated picture: `npm run build && scripts/record-demo.sh`. Needs Debian's asciinema;
# the program that turns its recording into a picture is fetched when it is needed and is no dependency.
set -eu
cd "$(dirname "$0")/.."
cast=$(mktemp --suffix .cast)
trap 'rm -f "$cast"' EXIT
asciinema rec --quiet --overwrite --cols 108 --rows 34 --idle-time-limit 4 \
  --command 'node dist/run/tributary.js demo --for 8s; sleep 5' "$cast"
npm exec --yes --package svg-term-cli@2.1.1 -- svg-term --in "$cast" --out docs/demo.svg --window --no-cursor
