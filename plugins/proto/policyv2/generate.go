// Package policyv2 is the wire form of the policy contract: policy.proto and the code generated from it. Package wire
// turns it into the types of policies/policy and back; nothing else should touch it.
//
// Generating needs protoc (Debian's protobuf-compiler 3.21 or newer) and
//
//	go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
//	go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
package policyv2

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative policy.proto
//go:generate protoc --python_out=../../example-python policy.proto
