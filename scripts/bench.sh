#!/usr/bin/env bash
# Prints the figures of docs/benchmarks.md, measured here and now. 2 cores need an hour, nothing beside it, and half an hour more if the
# dependencies are not compiled yet: for the program, for the functions and for the benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
docent="$target/release/docent"
tools=${DOCENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/docent/tools}
python="$tools/python/bin/python3"
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT

cargo build --release --locked
echo "== program"
echo "binary $(($(stat -c %s "$docent") / 1000000)) MB with the model in it"

echo "== ask on the demo corpus, a fresh process each time, quoting"
"$docent" --data "$data" ingest examples/handbook/people examples/handbook/product >/dev/null 2>&1
"$python" scripts/measure.py -n 9 -- "$docent" --data "$data" ask --json "What does error E-417 mean?"

echo "== first system's GET /get_query from SQLite"
"$python" scripts/bench_facade.py "$docent"

echo "== the page: first contentful paint in headless Chromium"
node web/tests/first_paint.mjs

echo "== Lambda functions, on DynamoDB by ministack and a model that answers at once"
cargo build --release --locked -p docent-lambda
python3 scripts/bench_lambda.py "$target/release"

echo "== ingest"
cargo bench --locked -q --workspace --bench ingest
cargo bench --locked -q --workspace --bench parsing

echo "== sync of a folder of 10,000 Markdown files"
python3 scripts/bench_sync.py "$docent"

echo "== embedding, and ONNX Runtime in the same minutes"
cargo bench --locked -q --workspace --bench embedding
python3 scripts/bench_onnxruntime.py

echo "== query store"
cargo bench --locked -q --workspace --bench query_store

echo "== retrieval, generated collections"
cargo bench --locked -q --workspace --bench retrieval -- 100000 1000000

echo "== published generations, from S3 on this machine"
DOCENT_TOOLS="$tools" cargo bench --locked -q --workspace --bench generations

scripts/bench_quality.sh "$docent" ../shared/data
