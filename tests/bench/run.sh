#!/usr/bin/env bash
# Benchmarks on a real control plane; arguments name some of them (metrics, cli_help, diagnose, fleet).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/../cluster/enter.sh" python -m tests.bench "$@"
