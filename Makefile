# lepton: PGXS, with a few targets around it.
#
#   make, make install, make installcheck   as for every extension; PG_CONFIG says which server
#   make demo [RATINGS=file]                from ratings to recommendations, on a server of its own
#   make test                               everything; ends with "N passed, N failed"
#   make test-long                          what takes hours: docs/reliability.md
#   make unit                               the engine's tests alone: needs no server
#   make lint, sanitize, bench, format
#   make counts                             bench/counts.txt anew: instructions of the hot paths
#   make reference                          docs/reference.md anew, from the catalog of a server
#
# test, test-long, demo, lint, sanitize and bench first install by apt what is missing.

EXTENSION = lepton
MODULE_big = lepton
PGFILEDESC = "lepton - recommenders trained on rating tables"

OBJS = \
	src/core/als.o \
	src/core/baseline.o \
	src/core/best.o \
	src/core/blend.o \
	src/core/bulk.o \
	src/core/checksum.o \
	src/core/contest.o \
	src/core/cooccur.o \
	src/core/count_errors.o \
	src/core/cpu.o \
	src/core/crossval.o \
	src/core/dense.o \
	src/core/env.o \
	src/core/foldin.o \
	src/core/foldin_prior.o \
	src/core/format.o \
	src/core/gibbs.o \
	src/core/gibbs_blocks.o \
	src/core/gibbs_blocks_start.o \
	src/core/gibbs_noise.o \
	src/core/gibbs_rows.o \
	src/core/gini.o \
	src/core/ials.o \
	src/core/ials_basis.o \
	src/core/ials_rows.o \
	src/core/id.o \
	src/core/idmap.o \
	src/core/idtable.o \
	src/core/image.o \
	src/core/implicit.o \
	src/core/inspect.o \
	src/core/interval.o \
	src/core/items.o \
	src/core/judge.o \
	src/core/kernels.o \
	src/core/kernels_avx2.o \
	src/core/kernels_avx512.o \
	src/core/kernels_neon.o \
	src/core/kernels_portable.o \
	src/core/linalg.o \
	src/core/metrics.o \
	src/core/model.o \
	src/core/modelbytes.o \
	src/core/modelbytes_load.o \
	src/core/modelbytes_write.o \
	src/core/neighbor_rows.o \
	src/core/neighbors.o \
	src/core/normal.o \
	src/core/option_table.o \
	src/core/options.o \
	src/core/plan.o \
	src/core/pool.o \
	src/core/popular.o \
	src/core/posterior.o \
	src/core/posterior_export.o \
	src/core/precision.o \
	src/core/race.o \
	src/core/radix.o \
	src/core/ranked.o \
	src/core/ranker.o \
	src/core/ranker_neighbors.o \
	src/core/ranking.o \
	src/core/ranking_lists.o \
	src/core/ratings.o \
	src/core/ratings_cold.o \
	src/core/ratings_merge.o \
	src/core/ratings_sort.o \
	src/core/rerank.o \
	src/core/rng.o \
	src/core/rowstate.o \
	src/core/rowview.o \
	src/core/serve.o \
	src/core/sgd.o \
	src/core/similar.o \
	src/core/slim.o \
	src/core/solver.o \
	src/core/split.o \
	src/core/status.o \
	src/core/strata.o \
	src/core/times.o \
	src/core/topn.o \
	src/core/train.o \
	src/core/tune.o \
	src/core/view.o \
	src/core/walk.o \
	src/pg/aggregate.o \
	src/pg/basket.o \
	src/pg/cache.o \
	src/pg/cache_list.o \
	src/pg/cache_load.o \
	src/pg/changes.o \
	src/pg/clock.o \
	src/pg/columns.o \
	src/pg/drift.o \
	src/pg/eligible.o \
	src/pg/errors.o \
	src/pg/evaluate.o \
	src/pg/experiment.o \
	src/pg/explain.o \
	src/pg/folding.o \
	src/pg/forget.o \
	src/pg/groups.o \
	src/pg/guard.o \
	src/pg/handle.o \
	src/pg/html.o \
	src/pg/info.o \
	src/pg/inspect.o \
	src/pg/interval.o \
	src/pg/items.o \
	src/pg/jsonbuild.o \
	src/pg/jsonread.o \
	src/pg/keytype.o \
	src/pg/lepton.o \
	src/pg/lists.o \
	src/pg/live.o \
	src/pg/models.o \
	src/pg/optjson.o \
	src/pg/owner.o \
	src/pg/ownerplan.o \
	src/pg/pgenv.o \
	src/pg/planner.o \
	src/pg/plot.o \
	src/pg/predict.o \
	src/pg/progress.o \
	src/pg/publish.o \
	src/pg/ranked.o \
	src/pg/registry.o \
	src/pg/replication.o \
	src/pg/report.o \
	src/pg/report_lists.o \
	src/pg/retrain.o \
	src/pg/scan.o \
	src/pg/settings.o \
	src/pg/shared.o \
	src/pg/similar.o \
	src/pg/source.o \
	src/pg/source_column.o \
	src/pg/statement.o \
	src/pg/store.o \
	src/pg/times.o \
	src/pg/topn.o \
	src/pg/topn_all.o \
	src/pg/topn_users.o \
	src/pg/train.o \
	src/pg/training.o \
	src/pg/transfer.o \
	src/pg/tune.o \
	src/pg/userlist.o \
	src/pg/users.o \
	src/pg/value.o \
	src/pg/versions.o

