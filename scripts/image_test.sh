#!/usr/bin/env bash
# Every step of the Dockerfile, and its images at work: the server as compose.yaml runs it, the functions below a runtime
# interface, with an index inside (image_check.py says what must hold).
#
# Needs no engine that is always running: podman builds, with buildah's code, and runs. Unless BASES=published, the two base images
# are made here, of the Debian packages that the published ones consist of, with this machine's Rust; programs are then
# compiled without a network, from cargo's files on this machine, and in half the time, as how fast they are is not tested.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python_packages.sh
# Root file systems, and what cargo compiled inside: a second run compiles what has changed.
cache=${CARGO_TARGET_DIR:-$PWD/target}/image
work=$(mktemp -d)
export TMPDIR="$cache/tmp" CONTAINERS_CONF="$work/containers.conf"
mkdir -p "$TMPDIR"
images=localhost/docent-image-test

install_packages() {
  local missing=()
  command -v podman >/dev/null || missing+=(podman runc netavark aardvark-dns iptables)
  [ -n "${published}" ] || command -v mmdebstrap >/dev/null || missing+=(mmdebstrap debian-archive-keyring)
  if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
      echo "images are tested with podman and mmdebstrap, and this machine has no apt-get to install them with: ${missing[*]}" >&2
      exit 1
    fi
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
  fi
  # podman-compose: reads compose.yaml.
  install_python compose "podman-compose==1.6.0"
}

# Root inside a virtual machine may not always raise limits, which podman does unasked, and crun refuses machines with both
# kinds of control groups.
configure_podman() {
  printf '[containers]\ndefault_ulimits = []\n[engine]\nevents_logger = "file"\n' >"$CONTAINERS_CONF"
  if [ -d /sys/fs/cgroup/unified ]; then echo 'runtime = "runc"' >>"$CONTAINERS_CONF"; fi
}

# NAME VARIANT PACKAGES: a root file system of Debian 12, made once.
root_file_system() {
  local tar=$cache/$1.tar
  if [ ! -e "$tar" ]; then
    $as_root mmdebstrap --quiet --variant="$2" --include="$3" --format=tar bookworm "$tar.new"
    mv "$tar.new" "$tar"
  fi
  echo "$tar"
}

# rust:slim is Debian's base with a C compiler, distroless/cc its packages unpacked and nothing else, without a shell.
make_bases() {
  echo "base images"
  local tar
  tar=$(root_file_system rust minbase ca-certificates,gcc,libc6-dev)
  podman import --quiet --change "ENV PATH=/toolchain/bin:/usr/sbin:/usr/bin:/sbin:/bin" --change "ENV CARGO_HOME=/cargo" \
    --change "ENV CARGO_NET_OFFLINE=true" --change "ENV CARGO_PROFILE_RELEASE_OPT_LEVEL=1" "$tar" "$images/rust" >/dev/null
  tar=$(root_file_system runtime extract base-files,netbase,tzdata,ca-certificates,libc6,libssl3,libgcc-s1,libgomp1,libstdc++6)
  podman import --quiet --change USER=65532 --change "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin" "$tar" "$images/runtime" >/dev/null
  # Downloads and unpacks what is not there yet, since it is read-only inside.
  cargo fetch --quiet --locked --target "$(rustc -vV | sed -n 's/^host: //p')"
  build+=(--build-arg "RUST_IMAGE=$images/rust" --build-arg "RUNTIME_IMAGE=$images/runtime"
    --volume "$(rustc --print sysroot):/toolchain:ro" --volume "${CARGO_HOME:-$HOME/.cargo}/registry:/cargo/registry:ro")
}

compose() {
  (cd "$work/context" && "$tools/compose/bin/podman-compose" --project-name docent-image-test \
    --podman-build-args="${build[*]}" --file compose.yaml --file "$work/here.yaml" "$@")
}

# A machine that runs the test may have something else on port 8080.
describe_here() {
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  printf 'services:\n  docent:\n    image: %s/server\n    ports: !override ["127.0.0.1:%s:8080"]\n' "$images" "$port" >"$work/here.yaml"
}

clean_up() {
  compose down --volumes >/dev/null 2>&1 || true
  podman rmi --force "$images"/{server,api,worker,rust,runtime} >/dev/null 2>&1 || true
  rm -rf "$work"
}

published=$([ "${BASES:-local}" != published ] || echo yes)
if [ "$(id -u)" = 0 ]; then as_root='' as_container_root=''; else as_root=sudo as_container_root='podman unshare'; fi
# Layers would stay behind; what takes long to make again is in the caches that the steps mount.
build=(--layers=false)
install_packages
configure_podman
trap clean_up EXIT
[ -n "$published" ] || make_bases
# What is committed or about to be: an image must not need a file that only lies here.
mkdir "$work/context"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory "$work/context"

echo "server"
describe_here
export DOCENT_API_KEYS=image-test-key-of-the-server
compose build
compose run -T --rm -v "$work/context/examples/handbook/product:/documents:ro" docent ingest /documents
compose up --detach
python3 scripts/image_check.py server "$port" "$(podman ps --quiet --filter name=docent-image-test)"
echo "server, started again on what it kept"
compose down
compose up --detach
python3 scripts/image_check.py kept "$port"

echo "functions"
volume=$(podman volume inspect --format '{{.Mountpoint}}' docent-image-test_data)
$as_container_root cp -r "$volume/index" "$work/context/index"
compose down --volumes
for function in api worker; do
  podman build --quiet "${build[@]}" --build-arg INDEX=index --target "$function" --tag "$images/$function" "$work/context"
done
python3 scripts/image_check.py functions "$images"
