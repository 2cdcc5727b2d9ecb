# SPDX-License-Identifier: MIT
#
# "make help" lists what can be made and what can be set.

comma := ,

## where everything is built
BUILD ?= build$(if $(CROSS),-$(CROSS))
## build for another architecture, such as aarch64 (see sysroot)
CROSS ?=
## 1: build with AddressSanitizer and UndefinedBehaviorSanitizer; thread: with ThreadSanitizer
SANITIZE ?=
## 1: count executed lines (see coverage)
COVERAGE ?=
## percentage of executed lines below which coverage fails
COVERAGE_MIN ?= 85
## optimization and debugging options of the compiler
OPTIMIZE ?= -O2 -g
## 1: print the commands that compile and link
V ?=
## regular expression of the faults that mutants tries
FAULTS ?=
## where "make install" installs to
PREFIX ?= /usr/local
## a folder that stands for / while installing, for packagers
DESTDIR ?=

ifneq ($(CROSS),)
TRIPLE := $(CROSS)-linux-gnu
## headers and libraries of the other architecture
SYSROOT ?= $(abspath $(BUILD)/sysroot)
ifeq ($(origin CC),default)
CC := $(TRIPLE)-gcc
endif
AR := $(TRIPLE)-ar
MACHINE := $(if $(findstring clang,$(CC)),--target=$(TRIPLE)) --sysroot=$(SYSROOT)
PKG_CONFIG := PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_PATH= \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TRIPLE)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig \
	pkg-config
## what runs a program of the other architecture
EMULATOR ?= qemu-$(CROSS)-static -L $(SYSROOT)
endif
PKG_CONFIG ?= pkg-config

ifneq ($(SANITIZE),)
SANITIZERS := $(if $(filter thread,$(SANITIZE)),thread,address$(comma)undefined)
INSTRUMENT += -fsanitize=$(SANITIZERS) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
# The library that drives a fuzzer is linked to fuzzers alone.
ifneq ($(FUZZER),)
INSTRUMENT += -fsanitize=fuzzer-no-link
endif
ifneq ($(COVERAGE),)
INSTRUMENT += --coverage -O0
endif
# Calls of their own, which the sandbox then lets happen.
ifneq ($(INSTRUMENT),)
INSTRUMENT += -DVGPU_INSTRUMENTED
endif
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
PACKAGES := pixman-1 libpng libcjson libzstd libxxhash libdrm libseccomp
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
CFLAGS_ALL = $(MACHINE) -std=gnu11 $(OPTIMIZE) $(WARNINGS) -fno-strict-aliasing -D_GNU_SOURCE \
	$(PKG_CFLAGS) $(INSTRUMENT) $(CPPFLAGS) $(CFLAGS)
LDFLAGS_ALL = $(MACHINE) $(INSTRUMENT) $(LDFLAGS)
LIBS = $(PKG_LIBS) -pthread -lm

# One folder may include what is below it, and nothing else: the include paths
# say so, and a wrong include does not compile.
INC_backend := -Ibackend
INC_recorder := $(INC_backend) -Irecorder
INC_replayer := $(INC_recorder) -Ireplayer
INC_tests := $(INC_replayer) -Itests

# A program is a file vgpu-NAME.c; all other files of its folder are a library.
MAINS := $(sort $(wildcard recorder/vgpu-*.c replayer/vgpu-*.c))
PROGRAMS := $(notdir $(MAINS:.c=)) vgpu-conform
BACKEND_SRC := $(sort $(wildcard backend/*.c backend/*/*.c))
RECORDER_SRC := $(filter-out $(MAINS),$(sort $(wildcard recorder/*.c recorder/*/*.c)))
REPLAYER_SRC := $(filter-out $(MAINS),$(sort $(wildcard replayer/*.c replayer/*/*.c)))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
CONFORM_SRC := $(sort $(wildcard tests/conformance/*.c tests/conformance/*/*.c))
TOOL_SRC := $(sort $(foreach folder,programs reports guests bench fuzz hvisor-sim torture,\
	$(wildcard tests/$(folder)/*.c)))
SOURCES := $(BACKEND_SRC) $(RECORDER_SRC) $(REPLAYER_SRC) $(MAINS) $(UNIT_SRC) $(CONFORM_SRC) \
	$(TOOL_SRC)
HEADERS := $(sort $(foreach folder,backend recorder replayer tests,\
	$(wildcard $(folder)/*.h $(folder)/*/*.h $(folder)/*/*/*.h)))
