// Package contract is api/openapi.yaml in Go: the types of every request and answer, and the checks that hold a request
// against the document. types.gen.go and openapi.gen.json are made from it by "make generate".
package contract
