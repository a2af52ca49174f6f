# Cloister. `make` builds build/cloister; `make help` lists the rest. Wildcards find the sources: a new file
# in a folder needs no line here.
BUILD   ?= build
CC      := gcc
PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
V       ?=
Q       := $(if $(V),,@)
PY      := /usr/bin/python3

.DEFAULT_GOAL := all
include tools/deps.mk

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
ifneq ($(findstring clang,$(CC)),)
WARN += -Wno-gnu-statement-expression -Wunused-result
endif
REPRO  := -ffile-prefix-map=$(CURDIR)=. -fno-ident
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE $(CFLAGS) $(WARN) $(REPRO) -fstack-protector-strong \
	-ffunction-sections -fdata-sections -Isrc -I$(BUILD)/gen -MMD -MP
ifeq ($(SAN),address)
ALL_CFLAGS += $(if $(findstring clang,$(CC)),-D__SANITIZE_ADDRESS__=1) -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SAN),fuzzer)
ALL_CFLAGS += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SAN),undefined)
ALL_CFLAGS += -fsanitize=undefined -fno-sanitize-recover=all
else
ALL_CFLAGS += -D_FORTIFY_SOURCE=2
endif
LDFLAGS_ALL := -Wl,--gc-sections -Wl,-z,relro,-z,now $(filter -fsanitize%,$(ALL_CFLAGS))

# What uses vector instructions says so in its name.
FLAGS_shani := -msha -msse4.1 -mssse3
FLAGS_aesni := -maes -mpclmul -msse4.1 -mssse3
vector_flags = $(strip $(foreach k,shani aesni,$(if $(findstring _$(k).c,$(1)),$(FLAGS_$(k)))))

HOST_LIBS   := -lcurl -larchive -lz -lyaml -lZydis -lssl -lcrypto -lsqlite3 -ljansson -lsecp256k1 -lnettle \
	-lpthread -lm
STATIC_LIBS := -lyaml -lssl -lcrypto -lsqlite3 -ljansson -lsecp256k1 -lnettle -lpthread -ldl -lm

# --- generated ---------------------------------------------------------------------------------------
GEN := $(BUILD)/gen/.stamp
$(GEN): tools/gen-hostcalls src/abi/hostcall/table tools/gen-syscall-names
	@mkdir -p $(BUILD)/gen
	$(PY) tools/gen-hostcalls src/abi/hostcall/table $(BUILD)/gen
	$(PY) tools/gen-syscall-names $(CC) $(BUILD)/gen/kernel/syscall/names.h
	@touch $@

# --- the library of everything hosted, and the programs -------------------------------------------------
LIB_DIRS := base crypto result shield attest ratls wire ledger proto os sgx image host quoting worker sms init oci
LIB_SRCS := $(filter-out %/main.c,$(sort $(foreach d,$(LIB_DIRS),$(shell find src/$(d) -name '*.c' -o -name '*.S' 2>/dev/null))))
LIB_OBJS := $(patsubst src/%,$(BUILD)/obj/%.o,$(LIB_SRCS)) $(BUILD)/obj/gen/host/dispatch.c.o \
	$(BUILD)/obj/gen/host/shapes.c.o
