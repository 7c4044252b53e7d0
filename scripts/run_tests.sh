#!/usr/bin/env bash
# All tests, with nextest where it is installed and cargo's own runner elsewhere; then the page and a chat front end, in Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCENT_TOOLS=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --release --locked --workspace --no-fail-fast
else
  cargo test --release --locked --workspace --no-fail-fast
fi
echo "the page and a chat front end, in Chromium; pictures of it go to ${DOCENT_SCREENSHOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/screenshots}"
# The tests above have built the program.
DOCENT_PROGRAM="${CARGO_TARGET_DIR:-$PWD/target}/release/docent" node --test --test-concurrency=1 --test-reporter=spec web/tests/*.test.mjs
