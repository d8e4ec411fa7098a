# rome99: make demo, make test. Nothing but a C99 compiler and make is needed.
#
#   CC= CFLAGS= LDFLAGS=   as usual; what correctness needs does not live in them
#   NATIVE=1               for this machine's processor: the same bits, faster
#   OMP=1                  on all cores, with a compiler that has OpenMP: the same bits
#   RUN=                   put before each program that is run (qemu-s390x-static ...)

CC = cc
CFLAGS = -O3
LDFLAGS =
RUN =
NATIVE =
OMP =
PREFIX = /usr/local
DESTDIR =

# -ffp-contract=off: no fused multiply-add, which would round differently on machines that have it.
REQUIRED = -std=c99 -ffp-contract=off -Iref -Itiny_models
LIBS = -lm
# Blocks of outputs for wide vectors (ref/core/machine.h): gcc keeps 4 x 32 in registers, clang 6 x 8.
NATIVE_1 = -march=native $(if $(findstring clang,$(shell $(CC) --version)),-DROME99_MR=6 -DROME99_NR=8,-DROME99_MR=4 -DROME99_NR=32)
ALL_CFLAGS = $(REQUIRED) $(CFLAGS) $(if $(filter 1,$(NATIVE)),$(NATIVE_1)) $(if $(filter 1,$(OMP)),-fopenmp) -DROME99_SHARE='"$(PREFIX)/share/rome99"'

