# The targets a newcomer needs are demo and test; each does all of its own set-up.
# "make help" lists all.

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LAYER    := lib/cofre/pg_dump/18
FUZZTIME ?= 5s
GOTEST   := go run ./tools/gotest
# The packages whose tests take longest begin first, so that no core is idle while the last one ends. Many of the tests wait:
# four packages at a time keep two cores busy.
LONGEST  := ./internal/uitest ./pkg/backup ./pkg/pgdump ./pkg/cli ./pkg/engine ./pkg/registry ./functions ./pkg/storage/s3 ./internal/doctest \
            ./pkg/archive ./internal/deployment ./pkg/server ./bench ./pkg/storage/storagetest ./pkg/stream ./pkg/postgres ./pkg/rows ./pkg/api

# Where scripts/setup puts a Node.js if the system's is too old.
export PATH := $(CURDIR)/.cache/nodejs:$(PATH)

UI       := web/dist/index.html
UISOURCE := $(shell find web/src web/public web/scripts -type f) $(wildcard web/*.ts web/*.json web/.npmrc) web/index.html api/openapi.yaml

.PHONY: help setup build ui demo test test-ui pictures stores sam-test bare lint macos fuzz bench generate clean distclean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

setup: ## get everything that building and testing needs (see scripts/setup)
	@scripts/setup

build: bin/cofre $(LAYER) ## build bin/cofre with its web UI, and the pg_dump it uses into lib/

ui: $(UI) ## build the web UI into web/dist, and hold it against its budget of bytes

demo: build ## back a sample database up, verify and restore it; KEEP=1 leaves it running
	@scripts/setup curl server-18
	bin/cofre demo $(if $(KEEP),--keep)

# Setting up waits for the network and vetting computes: they go side by side. So do building and the components' tests, which wait for half of their time.
test: ## run all tests with the race detector; a skipped test fails
	@scripts/setup compiler
	@$(MAKE) --no-print-directory -j2 setup lint
	@$(MAKE) --no-print-directory -j2 build test-ui
	$(GOTEST) -race -vet=off -ldflags="-s -w" -p 4 -timeout 30m $(LONGEST) ./...

test-ui: ## run the web UI's component tests, and check its types and generated client
	@scripts/setup node
	cd web && npm test

# COFRE_ONLY takes those alone whose names match, and COFRE_SCREENSHOTS another folder.
pictures: build ## take pictures of every screen of the UI in every state into .cache/ui-screenshots, to look at
	@scripts/setup system client-18 server-18 node chromium
	go test -tags pictures -count 1 -timeout 30m -run 'Pictures$$' -v ./internal/uitest

# Docker's images are large: they lie on the disk, unlike the files of other tests.
sam-test: ## build all functions with the SAM CLI and invoke each in a container; needs root, for Docker
	@scripts/setup system server-18 minio sam docker
	TMPDIR=$${TMPDIR:-/tmp} $(GOTEST) -tags sam -timeout 15m -run 'Sam|TemplateHas' ./functions

stores: ## run the tests of S3 services of others on all of them, and print the matrix of docs/operating.md
	@scripts/setup system client-18 server-18 minio sam rclone gofakes3 s3rver versitygw seaweedfs stores
	$(GOTEST) -tags stores -timeout 20m -run Stores ./pkg/storage/storagetest
	go test -tags stores -timeout 20m -run 'TestStores$$' -count 1 -v ./pkg/cli

bare: ## run "make demo" and "make test" on a minimal Debian of their own, as a newcomer does; needs root; KEEP=1 leaves it
	@scripts/bare

# With the race detector, as the tests: what both compile is compiled once.
lint: ## check formatting and run go vet, of the local store for macOS too
	@scripts/setup compiler
	@unformatted=$$(gofmt -l $$(find . -name '.?*' -prune -o -name node_modules -prune -o -name '*.go' -print)); \
	  [ -z "$$unformatted" ] || { echo "not formatted, run gofmt -w on:" $$unformatted; exit 1; }
	go vet -race ./...
	GOOS=darwin go vet ./pkg/storage/local

macos: ## run go vet on everything as it is built for macOS
	GOOS=darwin go vet ./...

fuzz: setup ## run each fuzz target for FUZZTIME (5s), and make many requests from the API's contract
	@scripts/fuzz $(FUZZTIME)
	COFRE_EXAMPLES=50 go test -count 1 -timeout 30m -run TestContractFuzzing ./pkg/api

bench: setup build ## measure cofre beside stock pg_dump pipelines
	go run ./bench $(BENCHFLAGS)

generate: ## make what is generated from the API's contract anew (api/openapi.yaml)
	api/generate
	@scripts/setup node
	cd web && npm run generate

clean: ## remove what was built; set-up tools stay in .cache
	rm -rf bin lib .aws-sam
	find web/dist -mindepth 1 ! -name .gitkeep -delete

distclean: clean ## remove everything that setup made, too
	rm -rf .cache web/node_modules

include functions/build.mk

$(UI): $(UISOURCE)
	@scripts/setup node
	cd web && npm run build

# Go knows best what has to be built again.
bin/cofre: $(UI) FORCE
	@scripts/setup system
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/cofre

$(LAYER): FORCE
	@scripts/setup client-18
	@cmp -s .cache/pg_dump/18/MANIFEST $@/MANIFEST || \
	  { rm -rf $@ && mkdir -p $(dir $@) && cp -a .cache/pg_dump/18 $@ && echo "put pg_dump, pg_restore and psql 18 into $@"; }
