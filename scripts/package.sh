#!/usr/bin/env bash
# The program as people download it: packages/docent-VERSION-TARGET.tar.gz and its checksum. TARGET is this machine's by default.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-$(rustc -vV | sed -n 's/^host: //p')}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=docent-$version-$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --release --locked --package docent-cli --target "$target"
mkdir -p packages "$work/$name"
cp "${CARGO_TARGET_DIR:-target}/$target/release/docent" README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT NOTICE "$work/$name/"
# The same input gives the same archive: names in order, no owner, the time of the commit.
tar --create --gzip --file "packages/$name.tar.gz" --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner \
  --mtime="@$(git log -1 --format=%ct)" "$name"
(cd packages && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
ls -l "packages/$name.tar.gz"
