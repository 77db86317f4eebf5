#!/usr/bin/env bash
# Rules about the repository itself that no compiler knows.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "rules: $1" >&2
  exit 1
}

for path in README.md CHANGELOG.md LICENSE deny.toml docs/architecture.md docs/errors.md; do
  [ -s "$path" ] || fail "$path is missing"
done

if git grep -nI -E 'todo!\(|unimplemented!\(|#\[ignore' -- '*.rs'; then
  fail "unfinished code"
fi

if git grep -nI -E '(^|[^A-Za-z0-9_.])/(home|root|Users)/' -- . ':!tests/rules.sh'; then
  fail "a path of somebody's machine"
fi

# What a build makes is never committed.
if git ls-files | grep -E '(^|/)(target|node_modules|__pycache__)/|\.(db|pyc|so)$'; then
  fail "build output is committed"
fi

# Points where a test can stop the process are not in the program that people install.
if cargo tree --locked --package lineal --edges normal,features --prefix none | grep -q failpoints; then
  fail "lineal is built with failpoints"
fi

echo "rules: all kept"
