# shellcheck shell=dash
# Makes a relocatable folder out of unpacked Debian packages: programs, every shared
# library they need, the dynamic loader, and a launcher that ties them together (see
# launcher/main.go). Nothing outside the folder is needed to run them but a kernel.
#
# Sourced after packages.sh. Needs: go.

# loader_in ROOT prints the path of the dynamic loader among the unpacked packages.
loader_in() {
	local loader
	loader=$(find "$1" -type f -name 'ld-linux-*.so.*' | head -n 1)
	[ -n "$loader" ] || die "no dynamic loader in $1; was libc6 unpacked?"
	echo "$loader"
}

# library_path ROOT prints the folders with shared libraries, separated by colons.
library_path() {
	find "$1/lib" "$1/usr/lib" -maxdepth 1 -type d -name '*-linux-gnu*' 2>/dev/null | paste -s -d :
}

# add_libraries ROOT OUT FILE... copies the loader and all libraries that the given ELF files
# need, recursively, to OUT/lib. A library that is not below ROOT is an error, because it would be missing elsewhere.
# The files are read, not run, so they may be of another architecture.
add_libraries() {
	local root=$1 out=$2 loader path gcc_s name file
	shift 2
	loader=$(loader_in "$root")
	path=$(library_path "$root")
	mkdir -p "$out/lib"
	cp "$loader" "$out/lib/${loader##*/}"
	chmod 755 "$out/lib/${loader##*/}"
	# Opened by name at run time, by the C library when a thread is cancelled.
	gcc_s=$(find "$root" -name libgcc_s.so.1 | head -n 1)
	(cd "$LAYER" && go run ./needed "$path" "$@" $gcc_s) >"$out/lib/.needed" || die "libraries are missing among the packages"
	[ -z "$gcc_s" ] || echo "libgcc_s.so.1 $gcc_s" >>"$out/lib/.needed"
	while read -r name file; do
		[ "$name" != "${loader##*/}" ] || continue
		cp -L "$file" "$out/lib/$name"
		chmod 644 "$out/lib/$name"
	done <"$out/lib/.needed"
	rm "$out/lib/.needed"
}

# add_launchers OUT BIN builds the launcher and puts it into OUT/BIN once for every program in
# OUT/libexec. They are hard links of one file where the file system has them; not symbolic
# links, which PostgreSQL would resolve.
add_launchers() {
	local f
	mkdir -p "$1/$2"
	(cd "$LAYER" && CGO_ENABLED=0 GOOS=linux GOARCH="$ARCH" go build -trimpath -ldflags='-s -w' -o "$1/.launcher" ./launcher) ||
		die "cannot build layers/pg_dump/launcher"
	for f in "$1"/libexec/*; do
		ln "$1/.launcher" "$1/$2/${f##*/}" 2>/dev/null || cp "$1/.launcher" "$1/$2/${f##*/}"
	done
	rm "$1/.launcher"
}

# add_licenses ROOT OUT copies the copyright file of each package, which their licences ask for.
add_licenses() {
	local f
	(cd "$1/usr/share/doc" && find . -name copyright) | while read -r f; do
		mkdir -p "$2/share/licenses/${f%/copyright}"
		cp -L "$1/usr/share/doc/$f" "$2/share/licenses/$f" 2>/dev/null ||
			rmdir "$2/share/licenses/${f%/copyright}"
	done
}

# add_manifest ROOT OUT TITLE writes OUT/MANIFEST: what the folder was made of, and the
# SHA-256 of every file in it.
add_manifest() {
	{
		echo "# $3"
		sed 's/^/package /' "$1.packages"
		(cd "$2" && find . -type f ! -name MANIFEST | sed 's|^\./||' | LC_ALL=C sort | xargs -d '\n' sha256sum) |
			sed 's/^/sha256 /'
	} >"$2/MANIFEST"
}

# replace NEW OLD puts a finished folder in its place.
replace() {
	chmod -R a+rX "$1"
	mkdir -p "$(dirname "$2")"
	rm -rf "$2"
	mv "$1" "$2"
}
