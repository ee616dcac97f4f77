#!/usr/bin/env bash
# Takes the CustomResourceDefinitions that the manifest library needs out of their Go modules, once, into
# $VOPS_CLUSTER_CACHE/crds. Those of projects without a served module are in tests/data/crds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
crds=${VOPS_CLUSTER_CACHE:-$root/.cache/cluster}/crds
pins=$(sha256sum <"$0" | cut -c1-16)
[ "$(cat "$crds/pins" 2>/dev/null || true)" = "$pins" ] && exit 0
mkdir -p "$crds"

extract() {
  local module=$1 folder=$2 zip
  shift 2
  # A module that asks for a newer Go is downloaded all the same, and only its files are wanted.
  zip=$({ cd / && go mod download -json "$module" || true; } | sed -n 's/^\t"Zip": "\(.*\)",$/\1/p')
  [ -n "$zip" ] || { echo "$module cannot be downloaded" >&2; return 1; }
  python3 - "$zip" "$module/$folder" "$crds" "$@" <<'PYTHON'
import pathlib, sys, zipfile

archive, folder, target, *names = sys.argv[1:]
with zipfile.ZipFile(archive) as source:
    for name in names:
        pathlib.Path(target, name).write_bytes(source.read(f"{folder}/{name}"))
PYTHON
}

extract github.com/kedacore/keda/v2@v2.21.0 config/crd/bases keda.sh_scaledobjects.yaml
extract sigs.k8s.io/karpenter@v1.15.0 pkg/apis/crds karpenter.sh_nodepools.yaml
extract github.com/prometheus-operator/prometheus-operator@v0.85.0 example/prometheus-operator-crd \
  monitoring.coreos.com_podmonitors.yaml monitoring.coreos.com_servicemonitors.yaml \
  monitoring.coreos.com_prometheusrules.yaml
extract sigs.k8s.io/gateway-api@v1.6.3 config/crd/standard gateway.networking.k8s.io_httproutes.yaml
echo "$pins" >"$crds/pins"
