# What "sam build" runs for each resource of template.yaml: build-ID puts what Lambda gets into ARTIFACTS_DIR.
# SAM does not tell for which architecture: the environment does, and the template's parameter of the same name has
# the same default. A program is static and built for either on either, so no build container is needed.

ARCHITECTURE ?= arm64
GOARCH_arm64 := arm64
GOARCH_x86_64 := amd64

FUNCTIONS := Create List Status Contents Rows Download Delete Validate Prove Restore Plan Switch Cancel Cleanup Settings Audit Metrics Health

.PHONY: $(FUNCTIONS:%=build-%Function) build-PgDumpLayer

$(FUNCTIONS:%=build-%Function): build-%Function:
	@[ -n "$(GOARCH_$(ARCHITECTURE))" ] || { echo "ARCHITECTURE is $(ARCHITECTURE); it can be arm64 or x86_64" >&2; exit 1; }
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_$(ARCHITECTURE)) go build -tags lambda,lambda.norpc -trimpath \
	  -ldflags '-s -w -X cofre/functions/internal/entry.version=$(VERSION)' \
	  -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/$$(echo $* | tr A-Z a-z)

# Without apt, as on Amazon Linux, a layer that was made before is taken.
build-PgDumpLayer:
	@command -v apt-get >/dev/null && scripts/setup layer-$(ARCHITECTURE) || [ -e .cache/pg_dump/layer-$(ARCHITECTURE)/pg_dump/MANIFEST ] || \
	  { echo "the layer is made from Debian packages: run scripts/setup layer-$(ARCHITECTURE) on Debian or Ubuntu first (see layers/pg_dump/README.md)" >&2; exit 1; }
	mkdir -p "$(ARTIFACTS_DIR)" && cp -R .cache/pg_dump/layer-$(ARCHITECTURE)/. "$(ARTIFACTS_DIR)/"
