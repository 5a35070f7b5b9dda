# Every command of the project. Each installs what it needs; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The Node that the project pins (a devDependency) goes before the host's.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

INSTALLED := node_modules/.package-lock.json
BUNDLE := dist/kube-ecr-secrets-operator.cjs
SOURCES := $(shell find src -name '*.ts' -not -name '*.test.ts') package.json

.PHONY: help install build manifest gen check test unit-test test-load test-matrix alerts-test helm3-test live-test e2e image plugin demo bench fleet soak control-plane clean

help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED) ## Install the pinned tools and libraries

$(INSTALLED): package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is not on the path: install Node.js 20 or newer (it brings npm)'; exit 1; }
	npm ci --no-audit --no-fund
	@touch $(INSTALLED)

build: $(BUNDLE) ## Build the operator: a minified file in dist/, with its parts beside it

$(BUNDLE): $(INSTALLED) $(SOURCES) scripts/build.ts
	node scripts/build.ts

manifest: $(INSTALLED) ## Render dist/install.yaml: the chart for `kubectl apply`, as a release has it
	@mkdir -p dist
	node scripts/install-manifest.ts > dist/install.yaml

gen: $(INSTALLED) ## Write what is generated: CRDs, the API reference, the page about metrics
	node scripts/gen.ts

check: $(INSTALLED) ## Format, lint, types, layers, dead code, branches of the core, generated files
	node scripts/check.ts

test: $(INSTALLED) $(BUNDLE) ## All tests: unit, property, contract, and those on a real API server
	node scripts/test.ts

unit-test: test ## As the original called it

test-matrix: $(INSTALLED) $(BUNDLE) ## The suites on a real API server, on each of the newest three minors
	node scripts/test-matrix.ts

test-load: $(INSTALLED) $(BUNDLE) ## All of the load suites, of which `make test` has the short half (15 minutes)
	LOAD=long node scripts/test.ts $(wildcard test/load/*.test.ts)

alerts-test: $(INSTALLED) ## The alerts as Prometheus reads them (builds promtool once, minutes)
	node scripts/test.ts alerts

helm3-test: $(INSTALLED) $(BUNDLE) ## The operator beside the Go project, installed by Helm 3
	BESIDE_ORIGINAL_HELM=3 node scripts/test.ts test/chart/beside-original.test.ts

live-test: $(INSTALLED) ## The login against AWS itself (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)
	node scripts/test.ts live

e2e: $(INSTALLED) $(BUNDLE) ## Pods pull on a real node (Linux, root; builds kubelet and containerd once; IMAGE=dist/image.tar)
	node scripts/e2e.ts $(if $(IF_POSSIBLE),--if-possible)

image: ## The image of the Dockerfile as dist/image.tar, by Docker or buildah
	bash scripts/image.sh dist/image.tar

plugin: $(INSTALLED) $(BUNDLE) ## The kubectl plugin as an archive, and its manifest for krew, in dist/plugin
	node scripts/plugin.ts

demo: $(INSTALLED) $(BUNDLE) ## See it at work on a real API server (KEEP=1 leaves it running)
	node scripts/demo/main.ts $(if $(KEEP),--keep)

bench: $(INSTALLED) $(BUNDLE) ## Speed and size beside the floor (SCALE=1: the rows that take minutes)
	node bench/bench.ts $(if $(SCALE),renewal requestsAtRest memoryOverSecrets largeObjects scale)

fleet: $(INSTALLED) ## How often 1,000 and 10,000 clusters of one account call AWS, by simulation (5 minutes)
	node bench/fleet.ts

soak: $(INSTALLED) $(BUNDLE) ## A long life in short: one fault a minute, and whether anything grows (MINUTES=30)
	node bench/soak.ts --minutes $(or $(MINUTES),30)

control-plane: $(INSTALLED) ## A real API server to play with, until Ctrl-C
	node scripts/control-plane.ts --controller-manager

clean: ## Remove what was built here
	rm -rf dist node_modules .cache
