# The mappings under a shim in an ordinary process, against a model of one byte a page.
MM_DIR  := tests/unit/kernel/mm
MM_OUT  := $(BUILD)/tests/kernel/mm
MM_OBJS := $(patsubst %.c,$(MM_OUT)/%.o,src/kernel/mm/vma.c src/kernel/mm/map.c src/kernel/lib/format.c $(MM_DIR)/shim.c)

$(MM_OBJS): $(MM_OUT)/%.o: %.c $(GEN)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -O1 -g -ffreestanding $(WARN) $(filter -fsanitize% -fno-sanitize%,$(ALL_CFLAGS)) -Isrc -I$(BUILD)/gen \
		-I$(MM_DIR) -MMD -MP -c $< -o $@
$(MM_OUT)/map_test: $(MM_DIR)/map_test.c $(MM_OBJS)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -I$(MM_DIR) $^ -o $@ -lcmocka
