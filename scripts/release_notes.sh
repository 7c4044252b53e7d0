#!/usr/bin/env bash
# What the changelog says about a release: the section of its version. A release without one is refused.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1#v}
notes=$(awk -v heading="## $version" '$0 == heading || index($0, heading " ") == 1 {on = 1; next} /^## / {on = 0} on' CHANGELOG.md)
if [ -z "${notes//[[:space:]]/}" ]; then
  echo "error: CHANGELOG.md has no section \"## $version\"" >&2
  echo "hint: rename \"Unreleased\" before tagging" >&2
  exit 1
fi
echo "$notes"
