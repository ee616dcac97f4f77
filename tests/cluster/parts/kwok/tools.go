//go:build tools

// Package kwok pins the kubelet stand-in that the cluster tests use for numbers.
package kwok

import _ "sigs.k8s.io/kwok/cmd/kwok"
