// Package examplepython carries the Python side of the contract for those who write new policies: the SDK beside the example,
// with the code generated from policy.proto.
package examplepython

import "embed"

// SDK holds the files that a policy written in Python needs beside it.
//
//go:embed trilemma_policy.py policy_pb2.py
var SDK embed.FS
