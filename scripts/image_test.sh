#!/usr/bin/env bash
# The Dockerfile, every step of it, where no registry can be reached: its two bases are stood in for by this machine's own
# /usr, mounted into an image of empty folders. Shows that each stage builds, that both functions start and speak Lambda's
# runtime API, and that the server answers as nobody. What it cannot show: that the real bases have what /usr here has.
# Needs buildah (Debian's package), Rust with the dependencies fetched, Python 3. Runs as root.
set -euo pipefail
cd "$(dirname "$0")/.."
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$(mktemp -d)
buildah() { command buildah --root "$work/root" --runroot "$work/run" "$@"; }
cleanup() {
  buildah rm --all >/dev/null 2>&1 || true
  buildah umount --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

# What is in the working tree, as a clone would have it, and an index to bake in.
mkdir "$work/checkout"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - | tar --extract --directory "$work/checkout"
mkdir -p "$work/checkout/baked"
echo "from the build argument" >"$work/checkout/baked/marker"

# An image of empty folders, for both bases.
container=$(buildah from scratch)
root=$(buildah mount "$container")
mkdir -p "$root"/{dev,etc/ssl,proc,sys,tmp,usr,var/tmp}
ln -s usr/bin usr/lib usr/lib64 usr/sbin "$root/"
cp --archive /etc/passwd /etc/group "$root/etc/"
chmod 1777 "$root/tmp"
buildah umount "$container" >/dev/null
buildah commit --quiet --rm "$container" localhost/stand-in >/dev/null

for stage in api worker server; do
  echo "image $stage"
  buildah build --quiet --pull-never --layers --target "$stage" --tag "localhost/$stage" --file "$work/checkout/Dockerfile" \
    --build-arg RUST_IMAGE=localhost/stand-in --build-arg RUNTIME_IMAGE=localhost/stand-in --build-arg INDEX=baked \
    --volume /usr:/usr:ro --volume "$(rustc --print sysroot):/rust:ro" \
    --volume "${CARGO_HOME:-$HOME/.cargo}/registry:/usr/local/cargo/registry" --volume "$target:/target" \
    --env PATH=/rust/bin:/usr/bin:/bin --env CARGO_HOME=/usr/local/cargo --env CARGO_NET_OFFLINE=true \
    "$work/checkout" >/dev/null
done

python3 scripts/image_check.py --root "$work/root" --runroot "$work/run"
