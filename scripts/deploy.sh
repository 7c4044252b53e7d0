#!/usr/bin/env bash
# deploy, doctor or destroy, with the packages that this takes.
set -euo pipefail
export DOCENT_CALLED_FROM=$PWD
cd "$(dirname "$0")"
./install_node_packages.sh
export CDK_DISABLE_CLI_TELEMETRY=true
cd ../infra && exec npx tsx "bin/$1.ts"
