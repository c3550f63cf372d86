#!/usr/bin/env bash
# Both compilers, warnings as errors: engine, extension, tests, benchmarks;
# and every header by itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/report.sh
shopt -s nullglob

out=build/lint/obj
mkdir -p $out
# what the Makefile gives the compiler; -MMD is about its own tree
pg_flags=$(make -s print-pg-flags)
pg_flags=${pg_flags//-MMD -MP/}
core_flags="$(make -s -C test/unit print-flags) -Itest/unit"

# the server's own flags and attributes are gcc's; clang knows most of them
declare -A extra=([gcc]='' [clang]='-Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes')

# compile COMPILER FILE [FLAG]...
compile() {
  local compiler=$1 file=$2 flags=$core_flags
  shift 2
  case $file in
    src/pg/* | *header_pg.c) flags=$pg_flags ;;
    test/fuzz/server/*) flags="$pg_flags -Itest/fuzz" ;;
  esac
  # shellcheck disable=SC2086  # flags are words
  $compiler $flags ${extra[$compiler]} -Werror "$@" -c "$file" -o "$out/${file//\//_}.$compiler.o"
}

# A header compiles when it is all there is; an extension's after postgres.h,
# as every file of the server begins with it.
compile_header() {
  local file=$1
  case $file in
    src/pg/*)
      printf '#include "postgres.h"\n#include "%s"\n' "${file#src/}" >$out/header_pg.c
      compile gcc $out/header_pg.c
      ;;
    *)
      printf '#include "%s"\n' "${file#src/}" >$out/header_core.c
      compile gcc $out/header_core.c
      ;;
  esac
}

for compiler in gcc clang; do
  for file in src/core/*.c src/pg/*.c; do
    check_ok "$compiler $file" compile $compiler "$file"
  done
  for file in test/unit/*.c test/fuzz/*.c test/fuzz/server/*.c bench/*.c; do
    check_ok "$compiler $file" compile $compiler "$file"
  done
done
for file in src/core/*.h src/pg/*.h; do
  case $file in
    *_impl.h | *_template.h) ;; # bodies, included with parameters
    *) check_ok "alone: $file" compile_header "$file" ;;
  esac
done
all_ok
