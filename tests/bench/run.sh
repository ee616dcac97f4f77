#!/usr/bin/env bash
# Benchmarks; arguments name some of them: metrics, cli_help, diagnosis, diagnose, fleet. The last two need a real control
# plane and get a fresh one each, as tests/cluster/enter.sh says.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
[ $# -gt 0 ] || set -- metrics cli_help diagnosis diagnose fleet
for name in "$@"; do
  case $name in
    diagnose | fleet) "$here/../cluster/enter.sh" python -m tests.bench "$name" ;;
    *) .venv/bin/python -m tests.bench "$name" ;;
  esac
done
