//go:build tools

// Package k9s pins the terminal UI that the benchmarks are held beside.
package k9s

import _ "github.com/derailed/k9s"