# The install script's parts, in the order in which they build on each other.
SQL_PARTS = \
	src/sql/types.sql \
	src/sql/options.sql \
	src/sql/info.sql \
	src/sql/inspect.sql \
	src/sql/train.sql \
	src/sql/aggregate.sql \
	src/sql/planner.sql \
	src/sql/predict.sql.in \
	src/sql/topn.sql.in \
	src/sql/topn_for.sql.in \
	src/sql/topn_all.sql.in \
	src/sql/topn_users.sql.in \
	src/sql/ranked.sql.in \
	src/sql/similar.sql.in \
	src/sql/explain.sql.in \
	src/sql/models.sql \
	src/sql/stat.sql \
	src/sql/forget.sql \
	src/sql/progress.sql \
	src/sql/evaluate.sql \
	src/sql/value.sql.in \
	src/sql/value_items.sql.in \
	src/sql/transfer.sql \
	src/sql/report.sql

# The version stands in lepton.control and nowhere else in the code.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" lepton.control)
INSTALL_SCRIPT_SQL = $(EXTENSION)--$(EXTVERSION).sql

# src/sql/upgrade/NAME: the parts of NAME.sql, in the order of their names.  What is
# there is as it was released and stays so: the first version, and what each later
# one changes.
UPGRADE_SCRIPTS = $(sort $(notdir $(wildcard src/sql/upgrade/$(EXTENSION)--*)))

DATA_built = $(INSTALL_SCRIPT_SQL) $(addsuffix .sql,$(UPGRADE_SCRIPTS))

REGRESS = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=lepton
ISOLATION = $(sort $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=lepton

include src/core/flags.mk
PG_CPPFLAGS = -Isrc -MMD -MP
# what the server's headers and types (text, List) would set off
PG_CFLAGS = $(LEP_CFLAGS) $(LEP_WARNINGS) -Wno-shadow -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
SHLIB_LINK = -Wl,--version-script=src/pg/exports.map -lm -lpthread
EXTRA_CLEAN = $(OBJS:.o=.d) build lepton--*.sql

# No bitcode: inlined by the JIT, the engine's code would be compiled again by
# another compiler with other rules for floating point, and give other bits.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell { $(PG_CONFIG) --pgxs; } 2>/dev/null))
.DEFAULT_GOAL := all
ifneq ($(PGXS),)
include $(PGXS)
else
# "make demo" and "make test" can still be asked for, and install it
all install installcheck:
	@echo "no PostgreSQL development files: PG_CONFIG is $(PG_CONFIG)" >&2; exit 1
endif

# PGXS would make topn.sql anew from a topn.sql.in that is younger
%.sql: %.sql.in

lepton.so: src/pg/exports.map

$(INSTALL_SCRIPT_SQL): $(SQL_PARTS) src/sql/join.sh Makefile lepton.control
	sh src/sql/join.sh $(SQL_PARTS) > $@

define upgrade_script
$(1).sql: $(sort $(wildcard src/sql/upgrade/$(1)/*)) src/sql/join.sh Makefile
	sh src/sql/join.sh $(sort $(wildcard src/sql/upgrade/$(1)/*)) > $$@
endef
$(foreach script,$(UPGRADE_SCRIPTS),$(eval $(call upgrade_script,$(script))))

-include $(OBJS:.o=.d)

export PG_CONFIG

.PHONY: unit test test-long demo bench counts reference lint sanitize format print-pg-flags print-sql-parts print-objs

unit:
	$(MAKE) --no-print-directory -C test/unit check

test:
	@tools/test

test-long:
	@tools/test-long

demo:
	@tools/demo $(RATINGS)

bench:
	@bench/table.sh

counts:
	@bench/counts.sh renew

reference:
	@tools/cluster tools/reference > docs/reference.md.new
	@mv docs/reference.md.new docs/reference.md

lint:
	@tools/lint

sanitize:
	@tools/sanitize

format:
	clang-format -i $(wildcard src/*/*.[ch] test/*/*.[ch] test/*/*/*.[ch] bench/*.[ch])

# for tools/lint
print-pg-flags:
	@echo $(CPPFLAGS) $(CFLAGS) $(CFLAGS_SL)

print-objs:
	@printf '%s\n' $(OBJS)

print-sql-parts:
	@printf '%s\n' $(SQL_PARTS)
