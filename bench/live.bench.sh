#!/usr/bin/env bash
# What option live costs: CPU time of the backend (utime + stime of /proc) per list
# of 10, with lepton.live off and on, alternating, 2,000 users in one query; first
# with the rows of the training, then with rows that have changed.  LISTS=n takes
# other than 2,000 users, ROUNDS=n other than 3 rounds.  Without JIT: live lists are dear
# enough to the planner for it, and it takes as long as all of them.
set -euo pipefail
lists=${LISTS:-2000} rounds=${ROUNDS:-3}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

cat >"$temp/setup.sql" <<'SQL'
CREATE EXTENSION lepton;
CREATE FUNCTION ratings(n int) RETURNS TABLE (user_id int, item_id int, rating real) LANGUAGE sql AS $$
  SELECT DISTINCT ON (1, 2) u, ((u::bigint * 7919 + j * 104729 + u::bigint * j * j * 31) % 10007)::int, (1 + (u * 7 + j * 13) % 5)::real
    FROM generate_series(1, 20000) u, generate_series(1, n) j$$;
CREATE TABLE r20 AS SELECT * FROM ratings(20);
CREATE TABLE r50 AS SELECT * FROM ratings(50);
CREATE INDEX ON r20 (user_id, item_id);
CREATE INDEX ON r50 (user_id, item_id);
VACUUM ANALYZE;
SELECT count(lepton_train(m, r, o::jsonb)) FROM (VALUES
  ('als_20', 'r20', '{"algorithm": "als", "factors": 64, "epochs": 2}'), ('als_50', 'r50', '{"algorithm": "als", "factors": 64, "epochs": 2}'),
  ('ials_50', 'r50', '{"algorithm": "ials", "feedback": "implicit", "factors": 64, "epochs": 2}'),
  ('walk_50', 'r50', '{"algorithm": "walk", "feedback": "implicit"}')) v (m, r, o);
SQL
cat >"$temp/change.sql" <<SQL
UPDATE r20 SET rating = rating + 0.5 WHERE user_id <= $lists AND item_id % 7 = 0;
UPDATE r50 SET rating = rating + 0.5 WHERE user_id <= $lists AND item_id % 7 = 0;
INSERT INTO r20 SELECT u, 10006, 4 FROM generate_series(1, $lists) u;
INSERT INTO r50 SELECT u, 10006, 4 FROM generate_series(1, $lists) u;
VACUUM ANALYZE;
SQL

# Statements of one session: each step tells the ticks that the backend has used.
measure() {
  local model round setting
  for model in als_20 als_50 ials_50 walk_50; do
    echo "SELECT count(*) FROM generate_series(1, $lists) u, lepton_topn('$model', u, 10);"
    for ((round = 0; round < rounds; round++)); do
      for setting in off on; do
        cat <<SQL
SET lepton.live = $setting;
\\! awk '{ print "$1 $model $setting", \$14 + \$15 }' /proc/\$BACKEND/stat
SELECT count(*) FROM generate_series(1, $lists) u, lepton_topn('$model', u, 10);
\\! awk '{ print "$1 $model $setting", \$14 + \$15 }' /proc/\$BACKEND/stat
SQL
      done
    done
  done
}
{
  echo 'SELECT pg_backend_pid() AS pid \gset'
  echo '\setenv BACKEND :pid'
  echo 'SET jit = off;'
  measure unchanged
  cat "$temp/change.sql"
  measure changed
} >"$temp/measure.sql"
chmod -R a+rX "$temp"

tools/cluster bash -c "psql -Xqf $temp/setup.sql >/dev/null 2>&1 && psql -Xqtf $temp/measure.sql" |
  awk -v lists="$lists" -v tick="$(getconf CLK_TCK)" '
    /^(un)?changed/ {
      key = $1 " " $2 " " $3
      if (key in begun) { sum[key] += $4 - begun[key]; n[key]++; delete begun[key] } else begun[key] = $4
    }
    END { for (key in sum) printf "%s: %.0f us of CPU a list\n", key, sum[key] / n[key] / tick / lists * 1e6 }' | sort
