#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# make install into a scratch DESTDIR, and a stranger's program built against it by pkg-config,
# shared and static. Then make uninstall. Does not look into what the programs do.

. "$(dirname "$0")/../lib.sh"
need pkg-config gcc readelf nm
unset MAKEFLAGS MAKELEVEL MFLAGS DESTDIR prefix

dest=$T/dest
prefix=/opt/rondo
lib=$dest$prefix/lib
mk()
{
	make -s -C "$SRC" O="$BUILD" DESTDIR="$dest" prefix="$prefix" "$@"
}

out=$(mk install 2>&1) || bail "make install" "$out"
pass "make install"
version=$(printf '#include <rondo.h>\nRONDO_VERSION\n' | gcc -E -P -I "$SRC/lib/include" - | tail -n 1 |
	  tr -d '" ')
soname=librondo.so.${version%%.*}
for f in include/rondo.h lib/librondo.a "lib/librondo.so.$version" "lib/$soname" lib/librondo.so \
	 lib/pkgconfig/librondo.pc bin/rondo-bpf-cli bin/rondo-vmm share/doc/rondo/LICENSE-MIT \
	 share/doc/rondo/examples/vmm_loop.c share/man/man3/rondo.3 share/man/man3/rondo_store_open.3; do
	ok "$prefix/$f is there" test -e "$dest$prefix/$f"
done
is "$(cd "$dest$prefix/share/man" && find . -type f -printf '%f\n' | sort)" \
	"$(find "$SRC/docs/man" -name '*.[1-8]' -printf '%f\n' | sort)" "every manual page is there"
if [ -e "$BUILD/bin/rondo-bpfd" ]; then
	ok "rondo-bpfd is in sbin" test -x "$dest$prefix/sbin/rondo-bpfd"
else
	skip "rondo-bpfd is in sbin" "it was not built"
fi
is "$(readelf -d "$lib/librondo.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" "$soname" "the soname"
is "$(readelf -d "$lib/librondo.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
      grep -v -e '^libc\.' -e '^libm\.')" "" "it needs libc and nothing else"
is "$(nm -D --defined-only "$lib/librondo.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)" \
	"$(sed -n 's/^RONDO_API .*[ *]\(rondo_[a-z_0-9]*\)(.*/\1/p' "$SRC/lib/include/rondo.h" | sort)" \
	"it exports what the header declares and nothing else"

cat >"$T/user.c" <<'C'
#include <rondo.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	static const struct rondo_tier tiers[] = {
		{ 1000000000u, 60000000000u, 0, 0 },
		{ 10000000000u, 600000000000u, RONDO_FNS_SUM, 0 },
	};
	struct rondo_schema schema = { sizeof schema };
	struct rondo_open_opts opts = { sizeof opts };
	struct rondo_series_def def = { sizeof def };
	struct rondo_range range = { sizeof range };
	struct rondo_point points[4];
	rondo_store *store;
	rondo_series *series;
	uint64_t t = 1700000000000000000u;
	size_t n;
	int err;

	if (argc != 2)
		return 2;
	schema.name = "all";
	schema.tiers = tiers;
	schema.n_tiers = 2;
	schema.max_series = 8;
	opts.flags = RONDO_OPEN_CREATE;
	opts.schemas = &schema;
	opts.n_schemas = 1;
	def.name = "apples";
	def.kind = RONDO_COUNTER;
	err = rondo_store_open(argv[1], &opts, &store);
	if (!err)
		err = rondo_series_register(store, &def, &series);
	if (!err)
		err = rondo_consolidate(store, t, 0);
	if (!err)
		err = rondo_add(series, t, 3);
	if (!err)
		err = rondo_add(series, t + 1, 4);
	if (!err)
		err = rondo_read(store, rondo_series_id(store, series), &range, points, 4, &n);
	if (err) {
		fprintf(stderr, "%s\n", rondo_strerror(err));
		return 1;
	}
	printf("%s %zu %g\n", rondo_version(), n, points[0].value);
	return rondo_store_close(store) != 0;
}
C
export PKG_CONFIG_PATH=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest
is "$(pkg-config --modversion librondo)" "$version" "pkg-config knows the version"
read -ra cflags <<<"$(pkg-config --cflags librondo)"
read -ra libs <<<"$(pkg-config --libs librondo)"
strict=(-std=c11 -pedantic -Wall -Wextra -Wno-missing-field-initializers -Werror)
ok "a strict C11 program compiles and links" \
	gcc "${strict[@]}" "${cflags[@]}" -o "$T/shared" "$T/user.c" "${libs[@]}"
