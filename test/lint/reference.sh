#!/usr/bin/env bash
# What is written about functions, views, settings and options is what a server says:
# docs/reference.md (make reference writes it) and the README's table of options.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/report.sh

out=build/lint/reference
mkdir -p $out

print_both() {
  # shellcheck disable=SC2016  # expanded inside
  tools/cluster bash -c 'tools/reference >"$0/reference.md" && tools/reference options >"$0/options"' $out
}

same() { diff "$1" "$2" | sed 's/^/# /'; }

check_ok "a server prints the reference" print_both
check_ok "docs/reference.md is what make reference prints" same docs/reference.md $out/reference.md
check_ok "README.md has the options that lepton_options() gives" \
  same <(sed -n '/^### Options/,/^### Settings/p' README.md | grep '^| `') $out/options
all_ok
