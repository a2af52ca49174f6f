# Kernel sources under a shim in an ordinary process. net_test has its own rule: --wrap sends the C library's calls to
# the kernel's handlers. It runs net_native and net_shim, tests/syscall/net.c on Linux and on those handlers.
NET_DIR  := tests/unit/kernel/net
NET_OUT  := $(BUILD)/tests/kernel/net
NET_KERNEL_SRCS := $(addprefix src/kernel/net/,decode.c socket.c options.c inet.c unix.c unix_data.c) \
	$(wildcard src/kernel/poll/*.c src/kernel/fs/pipe/*.c) \
	$(addprefix src/kernel/syscall/,sys_net.c sys_poll.c sys_pipe.c) $(NET_DIR)/shim.c
NET_HOST_SRCS := $(NET_DIR)/shim_host.c $(NET_DIR)/wrap.c
NET_OBJS := $(patsubst %.c,$(NET_OUT)/%.o,$(NET_KERNEL_SRCS) $(NET_HOST_SRCS))
NET_SAN  := $(filter -fsanitize% -fno-sanitize%,$(ALL_CFLAGS))

$(patsubst %.c,$(NET_OUT)/%.o,$(NET_KERNEL_SRCS)): $(NET_OUT)/%.o: %.c $(GEN)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -O1 -g -ffreestanding $(WARN) $(NET_SAN) -Isrc -I$(BUILD)/gen -I$(NET_DIR) -MMD -MP -c $< -o $@
$(patsubst %.c,$(NET_OUT)/%.o,$(NET_HOST_SRCS)): $(NET_OUT)/%.o: %.c $(GEN)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -I$(NET_DIR) -c $< -o $@
$(NET_OUT)/net_native: tests/syscall/net.c $(GEN)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $< -o $@ -lpthread
$(NET_OUT)/net_shim: tests/syscall/net.c $(NET_OBJS)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) $(shell cat $(NET_DIR)/wrap.txt) $^ -o $@ -lpthread
$(NET_OUT)/net_test: $(NET_DIR)/net_test.c $(NET_OBJS) $(NET_OUT)/net_native $(NET_OUT)/net_shim
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -I$(NET_DIR) $(shell cat $(NET_DIR)/wrap.txt) $< $(NET_OBJS) -o $@ \
		-lcmocka -lpthread
$(BUILD)/fuzz/sockaddr_fuzz: tests/fuzz/sockaddr_fuzz.c src/kernel/net/decode.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -fsanitize=fuzzer $^ -o $@
