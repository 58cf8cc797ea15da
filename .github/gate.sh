#!/usr/bin/env bash
# Gates every suite of $SUITES for the action; everything foreign arrives in variables and stays quoted.
set -uo pipefail

harness="${HARNESS:-$RUNNER_TEMP/prompt-gate/bin/harness}"
reports="$RUNNER_TEMP/prompt-gate-reports"
base="${BASE:-origin/${GITHUB_BASE_REF:-main}}"
mkdir -p "$reports"

options=(--quiet)
fork=false
if [ -n "${HEAD_REPOSITORY:-}" ] && [ "$HEAD_REPOSITORY" != "$GITHUB_REPOSITORY" ]; then
  fork=true # no secrets here: only a model that needs none can answer
  if [ -n "$FORK_MODEL" ]; then options+=(--model "$FORK_MODEL"); fi
elif [ -n "$MODEL" ]; then
  options+=(--model "$MODEL")
fi
if [ -n "$MARGIN" ]; then options+=(--margin "$MARGIN"); fi
if [ -n "$MAX_COST" ]; then options+=(--max-cost "$MAX_COST"); fi
if [ "${STOP:-}" = true ]; then options+=(--stop); fi

worst=0
graver() { # a broken run (2, 4, 5, 70: an error of the harness) is graver than a failed gate, a failed gate than an open one
  case "$1" in
    0) return 1 ;;
    3) [ "$worst" -eq 0 ] ;;
    1) [ "$worst" -eq 0 ] || [ "$worst" -eq 3 ] ;;
    *) [ "$worst" -eq 0 ] || [ "$worst" -eq 3 ] || [ "$worst" -eq 1 ] ;;
  esac
}

number=0
gate() { # what to gate (a suite, or --all), then the suites that a fork's files are checked by
  local what="$1" code=0 one
  shift
  number=$((number + 1))
  local out="$reports/$number"
  if [ "$fork" = true ]; then
    echo "::group::harness check"
    for one in "$@"; do "$harness" check "$one" --untrusted || code=$?; done
    echo "::endgroup::"
  fi
  if [ "$code" -eq 0 ] && { [ "$fork" = false ] || [ -n "$FORK_MODEL" ]; }; then
    # The outputs of the step are those of all suites together: written below, not by each gate.
    GITHUB_OUTPUT='' "$harness" gate "$what" --base "$base" --out "$out" "${options[@]}" || code=$?
  fi
  if [ -f "$out/gate.md" ]; then cat "$out/gate.md" >>"$reports/gate.md"; fi
  if graver "$code"; then worst=$code; fi
}

read -r -d '' -a suites <<<"$SUITES" || true
if [ "${#suites[@]}" -eq 0 ]; then # all that the pull request touches, decided as one
  mapfile -d '' -t known < <(git ls-files -z -- '*.suite.yml' '*.suite.yaml')
  gate --all "${known[@]}"
else
  for suite in "${suites[@]}"; do gate "$suite" "$suite"; done
fi

echo "exit-code=$worst" >>"$GITHUB_OUTPUT"
if [ "$worst" -eq 3 ] && [ "$INCONCLUSIVE" = warn ]; then
  echo "::warning title=Prompt gate::These cases prove neither that the prompts are as good nor that they are not."
  exit 0
fi
exit "$worst"
