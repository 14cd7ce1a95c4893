# zeroloss: `make help` lists the targets.
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

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/zeroloss without debug information, which halves the image size
	@go build -ldflags="$(LDFLAGS)" -o $(BIN) ./cmd/zeroloss

scenario: build ## run SCENARIO (default: offline) on RUNTIME (default: local) and print the path of the report
	@bin/zeroloss run $(SCENARIO) --runtime $(RUNTIME) $(ARGS)

# The tests in e2e measure times, so they run after the others and not in parallel.
test: ## run unit and contract tests, then the tests of the built command
	go test -timeout 15m $$(go list ./... | grep -v /e2e)
	go test -timeout 15m ./e2e

sdk-oldest: ## run the registry's contract tests with the oldest supported SDK
	@set -o pipefail; cd demo-services/registry/registrytest/sdk232 && \
	  if out=$$(go mod download 2>&1); then go test -mod=mod -count 1 -timeout 10m -v . | grep -v '^=== '; \
	  else echo "skipped: nacos-sdk-go v2.3.2 cannot be downloaded: $$(tail -1 <<<"$$out")"; fi

lint: bin/golangci-lint-$(GOLANGCI) ## run gofmt, golangci-lint (.golangci.yml) and deadcode
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

race: ## run the unit tests with the race detector; needs cgo
	CGO_ENABLED=1 go test -race -timeout 30m $$(go list ./... | grep -v /e2e)

census: ## print an overview of the source: packages, big types, private words
	@go run ./e2e/census

online: ## run all scenarios of coming online locally; ARGS=-short: those of CI; ARGS='-run Online/warmup -count 10': one of them ten times
	go test -tags online -count 1 -timeout 60m -v -run Online $(ARGS) ./e2e

e2e: ## run the tests in a kind cluster of two nodes with a real Nacos; ARGS=-short: those of CI; skipped without a container engine
	go test -tags e2e -count 1 -timeout 60m -v -run Kube $(ARGS) ./e2e

bench: build ## measure the figures of the README; ratios compare with a peer in the same run
	@go test -tags bench -count 1 -v -run BenchPick ./demo-services/consumer
	@go test -tags bench -count 1 -timeout 60m -v -run Bench ./e2e

generate: build ## regenerate the scenario's JSON Schema and the golden files
	@bin/zeroloss schema scenario > scenarios/spec/scenario.schema.json
	go test ./scenarios/plan ./reports -update

verify: build ## check that generated files and modules are up to date
	@bin/zeroloss schema scenario | diff -u scenarios/spec/scenario.schema.json - || { echo "stale: run make generate"; exit 1; }
	@go mod tidy -diff
	@go mod verify

.PHONY: help build scenario online test sdk-oldest lint cross race census e2e bench generate verify
