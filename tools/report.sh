# shellcheck shell=bash
# Sourced by the tools that run checks: logs, counts, and the last line.
#
# run_suite NAME COMMAND... writes the command's output to build/test/NAME.log,
# counts its "ok" and "not ok" lines (TAP) and pg_regress's lines, shows what
# failed, and adds to the totals.  A suite that ends in failure without naming
# a failed test counts as one failed test, and so does a suite that ran none.

log_dir=build/test
total_passed=0
total_failed=0
checks_failed=0

# A TAP line for a check that is a command: ok if it succeeds.
check_ok() {
  local name=$1
  shift
  if "$@"; then
    echo "ok - $name"
  else
    echo "not ok - $name"
    checks_failed=$((checks_failed + 1))
  fi
}

# The last line of a script of checks, so that its status says what they said.
all_ok() { [ "$checks_failed" = 0 ]; }

# "passed failed skipped" of a log.  A bare "ok" is prove's, about a whole file.
count_log() {
  awk '
    /^ok [0-9-]/ && /# *[Ss][Kk][Ii][Pp]/ { skipped++; next }
    /^not ok [0-9-]/ && /# *[Tt][Oo][Dd][Oo]/ { passed++; next }
    /^ok [0-9-]/ { passed++; next }
    /^not ok [0-9-]/ { failed++; next }
    /^(test| )[ ]*[^ ]+ +\.\.\. ok / { passed++; next }
    /^(test| )[ ]*[^ ]+ +\.\.\. FAILED/ { failed++; next }
    END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

# What a reader needs of a log to see why it failed: which, then why.
show_failures() {
  local log=$1 which why
  which=$(grep -E '^not ok [0-9-]|\.\.\. FAILED' "$log" | head -40 || true)
  why=$(grep -nE 'error:|ERROR:|FATAL:|PANIC:|Sanitizer|^# [^ ]*[^a-z_0-9]' "$log" | grep -vi '# *skip' | head -40 || true)
  [ -z "$which" ] || printf '%s\n' "$which"
  if [ -n "$why" ]; then printf '%s\n' "$why"; else tail -30 "$log"; fi
}

# run_log NAME COMMAND...: the command's output into its log, and beside it how it
# ended and how long it took.  Counts nothing, so it may run in the background.
run_log() {
  local name=$1 log=$log_dir/$1.log status=0 started=$SECONDS
  shift
  mkdir -p "$log_dir"
  rm -f "$log_dir/$name.end"
  ("$@") >"$log" 2>&1 || status=$?
  echo "$status $((SECONDS - started))" >"$log_dir/$name.end"
}

# What a log says, to the screen and to the totals.
report_log() {
  local name=$1 log=$log_dir/$1.log status=none seconds=0 passed failed skipped
  [ ! -e "$log_dir/$name.end" ] || read -r status seconds <"$log_dir/$name.end"
  [ -e "$log" ] || { mkdir -p "$log_dir" && : >"$log"; }
  read -r passed failed skipped < <(count_log "$log")
  if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ $((passed + skipped)) = 0 ]; }; then
    echo "not ok - $name ended with status $status, and $passed passed" >>"$log"
    failed=1
  fi
  printf '%-12s %5d passed, %3d failed, %3d skipped  (%d s)\n' \
    "$name" "$passed" "$failed" "$skipped" "$seconds"
  grep -hiE '^ok [0-9-].*# *skip' "$log" | sed -E 's/^ok [0-9]* ?-? ?/    skipped: /; s/# *skip *(.*)/(\1)/I' | sort -u || true
  if [ "$failed" != 0 ]; then
    show_failures "$log" | sed 's/^/    /'
    echo "    all of it: $log"
  fi
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
}

run_suite() {
  run_log "$@"
  report_log "$1"
}

# Background work, at most so many at a time, each in a process group of its own;
# what is left of it ends with the script.  Logs of another run are removed, so
# that a suite that never began is not taken for one that passed.
begin_background() {
  max_running=$1
  rm -rf "$log_dir"
  trap stop_background EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  set -m
}

start() {
  while [ "$(jobs -rp | wc -l)" -ge "$max_running" ]; do wait -n || true; done
  "$@" &
}

# shellcheck disable=SC2317  # called by the trap
stop_background() {
  local pid
  for pid in $(jobs -rp); do kill -TERM -- "-$pid" 2>/dev/null || true; done
}

# run_tool COMMAND...: a tool whose last line is that of finish.  Shown as it comes,
# and added to the totals; one that does not come to its end is a failed test.
run_tool() {
  local log last status=0
  log=$(mktemp)
  echo "== $*"
  "$@" 2>&1 | tee "$log" || status=$?
  last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1) || true
  rm -f "$log"
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    total_passed=$((total_passed + BASH_REMATCH[1]))
    total_failed=$((total_failed + BASH_REMATCH[2]))
    [ "$status" = 0 ] || [ "${BASH_REMATCH[2]}" != 0 ] || total_failed=$((total_failed + 1))
  else
    echo "$* did not come to its end (status $status)"
    total_failed=$((total_failed + 1))
  fi
}

# The last line, and the answer of the whole.
finish() {
  echo "$total_passed passed, $total_failed failed"
  [ "$total_failed" = 0 ] && [ "$total_passed" -gt 0 ]
}
