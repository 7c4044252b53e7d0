#!/usr/bin/env bash
# The programs, deployed to AWS emulated on this machine by the commands that people use, with and without the roles enforced.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_node_packages.sh
cargo build --release --locked --package docent-cli --bin docent
cargo build --release --locked --package docent-lambda --bins --features local-model
cd infra && exec npx tsx e2e/deployed.ts
