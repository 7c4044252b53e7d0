#!/usr/bin/env bash
# Fuzzes for so many seconds each: all targets, or those that are named. What breaks a promise goes to fuzz/findings/TARGET, and is
# kept there, made small, once it is mended; what the fuzzer learns on the way goes to the cache.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
cache=${XDG_CACHE_HOME:-$HOME/.cache}/docent/fuzz
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzzing needs: rustup toolchain install nightly && cargo install cargo-fuzz --locked" >&2
  exit 1
fi
[ $# -gt 0 ] || set -- $(cargo +nightly fuzz list)
failed=
for target in "$@"; do
  echo "== $target, $seconds s"
  mkdir -p "$cache/$target" "fuzz/findings/$target"
  # No sanitizer: no code of ours is unsafe, and without it several times as much is tried.
  cargo +nightly fuzz run --sanitizer none --target-dir "${CARGO_TARGET_DIR:-$PWD/target}/fuzz" "$target" \
    "$cache/$target" "fuzz/corpus/$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="fuzz/findings/$target/" || failed="$failed $target"
  rmdir --ignore-fail-on-non-empty "fuzz/findings/$target"
done
[ -z "$failed" ] || { echo "findings:$failed" >&2; exit 1; }