MAN_PAGES := $(sort $(wildcard recorder/*.1 replayer/*.1 tests/conformance/*.1))
COMPLETIONS := $(sort $(foreach folder,recorder replayer tests/conformance,\
	$(wildcard $(folder)/*.bash-completion)))
SCRIPTS := $(sort $(wildcard scripts/*.sh tests/*/*.sh tests/conformance/mutants/*.sh \
	tests/guests/target/init))
JOBS := $(shell nproc)
PROFILES := $(sort $(wildcard tests/conformance/profiles/*.json))
TRACES := $(sort $(wildcard traces/*.trace))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIBVGPU := $(BUILD)/libvgpu.a
RECORDER_OBJ := $(call objects,$(RECORDER_SRC))
REPLAYER_OBJ := $(call objects,$(REPLAYER_SRC))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help setup demo conformance check unit programs replay golden-check vectors
.PHONY: conform-vhost-user report-test coverage valgrind mutants results results-check
.PHONY: format lint lint-format lint-tidy lint-cppcheck lint-man lint-shell
.PHONY: install uninstall dist sysroot clean FORCE

## the four programs and libvgpu.a
all: $(LIBVGPU) $(addprefix $(BUILD)/,$(PROGRAMS))

# ---- compile and link ----------------------------------------------------------

# What was built with other flags (SANITIZE, CC, …) is built again.
FLAGS_FILE := $(BUILD)/flags
FLAGS_NOW = $(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS)
$(FLAGS_FILE): FORCE
	@mkdir -p $(@D)
	@$(if $(PKG_LIBS),,$(PKG_CONFIG) --print-errors --exists $(PACKAGES) || { \
		echo 'Run "make $(if $(CROSS),CROSS=$(CROSS) sysroot,setup)" first.' >&2; exit 1; })
	@printf '%s\n' '$(FLAGS_NOW)' | cmp -s - $@ || printf '%s\n' '$(FLAGS_NOW)' >$@

# The include paths of a file are those of its top folder.
flags = $(CFLAGS_ALL) $(INC_$(firstword $(subst /, ,$(1))))
compile = $(CC) $(call flags,$(1)) -c -o $(call objects,$(1)) $(1)

# Nothing under make -s, the command itself with V=1.
step = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@echo '  $(1)	$(@:$(BUILD)/%=%)';)

$(BUILD)/obj/%.o: %.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call step,CC)$(call compile,$<) -MMD -MP

$(LIBVGPU): $(call objects,$(BACKEND_SRC))
	@rm -f $@
	$(call step,AR)$(AR) rcs $@ $^

link = $(call step,LINK)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(BUILD)/vgpu-%: $(BUILD)/obj/recorder/vgpu-%.o $(RECORDER_OBJ) $(LIBVGPU)
	$(link)
$(BUILD)/vgpu-%: $(BUILD)/obj/replayer/vgpu-%.o $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	$(link)
$(BUILD)/vgpu-conform: $(call objects,$(CONFORM_SRC)) $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	$(link) -lcunit
# What a source takes into the program with .incbin.
$(BUILD)/obj/tests/conformance/runner/requirements.o: tests/conformance/requirements.json
$(BUILD)/obj/tests/conformance/report/page.o: $(wildcard tests/conformance/report/page.css \
	tests/conformance/report/page.js)
$(BUILD)/obj/replayer/report/html.o: replayer/report/page.css replayer/report/page.js
$(BUILD)/obj/replayer/report/replay_report.o: replayer/report/replay.css replayer/report/viewer.js
# The unit tests see what is allocated, and can make it fail; and see who gives way.
WRAPPED := malloc calloc realloc reallocarray strdup strndup free sched_yield
$(BUILD)/unit-tests: $(call objects,$(UNIT_SRC)) $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	$(link) -lcunit $(addprefix -Wl$(comma)--wrap=,$(WRAPPED))
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(REPLAYER_OBJ) $(RECORDER_OBJ) $(LIBVGPU)
	@mkdir -p $(@D)
	$(link)

# ---- run -----------------------------------------------------------------------

## install what is missing with apt; does nothing where all is there
setup:
	@sh scripts/setup.sh

# Setting up can change what this file finds, so another make goes on after it.
## set up, build, replay the RuxOS recording
demo:
	@sh scripts/setup.sh build
	@$(MAKE) --no-print-directory all
	$(BUILD)/vgpu-replay traces/ruxos_boot.trace
	@ls golden/ruxos_boot/*.png | sed -n '$$s/^/picture: /p'

## set up, build, run all tests
conformance: setup
	@$(MAKE) --no-print-directory check

## run all tests
check: unit programs faults torture-short hvisor-sim replay golden-check vectors results-check \
	conform-vhost-user report-test

## run the unit tests
unit: $(BUILD)/unit-tests all
	$(EMULATOR) $(BUILD)/unit-tests

## run the programs as people do
programs: all $(BUILD)/tests/programs/json-lines $(BUILD)/tests/guests/imgcmp
	BUILD=$(BUILD) EMULATOR='$(EMULATOR)' tests/programs/programs.sh

## look at the HTML reports with a headless browser
report-test: all $(BUILD)/tests/reports/wrong-answers
	BUILD=$(BUILD) EMULATOR='$(EMULATOR)' tests/reports/reports.sh

## replay all recordings and compare with their golden sets
replay: all
	$(if $(TRACES),$(EMULATOR) $(BUILD)/vgpu-replay --jobs $(JOBS) $(TRACES))

## ask the built-in device for every requirement
vectors: all
	@$(EMULATOR) $(BUILD)/vgpu-conform --check >$(BUILD)/requirements.txt
	@tail -n 1 $(BUILD)/requirements.txt
	@tests/conformance/mutants/mutants.sh --check
	$(EMULATOR) $(BUILD)/vgpu-conform

## ask vhost-user-gpu back ends, ours and QEMU's, for every requirement; replay into them
conform-vhost-user: all
	BUILD=$(BUILD) EMULATOR='$(EMULATOR)' tests/conformance/vhost-user.sh

## show that faults put into the device are caught by the conformance suite
mutants:
	BUILD=$(BUILD) tests/conformance/mutants/mutants.sh $(if $(FAULTS),'$(FAULTS)')

## ask every device that is here, and write tests/conformance/RESULTS.md
results: all
	BUILD=$(BUILD) tests/conformance/results.sh

## check that RESULTS.md says of our device what it does
results-check: all
	BUILD=$(BUILD) EMULATOR='$(EMULATOR)' tests/conformance/results.sh --check

## let QEMU confirm all golden sets
golden-check: all
	$(if $(TRACES),$(EMULATOR) $(BUILD)/vgpu-replay --check-golden --jobs $(JOBS) $(TRACES))

## report of the lines that the tests execute, in build-coverage/html
coverage:
	@rm -rf build-coverage
	@$(MAKE) --no-print-directory BUILD=build-coverage COVERAGE=1 SANITIZE= check
	@COVERAGE_MIN=$(COVERAGE_MIN) sh scripts/coverage.sh build-coverage backend recorder replayer

# One file for each process, so that nothing comes between what programs print; and registers
# as they are at each access to memory, for the program that goes on after a bus error.
VALGRIND_LOGS := $(abspath $(BUILD))/valgrind
MEMCHECK := valgrind --log-file=$(VALGRIND_LOGS)/%p.log --leak-check=full \
	--show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
	--track-fds=yes --num-callers=30 --vex-iropt-register-updates=allregs-at-mem-access

## run tests under valgrind: no error, nothing lost, neither memory nor descriptors
valgrind: all
	@rm -rf $(VALGRIND_LOGS)
	@mkdir $(VALGRIND_LOGS)
	@$(MAKE) --no-print-directory EMULATOR='$(MEMCHECK)' unit programs hvisor-sim replay \
		vectors conform-vhost-user
	@scripts/valgrind.sh $(VALGRIND_LOGS)

include tests/guests/guests.mk
include tests/hvisor-sim/sim.mk
include tests/fuzz/fuzz.mk
include tests/bench/bench.mk
include tests/torture/torture.mk

# ---- editors and style ---------------------------------------------------------

# $(call json_entry,FILE,COMMAND)
json_entry = {"directory": "$(CURDIR)", "file": "$(1)", "command": "$(call json_text,$(2))"},
json_text = $(subst ",\",$(subst \,\\,$(strip $(1))))

# make writes the file itself, and in one go, because it expands a recipe before it runs it.
$(BUILD)/compile_commands.json: FORCE
	$(shell mkdir -p $(@D))$(file >$@.new,[)
	$(foreach source,$(SOURCES),$(file >>$@.new,$(call json_entry,$(source),$(call compile,$(source)))))
	$(foreach header,$(HEADERS),$(file >>$@.new,$(call json_entry,$(header),\
		$(CC) $(call flags,$(header)) -x c-header -fsyntax-only $(header))))
	@sed -i '$$s/,$$/\n]/' $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

## how each file is compiled, for clangd, ccls and other tools
compile_commands.json: $(BUILD)/compile_commands.json
	cp $< $@

## format all sources
format:
	clang-format -i $(SOURCES) $(HEADERS)

## check format, sources, man pages and scripts
lint: lint-format lint-tidy lint-cppcheck lint-man lint-shell

lint-format:
	clang-format --dry-run -Werror $(SOURCES) $(HEADERS)

lint-tidy: $(BUILD)/compile_commands.json
	@clang-tidy --version >/dev/null
	printf '%s\n' $(SOURCES) | xargs -P $(JOBS) -n 1 clang-tidy --quiet -p $(<D) 2>/dev/null

lint-cppcheck:
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 -j $(JOBS) $(INC_tests) \
		$(filter-out tests/%,$(SOURCES))

lint-man:
	$(if $(MAN_PAGES),mandoc -T lint -W warning $(MAN_PAGES))

lint-shell:
	$(if $(SCRIPTS),shellcheck -x $(SCRIPTS))
	$(if $(COMPLETIONS),shellcheck -s bash $(COMPLETIONS))

# ---- install -------------------------------------------------------------------

BINDIR = $(PREFIX)/bin
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR = $(PREFIX)/share/man/man1
PROFILEDIR = $(PREFIX)/share/vgpu/profiles
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions

# Written so, an installed tree can be moved (pkg-config --define-prefix).
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
$(BUILD)/libvgpu.pc: backend/libvgpu.pc.in backend/vgpu.h FORCE
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' \
		-e 's|@VERSION@|$(VERSION)|' $< >$@

VERSION = $(shell sed -n 's/.*VGPU_VERSION "\(.*\)"/\1/p' backend/vgpu.h)

## install programs, man pages, completions and the library
install: all $(BUILD)/libvgpu.pc
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig $(INCLUDEDIR) $(MANDIR) \
		$(COMPLETIONDIR) $(PROFILEDIR))
	install -m 755 $(addprefix $(BUILD)/,$(PROGRAMS)) $(DESTDIR)$(BINDIR)
	install -m 644 $(LIBVGPU) $(DESTDIR)$(LIBDIR)
	install -m 644 $(BUILD)/libvgpu.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 backend/vgpu.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(PROFILES) $(DESTDIR)$(PROFILEDIR)
	install -m 644 $(MAN_PAGES) $(DESTDIR)$(MANDIR)
	$(foreach file,$(COMPLETIONS),\
		install -m 644 $(file) $(DESTDIR)$(COMPLETIONDIR)/$(notdir $(basename $(file))) &&) true

## remove what install installed
uninstall:
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(PROGRAMS)) \
		$(DESTDIR)$(LIBDIR)/libvgpu.a $(DESTDIR)$(LIBDIR)/pkgconfig/libvgpu.pc \
		$(DESTDIR)$(INCLUDEDIR)/vgpu.h \
		$(addprefix $(DESTDIR)$(MANDIR)/,$(notdir $(MAN_PAGES))) \
		$(addprefix $(DESTDIR)$(PROFILEDIR)/,$(notdir $(PROFILES))) \
		$(addprefix $(DESTDIR)$(COMPLETIONDIR)/,$(notdir $(basename $(COMPLETIONS))))

## a tarball that runs on a system that has nothing of what it needs
dist: all
	@scripts/dist.sh $(BUILD) $(or $(CROSS),$(shell uname -m)) $(VERSION) $(or $(SYSROOT),/)

# ---- the rest --------------------------------------------------------------------

## download headers and libraries of the architecture CROSS
sysroot:
	$(if $(CROSS),,$(error set CROSS, for example: make CROSS=aarch64 sysroot))
	sh scripts/cross-sysroot.sh $(CROSS) $(SYSROOT)

## remove what was built
clean:
	rm -rf $(BUILD)

## print this
help:
	@awk '/^## / { text = substr($$0, 4); next } \
		text { if (/=/ != kind) print (kind = /=/) ? "Variables:" : "\nTargets:"; \
			printf "  %-22s %s\n", $$1, text } { text = "" }' FS='[ :]' $(MAKEFILE_LIST)

-include $(wildcard $(addsuffix .d,$(basename $(call objects,$(SOURCES)))))
