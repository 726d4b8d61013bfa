# Roehub - build, tests, checks. `make help` lists the targets.
#
# Out of tree: build/<profile>. Profiles: release (default), debug, asan (ASan+UBSan), tsan.
# A program is a folder under apps/; a test is one .c file under tests/<layer>/ and becomes one executable.

PROFILE ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= 0
CC      := gcc
B       := build/$(PROFILE)
Q       := $(if $(filter 0,$(V)),@)

PACKAGES := libevent libevent_openssl libevent_pthreads libpq hiredis libcurl libssl libcrypto libcjson libcyaml yaml-0.1 zlib libqrencode libpng
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lwslay -lm -lpthread

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla \
        -Wno-format-truncation -Wno-format-nonliteral # texts are cut on purpose; format strings are checked by attributes
HARD := -fstack-protector-strong -fPIE -fno-common -ffp-contract=off
LINK_HARD := -pie -Wl,-z,relro,-z,now
MODE_release := -O2 -g -D_FORTIFY_SOURCE=2
MODE_debug   := -O0 -g3
MODE_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
MODE_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
ifeq ($(MODE_$(PROFILE)),)
$(error PROFILE must be release, debug, asan or tsan, got '$(PROFILE)')
endif

CPPFLAGS := -Ilibs -D_GNU_SOURCE -DROEHUB_VERSION='"$(shell cat VERSION)"' $(PKG_CFLAGS)
CFLAGS   := -std=gnu17 $(WARN) $(HARD) $(MODE_$(PROFILE)) $(EXTRA_CFLAGS)
LDFLAGS  := $(LINK_HARD) $(MODE_$(PROFILE))

