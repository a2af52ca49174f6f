# Debian packages that the build, the tests and the demo need; installed once, when missing.
PACKAGES := gcc g++ clang-14 libclang-rt-14-dev make pkg-config python3 python3-yaml python3-cryptography \
	clang-format-14 clang-tidy-14 cppcheck libssl-dev libsqlite3-dev libjansson-dev libyaml-dev \
	libsecp256k1-dev nettle-dev libzydis-dev libcurl4-openssl-dev libarchive-dev libcmocka-dev \
	erofs-utils cryptsetup-bin musl-tools busybox-static zlib1g-dev curl openssl \
	buildah skopeo umoci docker-registry ca-certificates binutils file linux-libc-dev xz-utils python3-minimal unzip \
	openjdk-17-jdk-headless libipsec-mb-dev fsverity
DEPS_STAMP := $(BUILD)/.deps-$(shell echo $(PACKAGES) | cksum | cut -d' ' -f1)

$(DEPS_STAMP):
	@mkdir -p $(BUILD)
	@tools/install-deps $(PACKAGES)
	@touch $@
deps: $(DEPS_STAMP)
