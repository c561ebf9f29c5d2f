# Tests: every tests/unit/test_*.c becomes a program linked with all of lib and with tests/reference; tests/tools/*.c are programs that scripts use.
# tests/preload/*.c are loaded into tools before the C library.
# tests/cli/*.sh and tests/long/*.sh are scripts on the built tools. tests/run runs and counts them.

LIB_ALL    := $(PARTS:%=$(BUILD)/lib%.a)
LIBS_ALL   := $(foreach p,$(PARTS),$(LIBS_$(p)))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/test_*.c)))
TEST_TOOLS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/tools/*.c)))
REFERENCE  := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/reference/*.c)))
PRELOADS   := $(patsubst %.c,$(BUILD)/%.so,$(sort $(wildcard tests/preload/*.c)))
FUZZERS    := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SECONDS ?= 600
TEST_JOBS  ?= 2
TEST_SECONDS ?= 600

$(UNIT_TESTS) $(TEST_TOOLS): $(BUILD)/%: $(BUILD)/%.o $(REFERENCE) $(LIB_ALL)
	@echo '  LINK $@'
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(REFERENCE) $(LIB_ALL) -lcmocka $(LIBS_ALL)
-include $(UNIT_TESTS:=.d) $(TEST_TOOLS:=.d) $(REFERENCE:.o=.d)

$(PRELOADS): $(BUILD)/%.so: %.c
	@mkdir -p $(@D); echo '  LINK $@'
	$(Q)$(CC) -std=gnu11 -O1 $(WARNINGS) -Wno-missing-prototypes -Wno-nonnull -shared -fPIC -o $@ $< -ldl

test-programs: all $(UNIT_TESTS) $(TEST_TOOLS) $(PRELOADS) $(BUILD)/man/page

check: test-programs	## all quick tests; the last line is "N passed, N failed"
	@tests/run -j $(TEST_JOBS) -t $(TEST_SECONDS) -b $(BUILD) $(UNIT_TESTS) $(sort $(wildcard tests/cli/*.sh))

check-long: test-programs	## the tests that take longer
	@tests/run -j 1 -t 7200 -b $(BUILD) $(sort $(wildcard tests/long/*.sh))

check-asan:	## the quick tests with address and undefined-behaviour sanitizers (in build-asan/)
	@$(MAKE) BUILD=build-asan TEST_SECONDS=3600 OPT='-O1 -g -fno-omit-frame-pointer' SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' check

fuzz:	## FUZZ_SECONDS=600: each fuzz target in turn (clang, libFuzzer, sanitizers; in build-fuzz/)
	@$(MAKE) CC=clang BUILD=build-fuzz OPT='-O1 -g -Wno-pass-failed' SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' fuzz-run

FUZZ_BINS := $(FUZZERS:%=$(BUILD)/tests/fuzz/%)
$(FUZZ_BINS): $(BUILD)/%: $(BUILD)/%.o $(LIB_ALL)
	@echo '  LINK $@'
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(LIB_ALL) $(LIBS_ALL)

fuzz-run: $(FUZZ_BINS)
	for f in $(FUZZERS); do \
		mkdir -p $(BUILD)/corpus/$$f; \
		nice $(BUILD)/tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/corpus/ $(BUILD)/corpus/$$f $(wildcard tests/fuzz/corpus formats/samples tests/checkpoints) || exit 1; \
	done

bench: test-programs	## times and memory: what users do most; the networks beside PyTorch, if python3-torch is there
	@PATH="$(abspath $(BUILD)):$$PATH" tests/bench/tools
	@BUILD=$(BUILD) tests/bench/layers
	@BUILD=$(BUILD) tests/bench/networks
	@BUILD=$(BUILD) tests/bench/scaling
	@BUILD=$(BUILD) tests/bench/start

.PHONY: test-programs check check-long check-asan fuzz fuzz-run bench