# ---- sources ----------------------------------------------------------------------------------------------------
LIB_SRC  := $(sort $(shell find libs -name '*.c'))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
LIB      := $(B)/libroehub.a
APPS     := $(sort $(notdir $(patsubst %/main.c,%,$(wildcard apps/*/main.c))))
APP_BIN  := $(APPS:%=$(B)/bin/%)

app_src   = $(sort $(shell find apps/$(1) -name '*.c'))
# What a program's tests link of it: everything but main.
app_part  = $(filter-out $(B)/apps/$(1)/main.o,$(patsubst %.c,$(B)/%.o,$(call app_src,$(1))))

SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/*.c)))
LAYERS      := unit contract integration e2e
tests_of     = $(sort $(shell find tests/$(1) -name '*.c' 2>/dev/null))
bins_of      = $(patsubst %.c,$(B)/%,$(call tests_of,$(1)))
FUZZ_SRC    := $(call tests_of,fuzz)
FUZZ_BIN    := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))
BENCH_BIN   := $(call bins_of,bench)

.PHONY: all check unit contract integration e2e bench fuzz lint fmt install clean help FORCE $(APPS)
.DELETE_ON_ERROR:
.SECONDARY:

all: $(APP_BIN)

help:
	@echo 'make all           the programs, into $(B)/bin'
	@echo 'make check         unit, contract, integration and e2e tests (servers: scripts/services)'
	@echo 'make unit|contract|integration|e2e   one layer'
	@echo 'make bench         measurements; writes build/bench.json'
	@echo 'make fuzz          FUZZ_SECONDS=10 of every fuzz target (clang)'
	@echo 'make lint          layer check, clang-tidy, cppcheck, scripts'
	@echo 'make fmt           clang-format in place'
	@echo 'make install       DESTDIR= PREFIX=$(PREFIX)'
	@echo 'make clean         removes build/'
	@echo 'PROFILE=release|debug|asan|tsan   V=1 shows commands'
	@echo 'programs: $(APPS)'

$(APPS): %: $(B)/bin/%

# ---- rules ------------------------------------------------------------------------------------------------------
$(B)/flags: FORCE
	$(Q)mkdir -p $(@D); echo '$(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS)' > $@

$(B)/%.o: %.c $(B)/flags
	$(if $(filter 0,$(V)),@echo '  CC      $<')
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(call extra_inc,$<) $(CFLAGS) -MMD -MP -c $< -o $@

# A program sees its own folder; tests see the apps and the test support.
extra_inc = $(if $(filter tests/%,$(1)),-I. -Itests,$(if $(filter apps/%,$(1)),-Iapps/$(word 2,$(subst /, ,$(1)))))

$(LIB): $(LIB_OBJ)
	$(if $(filter 0,$(V)),@echo '  AR      $@')
	$(Q)rm -f $@; ar rcs $@ $^

define app_rule
$(B)/bin/$(1): $(patsubst %.c,$(B)/%.o,$(call app_src,$(1))) $(LIB)
	$$(if $$(filter 0,$$(V)),@echo '  LINK    $$@')
	$$(Q)mkdir -p $$(@D) && $(CC) $(LDFLAGS) -o $$@ $$^ $(PKG_LIBS)
endef
$(foreach a,$(APPS),$(eval $(call app_rule,$(a))))

# tests/<layer>/<app>/x.c links apps/<app> without its main.
define test_rule
$(B)/$(basename $(1)): $(B)/$(basename $(1)).o $(SUPPORT_OBJ) $(if $(wildcard apps/$(word 3,$(subst /, ,$(1)))/main.c),$(call app_part,$(word 3,$(subst /, ,$(1))))) $(LIB)
	$$(if $$(filter 0,$$(V)),@echo '  LINK    $$@')
	$$(Q)mkdir -p $$(@D) && $(CC) $(LDFLAGS) -o $$@ $$^ $(PKG_LIBS) -lcmocka
endef
$(foreach t,$(foreach l,$(LAYERS) bench,$(call tests_of,$(l))),$(eval $(call test_rule,$(t))))

# ---- tests ------------------------------------------------------------------------------------------------------
# scripts/run-tests starts the servers a layer needs, runs the executables and prints one total.
unit: $(call bins_of,unit)
	$(Q)scripts/run-tests --build $(B) unit
contract: $(call bins_of,contract) all
	$(Q)scripts/run-tests --build $(B) contract
integration: $(call bins_of,integration) all
	$(Q)scripts/run-tests --build $(B) integration
e2e: $(call bins_of,e2e) all
	$(Q)scripts/run-tests --build $(B) e2e
check: $(foreach l,$(LAYERS),$(call bins_of,$(l))) all
	$(Q)scripts/run-tests --build $(B) $(LAYERS)

bench: $(BENCH_BIN) all
	$(Q)scripts/run-bench --build $(B)

# ---- fuzzing: clang's libFuzzer, the library built once with coverage ----------------------------------------------
FUZZ_SECONDS ?= 10
FUZZ_FLAGS := -std=gnu17 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fPIE
FUZZ_LIB   := build/fuzz/libroehub.a
build/fuzz/obj/%.o: %.c
	$(Q)mkdir -p $(@D) && clang $(CPPFLAGS) -I. $(FUZZ_FLAGS) -MMD -MP -c $< -o $@
$(FUZZ_LIB): $(LIB_SRC:%.c=build/fuzz/obj/%.o)
	$(Q)rm -f $@; ar rcs $@ $^
build/fuzz/%: tests/fuzz/%.c $(FUZZ_LIB)
	$(Q)mkdir -p $(@D) && clang $(CPPFLAGS) -I. $(FUZZ_FLAGS) -fsanitize=fuzzer $< $(FUZZ_LIB) -o $@ $(PKG_LIBS)
fuzz: $(FUZZ_BIN)
	$(Q)scripts/run-fuzz --seconds $(FUZZ_SECONDS) $(FUZZ_BIN)

# ---- checks -----------------------------------------------------------------------------------------------------
lint:
	$(Q)scripts/lint $(CPPFLAGS)

fmt:
	$(Q)find libs apps tests -name '*.[ch]' | xargs clang-format -i

# ---- install ----------------------------------------------------------------------------------------------------
SHARE := $(DESTDIR)$(PREFIX)/share/roehub
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE) $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 $(APP_BIN) $(DESTDIR)$(PREFIX)/bin
	cp -r --no-preserve=ownership configs migrations $(SHARE)/
	for unit in infra/systemd/*.service; do \
	  sed 's#@PREFIX@#$(PREFIX)#g' $$unit > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$(basename $$unit); done

clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
