// Package wire is what both ends of the transport to a policy process agree on: how they greet each other, and how the types
// of policies/policy travel.
//
// The way of the data:
//
//  1. The host starts an executable and both agree on a protocol version ([Handshake], [Protocols]).
//  2. A policy type becomes tables of named columns ([EncodeBatch], [EncodeDecisions], …), as its Columns method lists them: little-endian blocks that numpy
//     reads where they lie. Figures keep their bits, NaN payloads included.
//  3. The message travels as chunks that no gRPC limit is in the way of ([SendMessage], [ReceiveMessage]). A whole
//     training split, which may pass protobuf's own limit of 2 GiB, travels as parts ([SendTask], [ReceiveTask]).
//  4. The other end decodes. Whatever arrives, decoding ends with a value whose columns fit each other or with an error
//     that names the column; it never panics, and allocates no more than a small multiple of what arrived.
package wire

import plugin "github.com/hashicorp/go-plugin"

// Version is the protocol version, the number in policy.v2.
const Version = 2

// Service is the name under which a policy is dispensed.
const Service = "policy"

// Handshake keeps a user from running a plugin by hand, and a plugin from being taken for one of another program.
var Handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "TRILEMMA_PLUGIN",
	MagicCookieValue: "trilemma-policy",
}

// Protocols makes the plugin sets that are offered, by protocol version, for go-plugin to choose from.
func Protocols(of plugin.Plugin) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{Version: {Service: of}}
}

const (
	// BundledArg is the first argument with which the program serves one of its own policies; the second is the name.
	BundledArg = "serve-policy"
	// PolicyEnv tells an executable that serves several policies which one is wanted.
	PolicyEnv = "TRILEMMA_POLICY"
	// LifelineEnv is set to "stdin" by a host whose end is also that of the plugin's standard input: a plugin that sees
	// it exits, so that a killed host leaves no processes behind.
	LifelineEnv = "TRILEMMA_LIFELINE"
	// ExecutablePrefix is what file names of plugin executables begin with.
	ExecutablePrefix = "trilemma-policy-"
	// PathEnv lists folders of plugin executables, separated as PATH is.
	PathEnv = "TRILEMMA_PLUGIN_PATH"
)
