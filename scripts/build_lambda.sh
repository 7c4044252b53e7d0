#!/usr/bin/env bash
# Builds the Lambda functions for both processors and prints their sizes.
# usage: build_lambda.sh [OUT]   (default: lambda-functions beside the compiled files)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python_packages.sh
target=${CARGO_TARGET_DIR:-target}
out=${1:-$target/lambda-functions}

# cargo-lambda: a cross compiler (zig) in a wheel, so that one machine builds for both processors.
install_python lambda "cargo-lambda==1.9.2"
export PATH="$tools/lambda/bin:$PATH"

# NAME PROCESSOR PROGRAM [FEATURES]: one bootstrap in one archive, with what it needs and no more. The index of an image or archive
# goes beside it, as `index/`.
pack() {
  local name=$1 processor=$2 program=$3 features=${4:-}
  cargo lambda build --profile lambda --locked "--$processor" --package docent-lambda --bin "$program" \
    --no-default-features ${features:+--features "$features"} --lambda-dir "$out/$processor" >&2
  local folder="$out/$processor/$program"
  python3 -c 'import sys, zipfile
info = zipfile.ZipInfo("bootstrap")
info.external_attr, info.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
with zipfile.ZipFile(sys.argv[2], "w") as z, open(sys.argv[1], "rb") as f:
    z.writestr(info, f.read(), compresslevel=9)' "$folder/bootstrap" "$out/$name-$processor.zip"
  printf '%-28s bootstrap %5.1f MB, zipped %5.1f MB\n' "$name-$processor" \
    "$(stat -c %s "$folder/bootstrap" | awk '{print $1/1e6}')" "$(stat -c %s "$out/$name-$processor.zip" | awk '{print $1/1e6}')"
}

for processor in ${DOCENT_LAMBDA_PROCESSORS:-x86-64 arm64}; do
  pack api "$processor" api
  pack worker "$processor" worker
  pack worker-with-model "$processor" worker local-model
  pack ingest "$processor" ingest ingest
  pack ingest-with-model "$processor" ingest ingest,local-model
done
echo "in $out"
