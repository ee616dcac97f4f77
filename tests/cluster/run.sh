#!/usr/bin/env bash
# The cluster and contract tests on a real control plane; arguments go to pytest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/enter.sh" python -m pytest tests/cluster tests/contract "$@"
