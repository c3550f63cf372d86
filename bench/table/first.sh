# shellcheck shell=bash disable=SC2154
# sourced by bench/table.sh: the first list of a new connection, 100,000 items x 64

# enough that every item has some
sgd_model wide ratings=2000000 items=100000
first() { timed <<<"\\timing
SELECT count(*) FROM lepton_topn('wide_model', 1, 10);"; }
cold=$(first)
for ((run = 0; run < 20; run++)); do
  first >>"$temp/first"
  cpu <<<"SELECT count(*) FROM lepton_topn('wide_model', 1, 10);" >>"$temp/first.cpu"
done
n=$(sql -c "SELECT count(*) FROM wide_model_items")
row "first topn ever of $n items: ms" "$cold" - "-"
row "first topn of a new connection: ms" "$(median <"$temp/first")" - "<= 10; with a shared cache 3" "l <= 10"
row "  CPU ms of its backend" "$(median <"$temp/first.cpu")" - "-"
