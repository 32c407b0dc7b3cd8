# The commands of geecache-edge; `make` alone lists them. What they do stands in scripts/.
.DEFAULT_GOAL := help
.PHONY: help demo test package setup lint test-native test-wasm test-package test-workerd test-packaging test-interop test-examples simulate bench fuzz miri clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: package ## three peers in workerd on a map, until Ctrl-C (ONCE=1: one scripted round, then a table; PEERS=go: one is Go)
	@exec node_modules/.bin/node www/demo.mjs

test: setup ## set up, lint and run every test; the last line counts them
	@scripts/test.sh

package: setup ## build the npm package into pkg/ and print its sizes
	@. .cache/env.sh && node scripts/package.mjs

setup: ## bring in the tools that are missing, into .cache/ and node_modules/
	@scripts/setup.sh

lint: setup ## formatting, clippy, docs and types, with warnings as errors
	@scripts/test.sh lint

test-native: setup ## the core's tests and doc examples, by cargo test
	@scripts/test.sh native

test-wasm: setup ## the bindings' tests, by wasm-pack test --node
	@scripts/test.sh wasm

test-package: package ## the package's tests in Node
	@scripts/test.sh package

test-workerd: package ## the package's tests in real workerd
	@scripts/test.sh workerd

test-packaging: package ## the tarball in every runtime and bundler
	@scripts/test.sh packaging

test-interop: package ## the package beside real Go peers, where Go is
	@scripts/test.sh interop

test-examples: package ## the examples, each made and run as its README says
	@scripts/test.sh examples

simulate: ## the simulator over SEEDS (5,000) seeds from START (0) on; SEED=n TRACE=1: one of them, step by step
	@cargo test --quiet --release --test simulation every_invariant_holds -- --nocapture

bench: setup ## the ring and the store beside its rivals: density, hits, hit ratios (TRACES=DIR: on your traces), collections of garbage
	@scripts/bench.sh

fuzz: package ## the package's face, and each target of fuzz/, for SECONDS (60), by cargo-fuzz and a nightly compiler
	@scripts/nightly.sh fuzz

miri: ## the store's tests in Miri, for a good while
	@scripts/nightly.sh miri

clean: ## remove what was built, and keep the tools (they are in .cache/ and node_modules/)
	@rm -rf target pkg .cache/package .cache/logs
