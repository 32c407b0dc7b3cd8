# The commands of geecache-edge. `make` alone lists them. Their code is in scripts/.
.DEFAULT_GOAL := help
.PHONY: help demo check test package setup format lint docs test-native test-wasm test-package test-shell test-library test-docs test-workerd test-packaging test-interop test-examples simulate bench fuzz miri clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: package ## three peers in workerd and a map, until Ctrl-C (ONCE=1: one scripted round, then a table; PEERS=go: one peer in Go)
	@exec node_modules/.bin/node www/demo.mjs

check: ## format, lints, types and native tests, with the tools that are installed
	@scripts/test.sh check

test: setup ## every check and test; the last line has the counts
	@scripts/test.sh

package: setup ## build the npm package into pkg/ and print its sizes
	@. .cache/env.sh && node scripts/package.mjs

setup: ## install missing tools into .cache/ and node_modules/
	@scripts/setup.sh

format: setup ## format the code, sort its imports and apply the safe fixes of the lints
	@cargo fmt --all
	@node_modules/.bin/biome check --write .

lint: setup ## formats, lints, spelling, licenses, API reference and types; warnings are errors
	@scripts/test.sh lint

docs: setup ## the API reference: target/doc (Rust) and target/doc-js (the package)
	@RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
	@. .cache/env.sh && node scripts/package.mjs --docs target/doc-js

test-native: setup ## the core's tests and doc examples, by cargo test
	@scripts/test.sh native

test-wasm: setup ## the bindings' tests, by wasm-pack test --node
	@scripts/test.sh wasm

test-package: setup ## the package's tests in Node
	@scripts/test.sh build package

test-shell: package ## the package's shell on a virtual clock: simulation over seeds, and its mutants
	@scripts/test.sh shell

test-library: setup ## programs that link the crate: a Rust Worker, a WASI program
	@scripts/test.sh library

test-docs: package ## the commands, snippets, links and names of the documents
	@scripts/test.sh docs

test-workerd: package ## the package's tests in workerd
	@scripts/test.sh workerd

test-packaging: package ## the tarball in every runtime and bundler
	@scripts/test.sh packaging

test-interop: package ## the package with real Go peers, where Go is installed
	@scripts/test.sh interop

test-examples: package ## the examples, each created and run by the commands in its README
	@scripts/test.sh examples

simulate: ## the simulator over SEEDS (5,000) seeds from START (0) on; SEED=n TRACE=1 prints one of them step by step
	@cargo test --quiet --release --test simulation every_invariant_holds -- --nocapture

bench: setup ## the ring and the store against their rivals: memory, hits, hit ratios (TRACES=DIR: on your traces), garbage collections (PARTS=ring: one part)
	@scripts/bench.sh

fuzz: package ## the package's API and each target of fuzz/, for SECONDS (60); needs cargo-fuzz and a nightly compiler
	@scripts/nightly.sh fuzz

miri: ## the store's tests in Miri, which takes long
	@scripts/nightly.sh miri

clean: ## remove build output; the tools in .cache/ and node_modules/ stay
	@rm -rf target pkg .cache/package .cache/logs .cache/pkg-traps