is "$(LD_LIBRARY_PATH=$lib "$T/shared" "$T/store1" 2>&1)" "$version 1 7" "it runs with the shared library"
ok "it links with the static library" \
	gcc "${strict[@]}" "${cflags[@]}" -o "$T/static" "$T/user.c" "$lib/librondo.a" -lm
is "$("$T/static" "$T/store2" 2>&1)" "$version 1 7" "it runs with the static library"

# ---- C++: the same program, and one that uses what C++ has ------------------------------------

cat >"$T/user.cpp" <<'CPP'
#include <rondo.h>

#include <cstdio>
#include <memory>

struct closer {
	void operator()(rondo_store *store) const { rondo_store_close(store); }
};

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	const rondo_tier tier = { 1000000000u, 60000000000u, 0, 0 };
	rondo_schema schema = {};
	schema.size = sizeof schema;
	schema.name = "all";
	schema.tiers = &tier;
	schema.n_tiers = 1;
	schema.max_series = 8;
	rondo_open_opts opts = {};
	opts.size = sizeof opts;
	opts.flags = RONDO_OPEN_CREATE | RONDO_OPEN_EXCLUSIVE;
	opts.schemas = &schema;
	opts.n_schemas = 1;
	rondo_store *opened = nullptr;
	if (int err = rondo_store_open(argv[1], &opts, &opened))
		return std::fprintf(stderr, "%s\n", rondo_strerror(err)), 1;
	std::unique_ptr<rondo_store, closer> store(opened);
	rondo_series_def def = {};
	def.size = sizeof def;
	def.name = "pears";
	def.kind = RONDO_GAUGE;
	rondo_series *series = nullptr;
	if (rondo_series_register(store.get(), &def, &series) ||
	    rondo_record(series, 1700000000000000000u, 2.5))
		return 1;
	rondo_range range = {};
	range.size = sizeof range;
	rondo_point point = {};
	std::size_t n = 0;
	if (rondo_read(store.get(), rondo_series_id(store.get(), series), &range, &point, 1, &n))
		return 1;
	std::printf("%s %zu %g\n", rondo_version(), n, point.value);
	return 0;
}
CPP
if command -v g++ >/dev/null; then
	for std in c++11 c++20; do
		ok "a strict $std program compiles and links" g++ "-std=$std" -pedantic -Wall -Wextra -Werror \
			"${cflags[@]}" -o "$T/shared-$std" "$T/user.cpp" "${libs[@]}"
		is "$(LD_LIBRARY_PATH=$lib "$T/shared-$std" "$T/store-$std" 2>&1)" "$version 1 2.5" "it runs"
	done
	ok "the C program is C++ too" g++ -x c++ -std=c++11 -Wall -Wextra -Wno-missing-field-initializers \
		-Werror "${cflags[@]}" -c -o "$T/user.o" "$T/user.c"
	ok "C++ links with the static library" \
		g++ -std=c++11 "${cflags[@]}" -o "$T/static++" "$T/user.cpp" "$lib/librondo.a"
	is "$("$T/static++" "$T/store3" 2>&1)" "$version 1 2.5" "it runs with the static library"
else
	skip "C++ programs against the installed tree" "g++ is not here"
fi

touch "$dest$prefix/bin/someone-elses"
ok "make uninstall" mk uninstall
is "$(cd "$dest" && find . ! -type d)" ".$prefix/bin/someone-elses" "it left what was not ours, and nothing else"
done_testing
