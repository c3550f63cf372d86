# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: lists of 10 at a client on a socket, prepared, warm: us by
# pgbench, the median; beside pgvector over the same factors

# seconds of CPU that backends took which have ended
ended() { awk -v hz="$(getconf CLK_TCK)" '{ print ($16 + $17) / hz }' "/proc/$(head -1 "$(sql -c 'SHOW data_directory')/postmaster.pid")/stat"; }

# latency QUERY USERS: of :u, random from 1 to USERS; after a second to warm up; and
# the CPU us of a backend for one, to $temp/cpu_us
latency() {
  local before
  printf '\\set u random(1, %d)\n%s;\n' "$2" "$1" >"$temp/query"
  rm -f "$temp"/log.*
  (cd "$temp" && pgbench -n -M prepared -T 1 -f query) >/dev/null 2>&1
  before=$(ended)
  (cd "$temp" && pgbench -n -M prepared -T "${SECONDS_EACH:-4}" -f query -l --log-prefix=log) >/dev/null 2>&1
  calculate "($(ended) - $before) * 1e6 / $(cat "$temp"/log.* | wc -l)" %.1f >"$temp/cpu_us"
  cut -d' ' -f3 "$temp"/log.* | median
}

# vectors MODEL: items and users of it as one product each: factors, bias and 1
vectors() {
  sql -c "CREATE TABLE items_v AS SELECT id, (lepton_vector(factors) || bias || 1::real)::vector(66) AS v FROM $1_items" \
    -c "CREATE TABLE users_v AS SELECT id, (lepton_vector(factors) || 1::real || bias)::vector(66) AS v FROM $1_users" \
    -c "ALTER TABLE users_v ADD PRIMARY KEY (id)" -c "VACUUM ANALYZE"
}
by_vector="SELECT id FROM items_v ORDER BY v <#> (SELECT v FROM users_v WHERE id = :u) LIMIT 10"
# lists NAME QUERY: of 100 users, kept
lists() {
  sql -c "CREATE TABLE lists_$1 AS SELECT u.id, ARRAY($2) AS list FROM (SELECT id, v FROM users_v ORDER BY id LIMIT 100) u"
}
# the share of lists_exact that the other has
recall() {
  sql -c "SELECT round(avg((SELECT count(*) FROM unnest(e.list) x WHERE x = ANY (l.list)) / 10.0), 3)
    FROM lists_exact e JOIN lists_$1 l USING (id)"
}

# size ITEMS MODEL GOAL
size() {
  local users l cpu_us exact=- hnsw=-
  users=$(sql -c "SELECT count(*) FROM $2_users")
  l=$(latency "SELECT * FROM lepton_topn('$2', :u, 10)" "$users")
  cpu_us=$(cat "$temp/cpu_us")
  if [ -n "${PGVECTOR:-}" ]; then
    vectors "$2"
    exact=$(latency "$by_vector" "$users")
    lists exact "SELECT i.id FROM items_v i ORDER BY i.v <#> u.v LIMIT 10"
    lists lepton "SELECT item_id FROM lepton_topn('$2', u.id, 10, exclude_seen => false)"
    sql -c "SET maintenance_work_mem = '4GB'" -c "CREATE INDEX ON items_v USING hnsw (v vector_ip_ops)"
    hnsw=$(latency "$by_vector" "$users")
    lists hnsw "SELECT i.id FROM items_v i ORDER BY i.v <#> u.v LIMIT 10"
  fi
  row "topn(10) of $1 items: us at the client" "$l" - "<= $3" "l <= $3"
  row "  CPU us of its backend" "$cpu_us" - "-"
  row "  beside pgvector, exact" "$l" "$exact" ">= 10 x as fast" "l * 10 <= p"
  row "  beside pgvector, HNSW, ef 40" "$l" "$hnsw" "faster" "l < p"
  if [ -n "${PGVECTOR:-}" ]; then
    row "  recall, beside HNSW's" "$(recall lepton)" "$(recall hnsw)" "1" "l == 1"
    sql -c "DROP TABLE items_v, users_v, lists_exact, lists_lepton, lists_hnsw"
  fi
}

sgd_model ratings ratings="$n_ratings"
size "$(sql -c "SELECT count(*) FROM ratings_model_items")" ratings_model 40
lists_model
size "$(sql -c "SELECT count(*) FROM lists_model_items")" lists_model 60
if [ -n "$large" ]; then
  sgd_model million ratings="$n_ratings" users=100000 items=1000000
  size "$(sql -c "SELECT count(*) FROM million_model_items")" million_model 1500
else
  skip "topn(10) of 1 M items" "SIZE=large"
fi
