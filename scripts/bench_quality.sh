#!/usr/bin/env bash
# Prints how good retrieval is on the development sets, if they are there.
# usage: bench_quality.sh DOCENT FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
docent=$1
data=$2
if [ ! -d "$data/scifact" ]; then
  echo "retrieval quality not measured: no development sets in $data"
  exit 0
fi
echo "== retrieval quality"
for set in cranfield anthropic_docs code_chunks squad2 aws_docs scifact; do
  echo "-- $set"
  # Status 3 says that some documents were left out: cranfield has two without a word.
  "$docent" eval retrieval "$data/$set" --mode hybrid 2>/dev/null || [ $? = 3 ]
done
python3 scripts/eval_passages.py "$docent" "$data"
