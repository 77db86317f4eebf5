#!/usr/bin/env bash
# Checks the chart: lint and render each case of helm/lineal/ci, hold what was rendered against the schemas
# of the oldest and the newest Kubernetes, and see that values which cannot work are refused.
# Missing tools go to a cache folder, never into the system.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly HELM_VERSION=v4.3.1
readonly PYTHON_PACKAGES=(kubernetes-validate==1.37.0 PyYAML==6.0.3)
readonly KUBERNETES_VERSIONS=(1.30 1.37)

readonly CHART=helm/lineal
readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/lineal"

main() {
  find_helm
  make_venv
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT

  local values cases=0 refused=0
  for values in "$CHART"/ci/*.yaml; do
    check_case "$values"
    cases=$((cases + 1))
  done
  for values in "$CHART"/ci/refused/*.yaml; do
    check_refused "$values"
    refused=$((refused + 1))
  done
  # A renamed folder must not pass as a chart without faults.
  ((cases > 0 && refused > 0)) || fail "no cases found below $CHART/ci"
  echo "chart-check: $cases cases valid on Kubernetes ${KUBERNETES_VERSIONS[*]}, $refused bad values refused"
}

find_helm() {
  PATH="$PATH:$CACHE/bin"
  command -v helm >/dev/null && return
  command -v go >/dev/null || fail "needs helm 3.18 or newer on PATH, or go to build it"
  echo "chart-check: building helm $HELM_VERSION once, this takes some minutes"
  GOBIN="$CACHE/bin" quietly go install "helm.sh/helm/v4/cmd/helm@$HELM_VERSION"
}

# The list of packages is part of the folder's name: another pin is another environment.
make_venv() {
  local name
  name=$(IFS=_; echo "chart-check_${PYTHON_PACKAGES[*]}")
  venv="$CACHE/venv/${name//==/-}"
  [[ -e $venv/ready ]] && return
  quietly python3 -m venv --clear "$venv"
  quietly "$venv/bin/pip" install --quiet --disable-pip-version-check "${PYTHON_PACKAGES[@]}"
  touch "$venv/ready"
}

check_case() {
  local values=$1 name version
  name=$(basename "$values" -values.yaml)
  quietly helm lint --strict "$CHART" --values "$values"
  for version in "${KUBERNETES_VERSIONS[@]}"; do
    helm template lineal "$CHART" --values "$values" --kube-version "$version" >"$work/$name-$version.yaml"
    "$venv/bin/python" deploy/chart_check.py "$version" deploy/lineal.yaml "$work/$name-$version.yaml"
  done
  echo "ok       $name: $(grep -c '^kind:' "$work/$name-$version.yaml") objects"
}

# The first line of such a file is a comment with what the refusal must mention, so that a file which is
# refused for another reason does not count.
check_refused() {
  local values=$1 name mention
  name=$(basename "$values" .yaml)
  mention=$(sed -n '1s/^# //p' "$values")
  if helm template lineal "$CHART" --values "$values" >/dev/null 2>"$work/refusal"; then
    fail "$name: accepted, but must be refused"
  fi
  grep -qF -- "$mention" "$work/refusal" || fail "$name: the refusal does not mention $mention: $(cat "$work/refusal")"
  echo "refused  $name: $(grep -F -m1 -- "$mention" "$work/refusal" | sed "s/^- //")"
}

# Shows the output of a command only when it fails.
quietly() {
  local log
  log=$("$@" 2>&1) || fail "$*"$'\n'"$log"
}

fail() {
  echo "chart-check: $1" >&2
  exit 1
}

main
