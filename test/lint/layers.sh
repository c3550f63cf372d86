#!/usr/bin/env bash
# sql -> pg -> core, provably: what the engine includes and needs, what the
# library exports, and where the server's version may be asked.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/report.sh
shopt -s nullglob

out=build/lint/core
mkdir -p $out
core_flags=$(sed -n 's/^LEP_CFLAGS = //p' src/core/flags.mk)

# Nothing matches the pattern in the files (grep answers 1, not 2).
none() {
  local pattern=$1 status=0
  shift
  grep -nHE "$pattern" "$@" </dev/null >"$out/matches" || status=$?
  sed 's/^/# /' "$out/matches"
  [ $status = 1 ]
}

core_includes() {
  none '^ *# *include +("pg/|["<]([.]|postgres|fmgr|c[.]h|utils/|access/|catalog/|executor/|storage/|lib/|nodes/))' src/core/*.[ch] &&
    none '\b(palloc|pfree|ereport|elog|CHECK_FOR_INTERRUPTS|printf|fprintf|getenv)\b *\(' src/core/*.c
}

# Outside names that an object needs and the list does not have.
needs_only_listed() {
  local object=$1 name bad=0
  while read -r name; do
    grep -qE "^$name( $(basename "$object"))?:" test/lint/core_symbols.txt || { echo "# needs $name"; bad=1; }
  done < <(nm -u "$object" | awk '{ print $2 }' | grep -vxFf $out/defined)
  return $bad
}

# lep_ names only, so that nothing meets a name of the server's.
defines_own_names() {
  ! nm -g --defined-only "$1" | awk '$3 !~ /^lep_/ { print "# defines " $3 }' | grep .
}

exports() {
  local strange
  strange=$(nm -D --defined-only lepton.so | awk '{ print $3 }' |
    grep -vxE 'Pg_magic_func|_PG_init|pg_finfo_lepton_[a-z0-9_]+|lepton_[a-z0-9_]+' || true)
  [ -z "$strange" ] || { printf '# exports %s\n' "$strange"; return 1; }
  # not -q: nm would be cut short, which counts as a failure
  nm -D --defined-only lepton.so | grep ' Pg_magic_func$' >/dev/null
}

check_ok "src/core includes and calls nothing of the server" core_includes
other_files=()
for file in src/*/*.[ch]; do
  [ "$file" = src/pg/compat.h ] || other_files+=("$file")
done
check_ok "PG_VERSION_NUM only in src/pg/compat.h" none PG_VERSION_NUM "${other_files[@]}"
check_ok "no goto" none '\bgoto\b' src/*/*.[ch]

for file in src/core/*.c; do
  # shellcheck disable=SC2086  # flags are words
  gcc $core_flags -O2 -fPIC -Isrc -c "$file" -o "$out/$(basename "$file" .c).o"
done
nm -g --defined-only $out/*.o | awk 'NF == 3 { print $3 }' | sort -u >$out/defined
for object in "$out"/*.o; do
  [ -e "src/core/$(basename "$object" .o).c" ] || { rm "$object"; continue; }
  check_ok "$(basename "$object") needs only what is listed" needs_only_listed "$object"
  check_ok "$(basename "$object") defines lep_ names" defines_own_names "$object"
done

make -s -j"$(nproc)" all
check_ok "lepton.so exports only what PostgreSQL calls" exports
all_ok
