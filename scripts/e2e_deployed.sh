#!/usr/bin/env bash
# The programs, deployed to AWS emulated on this machine by the commands that people use, with and without the roles enforced.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_node_packages.sh
# As the tests build them, so that nothing is compiled twice.
cargo test --release --locked --workspace --no-run
cd infra && exec npx tsx e2e/deployed.ts