CLI_SRCS := $(wildcard src/cli/*.c src/cli/*.S)
CLI_OBJS := $(patsubst src/%,$(BUILD)/obj/%.o,$(CLI_SRCS))
# `cloister` has the commands that start fast, and executes lib/cloister/tool, which has all, for the rest.
FAST_OBJS := $(patsubst %,$(BUILD)/obj/cli/%.c.o,main cmd_run cmd_image inspect protection options say launcher)
# Each program that runs inside an enclave: src/<folder>/*.c, linked statically.
PROGRAMS := init sms stage
program_objs = $(patsubst src/%,$(BUILD)/obj/%.o,$(wildcard src/$(1)/*.c))
BUILT_PROGRAMS := $(foreach p,$(PROGRAMS),$(if $(wildcard src/$(p)/*.c),$(BUILD)/lib/cloister/$(p)))

.PHONY: all
all: $(BUILD)/cloister $(BUILD)/lib/cloister/tool $(BUILD)/lib/cloister/kernel.elf $(BUILD)/lib/cloister/runtime \
	$(BUILD)/lib/cloister/scone $(addprefix $(BUILD)/lib/cloister/,libZydis.so.4.0 libZycore.so.1.4) $(BUILT_PROGRAMS)

$(BUILD)/obj/%.c.o: src/%.c $(GEN) | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $@")
	$(Q)$(CC) $(ALL_CFLAGS) $(call vector_flags,$<) -c $< -o $@
$(BUILD)/obj/%.S.o: src/%.S $(GEN) | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $@")
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@
$(BUILD)/obj/gen/%.c.o: $(GEN) | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $@")
	$(Q)$(CC) $(ALL_CFLAGS) -c $(BUILD)/gen/$*.c -o $@

$(BUILD)/obj/cli/templates.S.o: $(wildcard templates/*/*)

$(BUILD)/libcloister.a: $(LIB_OBJS)
	@rm -f $@
	$(Q)ar rcsD $@ $^
$(BUILD)/cloister: $(FAST_OBJS) $(BUILD)/libcloister.a
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -pie -o $@ $(FAST_OBJS) $(BUILD)/libcloister.a -Wl,--as-needed $(HOST_LIBS)
$(BUILD)/lib/cloister/tool: $(CLI_OBJS) $(BUILD)/libcloister.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -pie -o $@ $(CLI_OBJS) $(BUILD)/libcloister.a $(HOST_LIBS)

# What OCI images carry: the light `cloister` for any distribution's root.
RUNTIME := $(BUILD)/lib/cloister/runtime
$(RUNTIME): $(FAST_OBJS) $(BUILD)/libcloister.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -static-pie -Wl,--build-id=none -Wl,--no-warnings -s -o $@ $(FAST_OBJS) $(BUILD)/libcloister.a $(STATIC_LIBS)

# `scone fspf` for OCI images with `tools: true`: Debian has no static Zydis, so its libraries go with it.
SCONE      := $(BUILD)/lib/cloister/scone
SCONE_OBJS := $(FAST_OBJS) $(patsubst %,$(BUILD)/obj/cli/%.c.o,cmd_scone cmd_fspf fspf_show fspf_verify)
SCONE_SOS  := libZydis.so.4.0 libZycore.so.1.4
$(SCONE): $(SCONE_OBJS) $(BUILD)/libcloister.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -pie -Wl,--build-id=none -s -Wl,-rpath,/.cloister/lib -Wl,--disable-new-dtags -o $@ $(SCONE_OBJS) \
		$(BUILD)/libcloister.a -Wl,--as-needed -Wl,-Bstatic $(filter-out -lpthread -ldl -lm,$(STATIC_LIBS)) -Wl,-Bdynamic -lZydis -lm
$(addprefix $(BUILD)/lib/cloister/,$(SCONE_SOS)): | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(Q)cp -L "$$($(CC) -print-file-name=$(@F))" $@

