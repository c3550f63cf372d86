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

check_ok "Makefile: OBJS are the files of src/core and src/pg, sorted" \
  same <(make -s print-objs) <(printf '%s\n' src/core/*.c src/pg/*.c | sed 's/c$/o/' | LC_ALL=C sort)
check_ok "Makefile: SQL_PARTS are the files of src/sql" \
  same <(make -s print-sql-parts | sort) <(printf '%s\n' src/sql/*.sql src/sql/*.sql.in | sort)
check_ok "every sql/*.sql has expected/*.out, and the reverse" \
  same <(stems .sql sql/*.sql) <(stems .out expected/*.out)
check_ok "every isolation spec has its expected output, and the reverse" \
  same <(stems .spec test/isolation/specs/*.spec) <(stems .out test/isolation/expected/*.out)
check_ok "META.json has lepton.control's version" versions
all_ok