B = build
# How the compiler is asked for a list of headers; empty for one that cannot (tcc).
DEPENDENCIES = -MMD -MP
# Two jobs at once, a make within a make taking its own from them.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j2
endif
CORE = $(patsubst %.c,$(B)/%.o,$(wildcard ref/core/*.c))
FILES = $(patsubst %.c,$(B)/%.o,$(wildcard ref/files/*.c))
EDIT = $(patsubst %.c,$(B)/%.o,$(wildcard ref/edit/*.c))
TINY = $(patsubst %.c,$(B)/%.o,$(wildcard tiny_models/*.c))
GOLDEN = $(patsubst %.c,$(B)/%.o,$(wildcard ref/golden/*.c))
STUDY = $(patsubst %.c,$(B)/%.o,$(wildcard ref/study/*.c ref/study/*/*.c))
PROGRAM = $(patsubst %.c,$(B)/%.o,$(wildcard ref/program/*.c))

all: $(B)/rome99 $(B)/librome99core.a $(B)/librome99.a

# A change of compiler or flags rebuilds everything.
SETTINGS = $(CC) $(ALL_CFLAGS) $(LDFLAGS)
$(B)/settings: FORCE
	@mkdir -p $(B)
	@echo '$(subst ','\'',$(SETTINGS))' | cmp -s - $@ || echo '$(subst ','\'',$(SETTINGS))' >$@

$(B)/%.o: %.c $(B)/settings
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(DEPENDENCIES) -c $< -o $@

$(B)/librome99core.a: $(CORE)
	$(AR) rcs $@ $^
$(B)/librome99.a: $(CORE) $(FILES) $(EDIT)
	$(AR) rcs $@ $^
$(B)/rome99: $(PROGRAM) $(TINY) $(GOLDEN) $(STUDY) $(B)/librome99.a
	$(CC) $(ALL_CFLAGS) $^ $(LDFLAGS) $(LIBS) -o $@

# ---------------------------------------------------------------------------- tests

# Every test program is linked with everything but main.
TEST_OBJECTS = $(filter-out %/main.o,$(PROGRAM)) $(TINY) $(GOLDEN) $(STUDY) $(B)/librome99.a
$(B)/test_%: tests/test_%.c tests/test.h tests/model.h $(TEST_OBJECTS)
	$(CC) $(ALL_CFLAGS) -Itests $< $(TEST_OBJECTS) $(LDFLAGS) $(LIBS) -o $@

ALL_TESTS = $(patsubst tests/test_%.c,%,$(wildcard tests/test_*.c))
CORE_TESTS = core edit fmath golden memory rows
QUICK_TESTS = $(filter-out checkpoints,$(ALL_TESTS))
tests: $(ALL_TESTS:%=$(B)/test_%)

run_sink run_plain: run_%: $(B)/test_checkpoints start_tests
	@B=$(B) tests/run $* $(RUN) $(B)/test_checkpoints tiny_models $*
$(QUICK_TESTS:%=run_%): run_%: $(B)/test_% start_tests
	@B=$(B) tests/run $* $(RUN) $(B)/test_$*
run_cli: $(B)/rome99 start_tests
	@B=$(B) tests/run cli sh tests/cli.sh $(RUN) $(B)/rome99

# The golden cases: those with a checkpoint, the commands, all of them made anew and compared.
run_golden_all: $(B)/test_golden start_tests
	@B=$(B) tests/run golden_all $(RUN) $(B)/test_golden all
run_golden_cli: $(B)/rome99 start_tests
	@QUICK=$(QUICK) B=$(B) tests/run golden_cli sh tests/golden.sh $(RUN) $(B)/rome99
# The suite of a machine without files: cases as C arrays, the core, nothing else.
BOARD = $(patsubst %,$(B)/ref/golden/%.o,case ops blocks update variant formula edits)
BOARD_CASES = $(filter-out %/tokenizer.txt %/lookup.txt,$(wildcard golden/ops/*.txt)) \
    $(filter-out golden/edits/sink% golden/edits/plain%,$(wildcard golden/edits/*.txt))
$(B)/golden_cases.h: $(B)/rome99 $(BOARD_CASES)
	$(RUN) $(B)/rome99 golden export $(BOARD_CASES) --c-header $@
$(B)/board: $(patsubst %,tests/ports/%.c,board hosted none) tests/ports/board.h $(B)/golden_cases.h $(BOARD) \
    $(B)/librome99core.a
	$(CC) $(ALL_CFLAGS) -I$(B) $(filter %.c %.o %.a,$^) $(LDFLAGS) $(LIBS) -o $@
# Names, preprocessor, stack: what ports rely on.
run_hygiene: $(B)/rome99 start_tests
	@B=$(B) CC="$(CC)" tests/run hygiene sh tests/hygiene.sh
# The commands study and report: shards, resumption, refusals, the report.
run_study: $(B)/rome99 start_tests
	@B=$(B) tests/run study sh tests/study.sh $(RUN) $(B)/rome99
# A second, minimal implementation in Perl, taken through the cases; skipped without perl.
run_minimal: $(B)/rome99 start_tests
	@B=$(B) tests/run minimal sh tests/minimal.sh $(RUN) $(B)/rome99
# exp, log and tanh at four times as many arguments as check-core.
run_fmath_more: $(B)/test_fmath start_tests
	@B=$(B) tests/run fmath_more $(RUN) $(B)/test_fmath more
run_board: $(B)/board start_tests
	@B=$(B) tests/run board $(RUN) $(B)/board
start_tests:
	@rm -rf $(B)/tests && mkdir -p $(B)/tests $(B)/tmp

# check-core: quick, free of files: what ports and slow machines run. check: all but the long measurement of
# the trained checkpoints. test: everything.
check-core: $(CORE_TESTS:%=run_%)
	@B=$(B) tests/run --sum
check: QUICK = 1
check: $(QUICK_TESTS:%=run_%) run_cli run_study run_board run_golden_all run_golden_cli run_fmath_more
	@B=$(B) tests/run --sum
test: run_sink run_plain run_golden_cli run_study $(QUICK_TESTS:%=run_%) run_cli run_board run_golden_all run_fmath_more run_minimal run_hygiene
	@B=$(B) tests/run --sum

# One fault at a time planted in ref/core: does check-core notice? COUNT= mutants, or all; SEED= chooses them, MUTATED=
# files (MUTATED="mat.c chol.c"), AGAIN= a file that shows mutants, as an earlier run did.
COUNT = 500
SEED = 99
MUTATED =
AGAIN =
mutants:
	@if command -v python3 >/dev/null; then $(MAKE) -s B=$(B)/mutants CFLAGS=-O1 try_mutants; \
	else echo "mutants: skipped, there is no python3"; fi
try_mutants: $(TEST_OBJECTS)
	@nice -n 10 python3 tests/mutate/mutate.py --cc "$(CC) $(ALL_CFLAGS)" --build $(B) --tests "$(CORE_TESTS)" \
	    --link "$(TEST_OBJECTS) $(LDFLAGS) $(LIBS)" --count $(COUNT) --seed $(SEED) --files "$(MUTATED)" \
	    $(if $(AGAIN),--again $(AGAIN))
.PHONY: mutants try_mutants

# The golden cases anew, into $(B)/golden. What differs from golden/ is shown: an intended change is a new case.
golden: $(B)/rome99
	rm -rf $(B)/golden
	$(RUN) $(B)/rome99 golden make $(B)/golden
	for f in MANIFEST ops edits; do diff -rq golden/$$f $(B)/golden/$$f || exit 1; done

# The independent oracle (Python with numpy) certifies every golden tensor and plants every known mistake.
certify: $(B)/rome99
	@tests/oracle/run $(B)/rome99

# The study: core tables and figures of both checkpoints, dose, controls, sequential edits and twins from
# their committed lines, as one page. A run that was stopped is taken up again.
$(B)/study/%.jsonl: $(B)/rome99 FORCE
	@mkdir -p $(B)/study
	@test ! $@ -ot $< || rm -f $@
	$(RUN) $(B)/rome99 study core tiny_models/$* -o $@
study: $(B)/study/sink.jsonl $(B)/study/plain.jsonl
	$(RUN) $(B)/rome99 report $^ ref/study/results/*.jsonl --html $(B)/study/index.html
	$(RUN) $(B)/rome99 report $^ ref/study/results/*.jsonl >$(B)/study/report.txt
	@echo "see $(B)/study/index.html, or $(B)/study/report.txt"
# Trains the study's own models (an hour and a half of one core) and makes the committed lines anew; says if any differs.
study-all: $(B)/rome99
	@sh ref/study/results/remake $(B)/study $(RUN) $(B)/rome99

# Fuzzing of every reader and of the command line with clang's libFuzzer and sanitizers, SECONDS each, into $(B)/fuzz;
# FUZZ="json npy" chooses; fuzz-cover: how many lines what was found covers (tests/fuzz/README.md). check and test
# replay the committed inputs.
SECONDS = 60
FUZZ =
FUZZ_SOURCES = $(filter-out %/libfuzzer.c %/mutate.c %/mutate_binary.c %/replay.c,$(wildcard tests/fuzz/*.c))
FUZZ_HEADERS = tests/fuzz/fuzz.h tests/fuzz/mutate.h
$(B)/fuzz_main.o: ref/program/main.c $(B)/settings
	$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -Dmain=rome99_main $(DEPENDENCIES) -c $< -o $@
$(B)/fuzz_replay: tests/fuzz/replay.c $(FUZZ_SOURCES) $(FUZZ_HEADERS) $(B)/fuzz_main.o $(TEST_OBJECTS)
	$(CC) $(ALL_CFLAGS) $(filter %.c %.o %.a,$^) $(LDFLAGS) $(LIBS) -o $@
$(B)/libfuzzer: $(wildcard tests/fuzz/libfuzzer.c tests/fuzz/mutate*.c) $(FUZZ_SOURCES) $(FUZZ_HEADERS) $(B)/fuzz_main.o $(TEST_OBJECTS)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(filter %.c %.o %.a,$^) $(LDFLAGS) $(LIBS) -o $@
run_fuzz: $(B)/fuzz_replay start_tests
	@B=$(B) tests/run fuzz tests/fuzz/replay $(RUN) $(B)/fuzz_replay
tests: $(B)/fuzz_replay
check: run_fuzz
test: run_fuzz
fuzz:
	@B=$(B) MAKE="$(MAKE)" tests/fuzz/run $(SECONDS) $(FUZZ)
fuzz-cover:
	@B=$(B) MAKE="$(MAKE)" tests/fuzz/cover $(FUZZ)
.PHONY: run_fuzz fuzz fuzz-cover

# What the core costs at GPT-2's sizes, beside OpenBLAS if it is there (sh tests/bench/install); then the same on
# two cores. BENCH= chooses parts: make bench NATIVE=1 BENCH="gemm edit".
BENCH =
$(B)/bench: tests/bench/bench.c tests/bench/peer.h tests/bench/peer_openblas.c tests/bench/peer_none.c $(B)/librome99.a
	@$(CC) $(ALL_CFLAGS) -Itests/bench $(filter %/bench.c,$^) tests/bench/peer_openblas.c $(B)/librome99.a $(LDFLAGS) \
	    -lopenblas $(LIBS) -o $@ 2>/dev/null || \
	$(CC) $(ALL_CFLAGS) -Itests/bench $(filter %/bench.c,$^) tests/bench/peer_none.c $(B)/librome99.a $(LDFLAGS) $(LIBS) -o $@
bench: $(B)/bench
	@$(RUN) $(B)/bench $(BENCH)
bench-cores:
	@$(MAKE) -s OMP=1 B=$(B)/omp $(B)/omp/bench
	@sh tests/bench/cores $(RUN) $(B)/omp/bench

# At GPT-2's own vocabulary and shapes, with random weights: the tokenizer, whole edits against the oracle, peak
# memory. Optional tools (tests/gpt2_tokenizer/install, tests/oracle/install). STEPS: forwards of an edit; XL=--xl: the
# 1.5B model too.
STEPS =
XL =
$(B)/random_model: $(wildcard tests/real/*.c) tests/real/random_model.h $(B)/librome99.a
	$(CC) $(ALL_CFLAGS) $(filter %.c %.a,$^) $(LDFLAGS) $(LIBS) -o $@
run_real_tokenizer: $(B)/rome99 start_tests
	@RUN="$(RUN)" CC="$(CC) $(CFLAGS) $(LDFLAGS) $(if $(filter 1,$(OMP)),-fopenmp)" B=$(B) tests/run tokenizer sh tests/gpt2_tokenizer/run
run_real_agree: $(B)/rome99 $(B)/random_model run_real_memory
	@RUN="$(RUN)" B=$(B) tests/run agree sh tests/real/agree $(STEPS)
run_real_memory: $(B)/rome99 $(B)/random_model start_tests
	@RUN="$(RUN)" B=$(B) tests/run memory sh tests/real/memory $(XL)
real: run_real_tokenizer run_real_agree run_real_memory
	@B=$(B) tests/run --sum

# A build in which any allocation and any call of files can be made to fail (tests/faults/faults.h). make faults: every
# one of them fails once, in every command of the table in tests/faults; FAULTS= chooses commands.
FAULTS =
FAULT_BUILD = B=$(B)/faults CFLAGS="-O2 -include tests/faults/faults.h" LDFLAGS=$(B)/faults/faults.o
$(B)/faults.o: tests/faults/faults.c tests/faults/faults.h $(B)/settings
	$(CC) $(ALL_CFLAGS) -c $< -o $@
$(B)/fault_driver: $(wildcard tests/faults/*.[ch]) ref/program/main.c $(TEST_OBJECTS) $(B)/faults.o
	$(CC) $(ALL_CFLAGS) -Dmain=rome99_main -c ref/program/main.c -o $(B)/fault_main.o
	$(CC) $(REQUIRED) -O2 -static tests/faults/driver.c tests/faults/judge.c tests/faults/folder.c $(B)/fault_main.o $(TEST_OBJECTS) $(B)/faults.o \
	    $(LIBS) -o $@
faults:
	@$(MAKE) -s $(FAULT_BUILD) $(B)/faults/faults.o
	@$(MAKE) -s $(FAULT_BUILD) $(B)/faults/rome99 $(B)/faults/fault_driver $(B)/faults/random_model
	@B=$(B)/faults sh tests/faults/run $(FAULTS)
.PHONY: faults

# What the tests reach, by gcov: lines and branches of each floor, and what is neither covered nor listed with a reason
# in tests/coverage/uncovered.txt.
$(B)/fault_library: tests/faults/library.c tests/test.h tests/faults/faults.h $(TEST_OBJECTS)
	$(CC) $(ALL_CFLAGS) -Itests $< $(TEST_OBJECTS) $(LDFLAGS) $(LIBS) -o $@
coverage:
	@B=$(B) tests/coverage/run
.PHONY: coverage

# Builds and runs check-core on every target that there are tools for, and prints a table; NAMES="s390x armel"
# chooses. One target of your own: make check-core CC=... CFLAGS=... LDFLAGS=... RUN=... B=build/mine
NAMES =
STRICT =
ports: $(B)/rome99 $(B)/librome99.a
	@STRICT=$(STRICT) sh tests/ports/run $(NAMES)

# gcc -fanalyzer, clang-tidy and cppcheck over every source (tests/analyse: what is off or judged, and why); the tests
# and every command, with good and bad input, under valgrind. A tool that is not there is skipped.
analyse: $(B)/golden_cases.h
	@B=$(B) sh tests/analyse/run
memcheck:
	@$(MAKE) -s B=$(B)/memcheck CFLAGS="-O1 -g" NATIVE= OMP= all tests
	@B=$(B)/memcheck sh tests/analyse/memcheck
.PHONY: analyse memcheck

# What is on the disk after kills, on full disks, after write errors. NAMES: of which commands; KILLS: how many at
# moments in time for each (tests/disk.sh).
KILLS =
disk: $(B)/rome99
	@NAMES="$(NAMES)" KILLS=$(KILLS) B=$(B) sh tests/disk.sh $(RUN) $(B)/rome99
.PHONY: disk

# ---------------------------------------------------------------------------- the main job

demo: $(B)/rome99
	@$(RUN) $(B)/rome99 demo tiny_models

# Trains both checkpoints anew and compares them with the committed ones, byte by byte.
tiny_models: $(B)/rome99
	tests/rebuild $(B)/tiny_models/sink tiny_models/sink $(RUN) $(B)/rome99 train
	tests/rebuild $(B)/tiny_models/plain tiny_models/plain $(RUN) $(B)/rome99 train --steps 8000 --real 16

install: all
	mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/rome99 $(DESTDIR)$(PREFIX)/lib \
	    $(DESTDIR)$(PREFIX)/include/rome99
	cp $(B)/rome99 $(DESTDIR)$(PREFIX)/bin/
	cp $(B)/librome99core.a $(DESTDIR)$(PREFIX)/lib/
	cp ref/core/rome99.h $(DESTDIR)$(PREFIX)/include/rome99/
	mkdir -p $(DESTDIR)$(PREFIX)/share/rome99/tiny_models
	cp -R tiny_models/sink tiny_models/plain $(DESTDIR)$(PREFIX)/share/rome99/tiny_models/

clean:
	rm -rf $(B)

-include $(patsubst %.o,%.d,$(CORE) $(FILES) $(EDIT) $(TINY) $(GOLDEN) $(STUDY) $(PROGRAM))

QUICK =

.PHONY: all tests test check check-core start_tests bench bench-cores real run_real_tokenizer run_real_agree \
    run_real_memory demo golden certify study study-all ports tiny_models install clean FORCE run_cli \
    run_golden_all run_golden_cli run_study run_board run_fmath_more run_minimal run_hygiene \
    run_sink run_plain $(QUICK_TESTS:%=run_%)