define program_rule
$(BUILD)/lib/cloister/$(1): $(call program_objs,$(1)) $(BUILD)/libcloister.a
	@mkdir -p $$(@D)
	$(if $(Q),@echo "  LINK  $$@")
	$(Q)$(CC) $(LDFLAGS_ALL) -static-pie -Wl,--build-id=none -Wl,--no-warnings -s -o $$@ $(call program_objs,$(1)) $(BUILD)/libcloister.a $(STATIC_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

# --- the kernel ---------------------------------------------------------------------------------------
KERNEL_SRCS := $(sort $(shell find src/kernel -name '*.c' -o -name '*.S') $(wildcard src/base/*.c) \
	$(wildcard src/shield/*.c) \
	$(wildcard $(addprefix src/crypto/,$(addsuffix .c,sha256 sha256_shani gcm gcm_aesni gcm_portable hmac))))
KERNEL_OBJS := $(patsubst src/%,$(BUILD)/kobj/%.o,$(KERNEL_SRCS)) $(BUILD)/kobj/gen/kernel/hostcall/stubs.c.o
KERNEL_CFLAGS := -std=c17 -O2 $(WARN) $(REPRO) -ffreestanding -fno-stack-protector -fno-builtin-printf \
	-mno-red-zone -fpie -fno-plt -fcf-protection=none -fno-asynchronous-unwind-tables -ffunction-sections \
	-fdata-sections -fno-strict-aliasing -D__CLOISTER_KERNEL__ -include src/kernel/lib/hidden.h -Isrc -I$(BUILD)/gen -MMD -MP
kernel_vector = $(or $(call vector_flags,$(1)),-mgeneral-regs-only)

$(BUILD)/kobj/%.c.o: src/%.c $(GEN) Makefile | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $@")
	$(Q)$(CC) $(KERNEL_CFLAGS) $(call kernel_vector,$<) -c $< -o $@
$(BUILD)/kobj/%.S.o: src/%.S $(GEN) Makefile | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $@")
	$(Q)$(CC) $(KERNEL_CFLAGS) -c $< -o $@
$(BUILD)/kobj/gen/%.c.o: $(GEN) | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $@")
	$(Q)$(CC) $(KERNEL_CFLAGS) -mgeneral-regs-only -c $(BUILD)/gen/$*.c -o $@
$(BUILD)/kernel.debug: $(KERNEL_OBJS) src/kernel/kernel.ld
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
		-Wl,-T,src/kernel/kernel.ld -o $@ $(KERNEL_OBJS) $(KERNEL_LIBS)
$(BUILD)/lib/cloister/kernel.elf: $(BUILD)/kernel.debug
	@mkdir -p $(@D)
	objcopy -S --remove-section=.comment $< $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- tests and checks: tools/ has one script for each ------------------------------------------------
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
UNIT_SRCS := $(shell find tests/unit -name '*_test.c' 2>/dev/null)
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRCS))
include tools/tests.mk
include tools/verify.mk
include $(wildcard tests/unit/kernel/*/*.mk)

.PHONY: unit-tests fuzz-targets
unit-tests: $(UNIT_BINS)
fuzz-targets: $(FUZZ_BINS)

.PHONY: test demo bench images lint check-san fuzz install clean help deps
test: all $(UNIT_BINS)
	BUILD=$(BUILD) tools/test
demo: all
	BUILD=$(BUILD) tools/demo
bench: all
	BUILD=$(BUILD) bench/run && BUILD=$(BUILD) bench/files.sh && BUILD=$(BUILD) bench/build.sh && BUILD=$(BUILD) bench/attest.sh
images: all
	BUILD=$(BUILD) tools/images
lint: $(GEN)
	BUILD=$(BUILD) tools/lint
check-san:
	tools/check-san
fuzz: $(GEN)
	BUILD=$(BUILD) tools/fuzz
install: all
	install -D -m 755 $(BUILD)/cloister $(DESTDIR)$(PREFIX)/bin/cloister
	install -d $(DESTDIR)$(PREFIX)/lib/cloister
	install -m 755 $(BUILD)/lib/cloister/* $(DESTDIR)$(PREFIX)/lib/cloister/
clean:
	rm -rf $(BUILD)
help:
	@echo "make            build/cloister"
	@echo "make demo       four parties finish a job together, step by step"
	@echo "make test       every test; the last line is 'N passed, N failed'"
	@echo "make bench      native and ours in one run, as ratios"
	@echo "make images     the curated base images, and docs/images.md"
	@echo "make check-san  the tests under ASan and UBSan"
	@echo "make fuzz       every fuzz target, briefly"
	@echo "make lint       clang-format, clang-tidy, cppcheck, layers"
	@echo "make install    DESTDIR= PREFIX=$(PREFIX)"
