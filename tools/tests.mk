# How unit tests and fuzz targets are linked. Kernel code that a test needs is compiled hosted, from its own
# list in the test's folder (sources.mk), with shim.c in place of what the enclave provides.
TEST_CFLAGS = $(ALL_CFLAGS) -Itests/unit -Wno-missing-prototypes
$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libcloister.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(TEST_CFLAGS) $(LDFLAGS_ALL) -o $@ $< $(BUILD)/libcloister.a $(HOST_LIBS) -lcmocka
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libcloister.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(CC) $(TEST_CFLAGS) -fsanitize=fuzzer $(LDFLAGS_ALL) -o $@ $< $(BUILD)/libcloister.a $(HOST_LIBS)
