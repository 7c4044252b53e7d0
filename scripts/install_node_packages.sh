#!/usr/bin/env bash
# The packages of infra/, exactly as its lock file says: nothing on a second run.
set -euo pipefail
cd "$(dirname "$0")/../infra"
if ! cmp -s package-lock.json node_modules/.docent-lock; then
  npm ci --silent --no-audit --no-fund
  cp package-lock.json node_modules/.docent-lock
fi
