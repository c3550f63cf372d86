#!/usr/bin/env bash
# What is said twice agrees: lists in the Makefile and files, tests and their
# expected output, the version.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/report.sh
shopt -s nullglob

same() { diff "$1" "$2" | sed 's/^/# /'; }

# stems EXTENSION FILE...: their names without directory and extension
stems() {
  local file
  for file in "${@:2}"; do basename "$file" "$1"; done | sort
}

versions() {
  local version
  version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" lepton.control)
  [ -n "$version" ] && VERSION=$version perl -MJSON::PP -0777 -ne '
    my $meta = decode_json($_);
    my @other = grep { $_ ne $ENV{VERSION} } $meta->{version}, $meta->{provides}{lepton}{version};
    print "# META.json has $_, lepton.control $ENV{VERSION}\n" for @other;
    exit(@other > 0)' META.json
}

# One update leads on from each version, from the first one to lepton.control's.
update_chain() {
  local version at=1.0.0 next n=1
  local -a scripts=(src/sql/upgrade/lepton--*)
  version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" lepton.control)
  [ -d src/sql/upgrade/lepton--$at ] || { echo "# there is no src/sql/upgrade/lepton--$at"; return 1; }
  while [ "$at" != "$version" ]; do
    next=(src/sql/upgrade/lepton--"$at"--*)
    [ ${#next[@]} = 1 ] || { echo "# ${#next[@]} updates from $at, not 1"; return 1; }
    at=${next[0]##*--}
    n=$((n + 1))
  done
  [ ${#scripts[@]} = $n ] || { echo "# ${#scripts[@]} scripts in src/sql/upgrade, $n of them in the chain"; return 1; }
  grep -q "^## $version " CHANGELOG.md || { echo "# CHANGELOG.md has no $version"; return 1; }
}

check_ok "Makefile: OBJS are the files of src/core and src/pg, sorted" \
  same <(make -s print-objs) <(printf '%s\n' src/core/*.c src/pg/*.c | sed 's/c$/o/' | LC_ALL=C sort)
check_ok "Makefile: SQL_PARTS are the files of src/sql" \
  same <(make -s print-sql-parts | sort) <(printf '%s\n' src/sql/*.sql src/sql/*.sql.in | sort)
check_ok "every sql/*.sql has expected/*.out, and the reverse" \
  same <(stems .sql sql/*.sql) <(stems .out expected/*.out)
check_ok "every isolation spec has its expected output, and the reverse" \
  same <(stems .spec test/isolation/specs/*.spec) <(stems .out test/isolation/expected/*.out)
check_ok "META.json has lepton.control's version" versions
check_ok "src/sql/upgrade leads from 1.0.0 to lepton.control's version, which is in CHANGELOG.md" update_chain
all_ok
