#!/usr/bin/env bash
# Benchmarks; arguments name some of them: metrics, cli_help, diagnosis, long_log, diagnose, fleet, platform, soak. The
# last four need a real control plane and get a fresh one each, as tests/cluster/enter.sh says. platform also builds k9s,
# to be held beside it, into the same cache; it and soak=SECONDS (ten minutes without) are not in the run of all.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
[ $# -gt 0 ] || set -- metrics cli_help diagnosis long_log diagnose fleet
for name in "$@"; do
  case $name in
    diagnose | fleet | platform | soak | soak=*)
      [ "$name" != platform ] || "$here/build.sh"
      "$here/../cluster/enter.sh" python -m tests.bench "$name"
      ;;
    *) .venv/bin/python -m tests.bench "$name" ;;
  esac
done
