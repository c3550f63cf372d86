#!/bin/sh
# join.sh PART...: the install script, of its parts in this order.
#
# A part NAME.sql.in is there for every pair of kinds of ids, @user@ and @item@;
# @suffix@ is what the name of a function that gives items of that kind ends in.
set -eu
for part in "$@"; do
  case $part in
    *.sql) cat "$part" ;;
    *.sql.in)
      for item in bigint text uuid; do
        for user in bigint text uuid; do
          suffix=_$item
          [ "$item" != bigint ] || suffix=
          sed -e "s/@user@/$user/g" -e "s/@item@/$item/g" -e "s/@suffix@/$suffix/g" "$part"
        done
      done ;;
  esac
done
