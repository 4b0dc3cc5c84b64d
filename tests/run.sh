#!/usr/bin/env bash
# Installs what the tests need where it is missing, builds, and runs every test.
# The last line counts: N passed, N failed, N skipped. Exit 0 only where nothing failed.
#   tests/run.sh [dotnet test arguments, e.g. --filter ...]
set -u
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need influxd influxdb
need chromium chromium
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
need strace strace
need python3 python3
if [ "${#missing[@]}" -gt 0 ]; then
  echo "tests/run.sh: installing ${missing[*]}"
  as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
  if ! { as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1; then
    echo "tests/run.sh: could not install ${missing[*]}; the tests that need them are skipped and say so"
  fi
fi

if ! dotnet build FleetVibe.sln -c Release -v quiet -nologo; then
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

test_projects() {
  local failed=0 project name
  for project in "$@"; do
    name=$(basename "$project")
    echo "== $name"
    dotnet test "$project" -c Release --no-build -nologo -v quiet --logger "console;verbosity=minimal" \
      --logger "trx;LogFileName=$name.trx" --results-directory "$results" "${arguments[@]}" || failed=1
  done
  return "$failed"
}

# Real processes mostly wait, so most of the others run beside them; the cluster and the campaigns want the cores for themselves.
arguments=("$@")
processes=tests/FleetVibe.EndToEnd.Tests
alone=(tests/FleetVibe.Cluster.Tests tests/FleetVibe.Chaos.Tests)
beside=()
for project in tests/*.Tests; do
  case " $processes ${alone[*]} " in *" $project "*) ;; *) beside+=("$project") ;; esac
done
code=0
test_projects "$processes" >"$results/processes.txt" 2>&1 &
test_projects "${beside[@]}" || code=1
wait "$!" || code=1
cat "$results/processes.txt"
test_projects "${alone[@]}" || code=1

count() { cat "$results"/*.trx 2>/dev/null | grep -o "<Counters [^>]*" | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9\n' | awk '{s+=$1} END {print s+0}'; }
total=$(count total); passed=$(count passed); failed=$(( $(count failed) + $(count error) + $(count timeout) + $(count aborted) ))
skipped=$(( total - passed - failed ))
if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
if [ "$total" -eq 0 ]; then failed=1; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
