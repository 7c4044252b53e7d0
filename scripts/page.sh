#!/usr/bin/env bash
# Serves the page on the handbook, in a data folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/docent
docent=${CARGO_TARGET_DIR:-target}/release/docent
cargo build --release --locked
for collection in people product; do
  "$docent" --quiet ingest --data "$cache/handbook" --collection "$collection" "examples/handbook/$collection"
done
DOCENT_COLLECTION=people exec "$docent" serve --data "$cache/handbook"
