# The kernel's file side under a shim in an ordinary process (fs_test, volume_test and the two fuzz targets).
FS_DIR  := tests/unit/kernel/fs
FS_OUT  := $(BUILD)/tests/kernel/fs
FS_KERNEL_SRCS := $(wildcard src/kernel/vfs/*.c) $(foreach d,shield erofs tmp dev volume,$(wildcard src/kernel/fs/$(d)/*.c)) \
	src/kernel/hostcall/copy.c $(addprefix src/kernel/syscall/sys_,file.c dir.c stat.c) $(FS_DIR)/shim.c
FS_OBJS := $(patsubst %.c,$(FS_OUT)/%.o,$(FS_KERNEL_SRCS))
FS_SAN  := $(filter -fsanitize% -fno-sanitize%,$(ALL_CFLAGS))

$(FS_OBJS): $(FS_OUT)/%.o: %.c $(GEN)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -O1 -g -ffreestanding $(WARN) $(FS_SAN) -Isrc -I$(BUILD)/gen -I$(FS_DIR) -MMD -MP -c $< -o $@
$(FS_OUT)/%_test: $(FS_DIR)/%_test.c $(FS_OBJS) $(BUILD)/libcloister.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -I$(FS_DIR) $^ -o $@ $(HOST_LIBS) -lcmocka
$(BUILD)/fuzz/erofs_fuzz $(BUILD)/fuzz/volume_fuzz: $(BUILD)/fuzz/%: tests/fuzz/%.c $(FS_OBJS) $(BUILD)/libcloister.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -I$(FS_DIR) -fsanitize=fuzzer $^ -o $@ $(HOST_LIBS)
