# zeroloss: `make help` lists what there is.
SHELL    := /bin/bash
SCENARIO ?= offline
RUNTIME  ?= local
ARGS     ?=
export CGO_ENABLED := 0
# A build of a tagged commit prints its tag; other builds print their commit.
VERSION  ?= $(shell git describe --tags --exact-match 2>/dev/null)
LDFLAGS  := -s -w $(if $(VERSION),-X zeroloss/cmd/zeroloss/internal/cli.version=$(VERSION))
GOLANGCI := v2.15.0
DEADCODE := v0.52.0
BIN      := bin/zeroloss

.DEFAULT_GOAL := help

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/zeroloss, without debug tables: the image of it is half as large
	@go build -ldflags="$(LDFLAGS)" -o $(BIN) ./cmd/zeroloss

scenario: build ## run SCENARIO (offline) on RUNTIME (local) and open nothing: the report's path is printed
	@bin/zeroloss run $(SCENARIO) --runtime $(RUNTIME) $(ARGS)

# The tests of the whole measure; they run after the others, not beside them.
test: ## unit and contract tests, then transcripts and crashes of the real command
	go test -timeout 15m $$(go list ./... | grep -v /e2e)
	go test -timeout 15m ./e2e

sdk-oldest: ## the registry's contract with the oldest SDK, in a module of its own
	@set -o pipefail; cd demo-services/registry/registrytest/sdk232 && \
	  if out=$$(go mod download 2>&1); then go test -mod=mod -count 1 -timeout 10m -v . | grep -v '^=== '; \
	  else echo "skipped: nacos-sdk-go v2.3.2 cannot be downloaded: $$(tail -1 <<<"$$out")"; fi

lint: bin/golangci-lint-$(GOLANGCI) ## gofmt, golangci-lint (.golangci.yml), dead code
	@out=$$(gofmt -l cmd demo-services e2e internal loadgen manifests reports scenarios); \
	  if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	bin/golangci-lint-$(GOLANGCI) run
	@out=$$(go run golang.org/x/tools/cmd/deadcode@$(DEADCODE) -test -tags e2e,bench,online ./...); \
	  if [ -n "$$out" ]; then echo "dead code:"; echo "$$out"; exit 1; fi

bin/golangci-lint-$(GOLANGCI):
	@mkdir -p bin
	GOBIN=$(CURDIR)/bin/tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	@ln -f bin/tools/golangci-lint $@

cross: ## build for the systems that CI does not run on
	GOOS=windows go build -o /dev/null ./cmd/zeroloss
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/zeroloss

race: ## the unit tests with the race detector; needs cgo
	CGO_ENABLED=1 go test -race -timeout 30m $$(go list ./... | grep -v /e2e)

census: ## how the source is laid out: packages, big types, private words
	@go run ./e2e/census

online: ## all scenarios of coming online, on this machine; ARGS=-short is CI's part, ARGS='-run Online/warmup -count 10' one of them ten times
	go test -tags online -count 1 -timeout 60m -v -run Online $(ARGS) ./e2e

e2e: ## in a kind cluster of two nodes, with a real Nacos; ARGS=-short is CI's part; skips, and says why, where there is no engine
	go test -tags e2e -count 1 -timeout 60m -v -run Kube $(ARGS) ./e2e

bench: build ## what the README's figures come from; ratios against a peer in the same run
	@go test -tags bench -count 1 -v -run BenchPick ./demo-services/consumer
	@go test -tags bench -count 1 -timeout 60m -v -run Bench ./e2e

generate: build ## rewrite what is generated: the scenario's JSON Schema, goldens
	@bin/zeroloss schema scenario > scenarios/spec/scenario.schema.json
	go test ./scenarios/plan ./reports -update

verify: build ## what is generated is up to date, and so are the modules
	@bin/zeroloss schema scenario | diff -u scenarios/spec/scenario.schema.json - || { echo "stale: run make generate"; exit 1; }
	@go mod tidy -diff
	@go mod verify

.PHONY: help build scenario online test sdk-oldest lint cross race census e2e bench generate verify
