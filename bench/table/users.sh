# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: lists of all users at once, in one backend

lists_model
n=$(sql -c "SELECT count(*) FROM lists_model_users")
# rate SETTING QUERY: users a second of CPU, the first run not counted
rate() {
  {
    echo "$1;"
    for ((run = 0; run < runs + 1; run++)); do echo "$2;"; done
  } | cpu | tail -n +3 | median | awk -v n="$n" '{ printf "%.0f\n", n / $1 * 1000 }'
}
row "LATERAL topn(10) over all $n users: users/s of CPU" \
  "$(rate "SET lepton.threads = 1" "SELECT count(item_id) FROM lists_model_users u, LATERAL lepton_topn('lists_model', u.id, 10)")" - ">= 25000" "l >= 25000"
if has_function lepton_topn_all; then
  row "lepton_topn_all of them, one thread: users/s of CPU" \
    "$(rate "SET lepton.threads = 1" "SELECT count(item_id) FROM lepton_topn_all('lists_model', 10)")" - ">= 40000" "l >= 40000"
else
  skip "lepton_topn_all of them: users/s of CPU" "not there yet"
fi
