# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: pgbench with 1 to 8 clients, lists of 10, prepared

lists_model
users=$(sql -c "SELECT count(*) FROM lists_model_users")
printf '\\set u random(1, %d)\n%s;\n' "$users" "SELECT * FROM lepton_topn('lists_model', :u, 10)" >"$temp/query"
for clients in 1 2 4 8; do
  rm -f "$temp"/log.*
  tps=$(cd "$temp" && pgbench -n -M prepared -c $clients -j "$cores" -T "${SECONDS_EACH:-4}" -f query -l --log-prefix=log 2>/dev/null |
    sed -n 's/^tps = \([0-9.]*\).*/\1/p')
  [ $clients != 1 ] || one=$tps
  cut -d' ' -f3 "$temp"/log.* >"$temp/latencies"
  p50=$(median <"$temp/latencies")
  p99=$(quantile 0.99 <"$temp/latencies")
  if [ $clients = 1 ]; then
    row "pgbench, 1 client: lists/s" "$(calculate "$tps" %.0f)" - "-"
  else
    used=$((clients < cores ? clients : cores))
    row "pgbench, $clients clients: lists/s, beside 1 client" "$(calculate "$tps" %.0f)" "$(calculate "$one" %.0f)" \
      "grows with $used cores: >= $(calculate "0.7 * $used") x" "l >= 0.7 * $used * p"
  fi
  row "  p99 beside the median: us" "$p99" "$p50" "<= 5 x" "l <= 5 * p"
done
