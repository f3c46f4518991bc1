# A thin face over Meson. `make help` lists it all.
#
#   make run        what is missing is installed, everything is built, the platform runs
#   make test       every test; the last line is `N passed, N failed, N skipped`

BUILD ?= build
PART ?=
SECONDS ?= 600
PREFIX ?= /usr/local
DATA ?= $(BUILD)/run/data
LISTEN ?= 127.0.0.1:8080
TLS ?= off
MESON_CONFIGURE = meson setup --prefix=$(PREFIX)
CLANG = $(if $(shell command -v ccache),ccache clang,clang)

.PHONY: all help run test test-all check asan tsan bench fuzz shown fresh web install clean setup program
.DEFAULT_GOAL = all

all: program                            ## build the program (build/tenon) and, where Node.js is there, the console
	@tools/build-web

program: $(BUILD)/build.ninja
	@ninja -C $(BUILD) program

$(BUILD)/build.ninja:
	@$(MESON_CONFIGURE) $(BUILD)

help:                                   ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup:                                  ## install what running and testing need
	@tools/setup test

run:                                    ## install what is missing, build, run it with a simulated plant (DATA=, LISTEN=, TLS=)
	@tools/setup run
	@$(MAKE) --no-print-directory all
	@mkdir -p $(DATA)
	@exec $(BUILD)/tenon serve --demo --data $(DATA) --listen $(LISTEN) --tls $(TLS)

test:                                   ## install what is missing, build, run every test
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@tools/run-tests $(BUILD)

test-all: test whole asan tsan clang postgres ## and the same under sanitizers, with the other compiler, and on PostgreSQL

check: program                          ## layers, sizes, habits and their own tests; format drift is only told
	@tools/check-layers && tools/check-size && tools/check-habits && tools/run-tests $(BUILD) habits
	@tools/check-format || :

asan: build-asan/build.ninja            ## unit and scenario suites under ASan and UBSan
	@ninja -C build-asan && meson test -C build-asan --suite unit --suite scenario --print-errorlogs

tsan: build-tsan/build.ninja            ## unit and scenario suites under TSan
	@ninja -C build-tsan && meson test -C build-tsan --suite unit --suite scenario --print-errorlogs

.PHONY: whole
whole: program                          ## what `make test` takes a sample of, in full
	@TENON_TEST_WHOLE=1 build/venv/bin/python -m pytest -q -p no:cacheprovider test/e2e/test_schemathesis.py

.PHONY: postgres
postgres: program                       ## every test that keeps records, on a PostgreSQL server of its own
	@TENON_TEST_MINUTES=90 tools/run-tests $(BUILD) postgres_all

.PHONY: clang
clang: build-clang/build.ninja          ## unit suite as clang compiles it
	@ninja -C build-clang && meson test -C build-clang --suite unit --print-errorlogs

build-asan/build.ninja:
	@meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false

build-tsan/build.ninja:
	@meson setup build-tsan -Db_sanitize=thread -Db_lundef=false

build-clang/build.ninja:
	@CC='$(CLANG)' meson setup build-clang

build-fuzz/build.ninja:
	@CC='$(CLANG)' meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false

bench: program                          ## every claim of bench/, one script each, and their table; NAME=idle.py runs one
	@tools/bench-peers $(BUILD) && tools/run-bench $(BUILD) $(NAME)

fuzz: build-fuzz/build.ninja            ## every fuzz target for SECONDS (600); NAME=batch runs one
	@ninja -C build-fuzz fuzzers && tools/run-fuzz build-fuzz $(SECONDS) $(NAME)

shown:                                  ## what a part promised, shown: make shown PART=1a
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@test/shown/run $(BUILD) $(PART)

fresh:                                  ## the README's two commands on a bare Debian 12 in build/fresh (root)
	@tools/fresh

web:                                    ## install what the console needs and build it
	@tools/setup web
	@tools/build-web --must

install:                                ## an optimized build into PREFIX (/usr/local), DESTDIR is honoured
	@[ -f build-release/build.ninja ] || $(MESON_CONFIGURE) build-release --buildtype=release -Db_lto=true
	@ninja -C build-release && tools/build-web && meson install -C build-release
	@mkdir -p $(DESTDIR)$(PREFIX)/share/tenon && rm -rf $(DESTDIR)$(PREFIX)/share/tenon/web && \
		cp -r build/web $(DESTDIR)$(PREFIX)/share/tenon/web
	@[ ! -f build/tools/duckdb/libduckdb.so ] || install -D -m 644 build/tools/duckdb/libduckdb.so $(DESTDIR)$(PREFIX)/lib/tenon/libduckdb.so

clean:                                  ## remove what was built; venv, tools and data stay
	@rm -rf build-* && { [ ! -f $(BUILD)/build.ninja ] || ninja -C $(BUILD) -t clean; }
