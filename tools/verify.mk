# libcloister-verify, static and shared: src/attest with what it needs, behind include/cloister/verify.h.
# `make verify-library`, `make install-verify`; tests/system/verify-library.sh uses both.
VERIFY_SRCS := $(sort $(wildcard src/attest/*.c src/attest/*.S src/verify/*.c src/base/*.c) \
	$(addprefix src/crypto/,p256.c sha256.c sha256_shani.c))
VERIFY_OBJS := $(patsubst src/%,$(BUILD)/verify/%.o,$(VERIFY_SRCS))
VERIFY_SONAME := libcloister-verify.so.0
VERIFY_LIBS := -lyaml -lcrypto

$(BUILD)/verify/%.c.o: src/%.c $(GEN) | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $@")
	$(Q)$(CC) $(ALL_CFLAGS) -Iinclude -fPIC -fvisibility=hidden $(call vector_flags,$<) -c $< -o $@
$(BUILD)/verify/%.S.o: src/%.S $(wildcard src/attest/policies/*.yaml) $(GEN) | $(DEPS_STAMP)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -c $< -o $@

# The policies are part of an object that says so nowhere else.
$(BUILD)/obj/attest/policies.S.o: $(wildcard src/attest/policies/*.yaml)

# One object, in which every name but cloister_… is local: nothing clashes with the program's own names.
$(BUILD)/verify/all.o: $(VERIFY_OBJS)
	$(Q)ld -r -o $@ $^
	$(Q)objcopy --wildcard --keep-global-symbol='cloister_*' $@
$(BUILD)/libcloister-verify.a: $(BUILD)/verify/all.o
	@rm -f $@
	$(Q)ar rcsD $@ $<
$(BUILD)/$(VERIFY_SONAME): $(VERIFY_OBJS)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(LDFLAGS_ALL) -shared -Wl,-soname,$(VERIFY_SONAME) -Wl,--no-undefined -o $@ $^ $(VERIFY_LIBS)

.PHONY: verify-library install-verify
verify-library: $(BUILD)/libcloister-verify.a $(BUILD)/$(VERIFY_SONAME)
install-verify: verify-library
	install -D -m 644 include/cloister/verify.h $(DESTDIR)$(PREFIX)/include/cloister/verify.h
	install -D -m 644 $(BUILD)/libcloister-verify.a $(DESTDIR)$(PREFIX)/lib/libcloister-verify.a
	install -D -m 755 $(BUILD)/$(VERIFY_SONAME) $(DESTDIR)$(PREFIX)/lib/$(VERIFY_SONAME)
	ln -sf $(VERIFY_SONAME) $(DESTDIR)$(PREFIX)/lib/libcloister-verify.so
	@mkdir -p $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|' tools/cloister-verify.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/cloister-verify.pc
