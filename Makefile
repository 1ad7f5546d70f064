# Thin front for CMake. `make run` and `make test` are all a fresh Debian 12 machine needs.
.DEFAULT_GOAL := help
.PHONY: help deps build run test sanitize eval bench oracles clients fuzz fmt install clean

Q ?= What is 127 times 49?
PRAXIS := build/release/bin/praxis
JOBS ?= $(shell nproc)

help:
	@sed -n 's/^## //p' Makefile

## make run [Q="…"]   build and ask the shipped tiny model a question
## make test          build with tests and run them (release build)
## make sanitize      the tests under ASan+UBSan, then under TSan
## make eval          the tiny model's accuracy through the binary, and its controls
## make bench         benchmarks, as ratios to a baseline of the same minute
## make oracles       install test oracles from npm into build/oracles
## make clients       install OpenAI's and other clients from npm (560 MB) and test the server with them
## make fuzz          a minute of each fuzz target (clang)
## make fmt           clang-format the tree
## make deps          install the Debian packages for building and testing
## make install       install to PREFIX (default /usr/local)
deps:
	@.ci/deps build test

build:
	@.ci/deps build
	@test -f build/release/build.ninja || cmake --preset release -DPRAXIS_TESTS=OFF >build-configure.log 2>&1 \
	  || { cat build-configure.log; rm -f build-configure.log; exit 1; }
	@rm -f build-configure.log
	@cmake --build build/release -j $(JOBS) --target praxis shipped_plugins

run: build
	@$(PRAXIS) run "$(Q)"
	@printf '\nNext:\n  %s\n  %s\n  %s\n' \
	  '$(PRAXIS) chat' \
	  '$(PRAXIS) run --docs examples/docs "What does the manual say about the voltage of the red pump?"' \
	  '$(PRAXIS) conversations list'

test:
	@.ci/deps build test
	@cmake --preset release -DPRAXIS_TESTS=ON
	@cmake --build build/release -j $(JOBS)
	@ctest --preset release -j $(JOBS)

sanitize:
	@.ci/deps build test
	@cmake --preset asan && cmake --build build/asan -j $(JOBS) && ctest --preset asan -j $(JOBS)
	@cmake --preset tsan && cmake --build build/tsan -j $(JOBS) && ctest --preset tsan -j $(JOBS)

eval:
	@.ci/deps build test eval
	@cmake --preset release -DPRAXIS_TESTS=ON
	@cmake --build build/release -j $(JOBS) --target praxis shipped_plugins praxis_plugin_table praxis_plugin_python
	@python3 examples/tiny_r1/eval_binary.py --praxis $(PRAXIS) --plugins build/release/tests/plugins

bench:
	@.ci/deps build test bench
	@cmake --preset bench
	@cmake --build build/bench -j $(JOBS) --target benchmarks
	@for b in build/bench/bin/bench_*; do $$b; done

# Node and npm often come from elsewhere than Debian and conflict with its packages: only where both
# are missing are Debian's installed.
oracles:
	@command -v node >/dev/null || command -v npm >/dev/null || .ci/deps oracles
	@tests/npm_install.sh tests/oracles build/oracles

clients:
	@.ci/deps build test
	@command -v node >/dev/null || command -v npm >/dev/null || .ci/deps oracles
	@tests/npm_install.sh tests/clients build/clients
	@cmake --preset release -DPRAXIS_TESTS=ON
	@cmake --build build/release -j $(JOBS) --target client_tests
	@ctest --preset release -L '^clients$$'

fuzz:
	@.ci/deps build fuzz
	@cmake --preset fuzz && cmake --build build/fuzz -j $(JOBS) --target fuzzers
	@for f in build/fuzz/bin/fuzz_*; do $$f -max_total_time=60 -timeout=20 -entropic=0; done

fmt:
	@.ci/deps fmt
	@git ls-files '*.cpp' '*.h' '*.c' | xargs clang-format -i

install: build
	@cmake --install build/release --prefix $(or $(PREFIX),/usr/local)

clean:
	@rm -rf build
