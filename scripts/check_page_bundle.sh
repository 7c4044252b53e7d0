#!/usr/bin/env bash
# Fails when the bundle that the program carries is not what web/ builds.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
npm --prefix web run --silent check
(cd web && npx --no-install vite build --logLevel warn --outDir "$fresh" --emptyOutDir)
if ! diff -r "$fresh" crates/docent-api/page >/dev/null; then
  echo "crates/docent-api/page is not what web/ builds: run \`make page-bundle\` and commit what it changes" >&2
  diff -rq "$fresh" crates/docent-api/page >&2
  exit 1
fi
