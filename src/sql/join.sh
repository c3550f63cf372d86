#!/bin/sh
# join.sh PART...: the install script, of its parts in this order.
#
# A part NAME.sql.in is there for every kind of id @item@ or, where it has
# @user@, for every pair of kinds, @user@ and @item@; @type@ is the name of @item@ in
# the schema pg_catalog, @suffix@ what the name of a function that gives ids of that
# kind ends in, and @of@ what it ends in besides where it gives ids of @user@.
set -eu
for part in "$@"; do
  case $part in
    *.sql) cat "$part" ;;
    *.sql.in)
      users=bigint
      if grep -q @user@ "$part"; then users='bigint text uuid'; fi
      for item in bigint text uuid; do
        for user in $users; do
          suffix=_$item
          type=$item
          [ "$item" != bigint ] || { suffix= && type=int8; }
          of=_of_$user
          [ "$user" != bigint ] || of=
          sed -e "s/@user@/$user/g" -e "s/@item@/$item/g" -e "s/@type@/$type/g" -e "s/@suffix@/$suffix/g" -e "s/@of@/$of/g" "$part"
        done
      done ;;
  esac
done
