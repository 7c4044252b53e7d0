#!/usr/bin/env bash
# All tests, with nextest where it is installed and cargo's own runner elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOCENT_TOOLS=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --release --locked --workspace --no-fail-fast
else
  cargo test --release --locked --workspace --no-fail-fast
fi
