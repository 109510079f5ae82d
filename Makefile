# The targets a newcomer needs are demo and test; each does all of its own set-up.
# "make help" lists all.

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LAYER    := lib/cofre/pg_dump/18
FUZZTIME ?= 5s
GOTEST   := go run ./tools/gotest

.PHONY: help setup build demo test lint fuzz bench generate clean distclean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

setup: ## get everything that building and testing needs (see scripts/setup)
	@scripts/setup

build: bin/cofre $(LAYER) ## build bin/cofre, and the pg_dump it uses into lib/

demo: build ## back a sample database up, verify and restore it; KEEP=1 leaves it running
	@scripts/setup curl server-18
	bin/cofre demo $(if $(KEEP),--keep)

test: setup build lint ## run all tests with the race detector; a skipped test fails
	$(GOTEST) -race -p 2 -timeout 15m ./...

lint: ## check formatting and run go vet
	@unformatted=$$(gofmt -l $$(find . -name '.?*' -prune -o -name node_modules -prune -o -name '*.go' -print)); \
	  [ -z "$$unformatted" ] || { echo "not formatted, run gofmt -w on:" $$unformatted; exit 1; }
	go vet ./...

fuzz: setup ## run each fuzz target for FUZZTIME (5s)
	@scripts/fuzz $(FUZZTIME)

bench: setup build ## measure cofre beside stock pg_dump pipelines
	go run ./bench $(BENCHFLAGS)

generate: ## make the Go side of the API's contract anew (api/openapi.yaml)
	api/generate

clean: ## remove what was built; set-up tools stay in .cache
	rm -rf bin lib

distclean: clean ## remove everything that setup made, too
	rm -rf .cache

include functions/build.mk

# Go knows best what has to be built again.
bin/cofre: FORCE
	@scripts/setup system
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/cofre

$(LAYER): FORCE
	@scripts/setup client-18
	@cmp -s .cache/pg_dump/18/MANIFEST $@/MANIFEST || \
	  { rm -rf $@ && mkdir -p $(dir $@) && cp -a .cache/pg_dump/18 $@ && echo "put pg_dump, pg_restore and psql 18 into $@"; }
