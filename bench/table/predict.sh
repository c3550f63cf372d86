# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: lepton_predict in a query over a million pairs

sgd_model ratings ratings="$n_ratings"
sql -c "CREATE TABLE pairs AS SELECT user_id, item_id FROM ratings LIMIT 1000000" -c "VACUUM ANALYZE pairs"
n=$(sql -c "SELECT count(*) FROM pairs")
# both in one session; the first of each, which loads, does not count
for ((run = 0; run < runs + 1; run++)); do
  echo "SELECT count(*), sum(user_id) FROM pairs;"
  echo "SELECT count(*), sum(lepton_predict('ratings_model', user_id, item_id)) FROM pairs;"
done | cpu | tail -n +3 >"$temp/times"
scan=$(sed -n 'p;n' "$temp/times" | median)
predict=$(sed -n 'n;p' "$temp/times" | median)
row "predict in a query over 1 M pairs: CPU us a pair, less the scan" "$(calculate "($predict - $scan) * 1000 / $n" %.3f)" - "<= 0.15" "l <= 0.15"
