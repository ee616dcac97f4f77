#!/usr/bin/env bash
# Builds the peers of the benchmarks, once, where tests/cluster/build.sh puts its own parts. Needs Go.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${VOPS_CLUSTER_CACHE:-$root/.cache/cluster}/bin
pins=$(sha256sum "$here/parts/k9s/go.mod" | cut -c1-16)
[ "$(cat "$bin/k9s.pins" 2>/dev/null || true)" = "$pins" ] && exit 0
mkdir -p "$bin"
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
(cd "$here/parts/k9s" && go build -ldflags "-s -w" -o "$bin/k9s" github.com/derailed/k9s)
echo "$pins" >"$bin/k9s.pins"
