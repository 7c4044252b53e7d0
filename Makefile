# The dozen things a person types; CI runs the same recipes.
# Compiled files live in a cache outside the checkout, so a fresh clone builds on what an earlier one left.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/docent
export CARGO_TARGET_DIR ?= $(CACHE)/target
export DOCENT_TOOLS ?= $(CACHE)/tools
# The tools' own folders come last: what the machine has wins.
export PATH := $(PATH):$(DOCENT_TOOLS)/python/bin:$(DOCENT_TOOLS)/node/node_modules/.bin
# One profile for the program and its tests: dependencies are compiled once.
CARGO_FLAGS := --release --locked

.DEFAULT_GOAL := help
.PHONY: help build build-lambda demo serve page page-bundle check test infra-test e2e-deployed image-test deploy doctor destroy package release-notes bench fuzz eval fmt docs clean tools

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

build: ## the program, in $(CARGO_TARGET_DIR)/release/docent
	cargo build $(CARGO_FLAGS)

build-lambda: ## the AWS functions for x86-64 and arm64, zipped
	scripts/build_lambda.sh

demo: ## the whole job on examples/handbook
	cargo run $(CARGO_FLAGS) -- demo

serve: ## the server on 127.0.0.1:8080
	cargo run $(CARGO_FLAGS) -- serve

page: ## the page on the handbook, on 127.0.0.1:8080; prints the address
	scripts/page.sh

page-bundle: tools ## builds web/ into crates/docent-api/page, which the program carries
	cargo run $(CARGO_FLAGS) --quiet -p docent-api --example openapi >web/openapi.json.new
	mv web/openapi.json.new web/openapi.json
	npm --prefix web run --silent build

tools: ## what checks and tests need beside Rust, into a cache folder
	scripts/install_test_tools.sh

check: tools ## formatting, spelling, licences, the page's bundle, lints
	cargo fmt --all --check
	typos
	cargo deny --offline check bans licenses sources
	scripts/check_page_bundle.sh
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

test: tools ## all tests
	scripts/run_tests.sh

infra-test: tools ## the deployment's stacks, templates and workflows; needs no account and no Rust
	scripts/infra_test.sh

e2e-deployed: tools ## the life of a deployment, against AWS emulated on this machine
	scripts/e2e_deployed.sh

image-test: tools ## every step of the Dockerfile, and its images at work; without a container engine
	scripts/image_test.sh

deploy: ## to AWS: infra/deployment.json says what, docs/deploy.md how
	scripts/deploy.sh deploy

doctor: ## what the alarms of the deployment say, and what to do
	scripts/deploy.sh doctor

destroy: ## from AWS: says what goes and what stays, and does it with CONFIRM=name
	scripts/deploy.sh destroy

package: ## the program as people download it: make package TARGET=x86_64-unknown-linux-musl
	scripts/package.sh $(TARGET)

release-notes: ## what the changelog says: make release-notes TAG=v1.0.0
	@scripts/release_notes.sh $(TAG)

bench: tools ## the figures of docs/benchmarks.md, measured here
	scripts/bench.sh

fuzz: ## hostile bytes for ten minutes a target; less: make fuzz FUZZ_SECONDS=60, one: TARGETS=quotes
	scripts/fuzz.sh $(or $(FUZZ_SECONDS),600) $(TARGETS)

eval: ## retrieval quality on a BEIR-layout folder: make eval DATA=path
	cargo run $(CARGO_FLAGS) -- eval retrieval $(DATA)

fmt: ## formats Rust
	cargo fmt --all

docs: ## the documentation of the crates, private items included
	cargo doc $(CARGO_FLAGS) --workspace --no-deps --document-private-items

clean: ## removes the cache folder
	rm -rf "$(CACHE)"
