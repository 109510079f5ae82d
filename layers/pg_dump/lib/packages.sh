# shellcheck shell=dash
# Fetches Debian packages of any release without installing them.
#
# Package lists, state and cache live in a folder of their own ($PACKAGES), so the
# system's own package manager sees nothing and no root is needed. Mirrors, proxies and
# signing keys are the machine's: its apt sources are read, and only the name of the
# release in them is replaced. Signatures are always verified.
#
# Packages are those of $ARCH, a Debian architecture (amd64, arm64), by default the machine's own. They are only
# unpacked, so another architecture needs nothing more.
#
# Sourced by layers/pg_dump/build, layers/pg_dump/layer and scripts/postgres. Needs: apt, dpkg-deb, awk.

# say TEXT... tells the user what is going on; standard output stays free for answers.
say() { printf '%s\n' "$*" >&2; }

# die TEXT... ends the script with a reason.
die() { say "error: $*"; exit 1; }

ARCH=${ARCH:-$(dpkg --print-architecture)}

# native tells whether this machine can run what is fetched.
native() { [ "$ARCH" = "$(dpkg --print-architecture)" ]; }

# release_of MAJOR prints the Debian release that carries that major of PostgreSQL.
release_of() {
	case $1 in
	15) echo bookworm ;;
	17) echo trixie ;;
	18) echo forky ;;
	*) die "PostgreSQL $1 is not known here; known majors: 15, 17, 18 (see release_of in layers/pg_dump/lib/packages.sh)" ;;
	esac
}

# machine_sources prints the machine's apt sources with a component "main", one per line:
#   URI <tab> RELEASE <tab> SIGNED-BY (a path, or empty)
# A Signed-By that is not a path (a fingerprint, an embedded key) counts as empty: apt's
# default keys are used then.
machine_sources() {
	local f
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] || continue
		awk '
			function flush(   i, j, n, m, u, s) {
				n = split(uris, u, " "); m = split(suites, s, " ")
				if (types ~ /(^| )deb( |$)/ && components ~ /(^| )main( |$)/ && enabled !~ /^no/)
					for (i = 1; i <= n; i++) for (j = 1; j <= m; j++)
						print u[i] "\t" s[j] "\t" (key ~ /^\// ? key : "")
				types = uris = suites = components = key = enabled = field = ""
			}
			/^[ \t]*$/ { flush(); next }
			/^#/ { next }
			/^[ \t]/ {
				sub(/^[ \t]+/, "")
				if (field == "uris") uris = uris " " $0
				if (field == "suites") suites = suites " " $0
				if (field == "components") components = components " " $0
				next
			}
			{
				field = tolower(substr($0, 1, index($0, ":") - 1))
				value = substr($0, index($0, ":") + 1)
				sub(/^[ \t]+/, "", value); sub(/[ \t]+$/, "", value)
				if (field == "types") types = value
				if (field == "uris") uris = value
				if (field == "suites") suites = value
				if (field == "components") components = value
				if (field == "signed-by") key = value
				if (field == "enabled") enabled = value
			}
			END { flush() }' "$f"
	done
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$f" ] || continue
		awk '
			$1 == "deb" {
				key = ""; i = 2
				if ($2 ~ /^\[/) {
					for (; i <= NF; i++) {
						if (match($i, /signed-by=[^] ]+/)) key = substr($i, RSTART + 10, RLENGTH - 10)
						if ($i ~ /\]$/) { i++; break }
					}
				}
				for (c = i + 2; c <= NF; c++)
					if ($c == "main") print $i "\t" $(i + 1) "\t" (key ~ /^\// ? key : "")
			}' "$f"
	done
}

# sources_for RELEASE [KEYRING] prints an apt source list: the machine's Debian mirrors with
# the name of the release replaced. Third-party sources are left out.
sources_for() {
	local codename
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	machine_sources | awk -F '\t' -v from="$codename" -v to="$1" -v keyring="${2:-}" '
		{
			suffix = $2
			if (!sub("^(" from "|oldoldstable|oldstable|stable|testing)", "", suffix) || from == "" && suffix == $2) next
			if (suffix !~ /^(\/updates|-security|-updates)?$/) next
			if (suffix == "/updates") suffix = "-security"
			key = keyring != "" ? keyring : $3
			print "deb " (key != "" ? "[signed-by=" key "] " : "") $1 " " to suffix " main"
		}' | sort -u
}

# apt_in DIR COMMAND... runs apt-get or apt-cache on the lists and state in DIR.
apt_in() {
	local dir=$1 program=$2
	shift 2
	"$program" -qq -o APT::Architecture="$ARCH" -o APT::Architectures="$ARCH" \
		-o Dir::State="$dir/state" -o Dir::State::status="$dir/state/status" \
		-o Dir::Cache="$dir/cache" -o Dir::Log="$dir/log" \
		-o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		-o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
		"$@"
}

# update_lists DIR RELEASE [KEYRING] downloads and verifies the package lists of a release. It
# succeeds when the C library is in them: a mirror beside the main one may lack the release.
update_lists() {
	mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial" "$1/log"
	: >"$1/state/status"
	sources_for "$2" "${3:-}" >"$1/sources.list"
	[ -s "$1/sources.list" ] ||
		die "no Debian mirror found in /etc/apt (sources.list, sources.list.d); this needs a Debian system with apt sources"
	apt_in "$1" apt-get update >"$1/log/update.log" 2>&1
	apt_in "$1" apt-cache show libc6 >/dev/null 2>&1
}

# open_release RELEASE prepares $PACKAGES/RELEASE-ARCH and prints that path. Lists younger than a
# day are kept. A machine whose keyring is too old for the release gets the newest
# debian-archive-keyring of its own, verified, release.
open_release() {
	local dir=$PACKAGES/$1-$ARCH own
	if [ -n "$(find "$dir/updated" -mtime -1 2>/dev/null)" ]; then
		echo "$dir"
		return
	fi
	if ! update_lists "$dir" "$1"; then
		own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
		grep -q -e NO_PUBKEY -e 'not signed' -e "couldn't be verified" -e 'Missing key' "$dir/log/update.log" ||
			{ cat "$dir/log/update.log" >&2; die "cannot read the package lists of Debian $1; check the network and /etc/apt"; }
		say "the keyring of this machine is older than Debian $1; fetching a newer one from $own"
		update_lists "$PACKAGES/keyring" "$own" ||
			{ cat "$PACKAGES/keyring/log/update.log" >&2; die "cannot read the package lists of Debian $own"; }
		fetch "$PACKAGES/keyring" "$PACKAGES/keyring/root" debian-archive-keyring
		update_lists "$dir" "$1" "$(find "$PACKAGES/keyring/root/usr/share/keyrings" -name 'debian-archive-keyring.*' | sort | tail -n 1)" ||
			{ cat "$dir/log/update.log" >&2; die "cannot verify the package lists of Debian $1, even with the newest keyring of $own"; }
	fi
	: >"$dir/updated"
	echo "$dir"
}

# libraries_of DIR PACKAGE... prints the packages and, recursively, the library packages they
# depend on. Interpreters, configuration tools and data are left out.
libraries_of() {
	local dir=$1 seen next found p
	shift
	seen=" $* "
	next="$*"
	while [ -n "$next" ]; do
		found=$(
			# shellcheck disable=SC2086
			apt_in "$dir" apt-cache depends --important $next |
				awk '$1 ~ /^\|?(Pre)?Depends:$/ && $2 ~ /^(lib|zlib1g)/ && $2 !~ /^(libperl|libpython|libtcl|libllvm|libclang|libc-|libjson-perl|libdebconf)/ { print $2 }' |
				sort -u
		)
		next=
		for p in $found; do
			case $seen in *" $p "*) continue ;; esac
			seen="$seen$p "
			next="$next $p"
		done
	done
	echo "$seen"
}

# check_pin NAME VERSION ARCH FILE holds a package against $PINS, the versions and digests that were tried last. Other bytes
# under a pinned version are an error. Debian keeps no old versions in its mirrors, so another version is told and taken,
# as it is signed by Debian, unless PIN_STRICT is set. With PINS_OUT it is only written down there, for layers/pg_dump/pin.
check_pin() {
	local digest want
	digest=$(sha256sum "$4" | cut -d ' ' -f 1)
	if [ -n "${PINS_OUT:-}" ]; then
		echo "$1 $2 $3 $digest" >>"$PINS_OUT"
		return
	fi
	[ -n "${PINS:-}" ] || return 0
	want=$(awk -v n="$1" -v v="$2" -v a="$3" '$1 == n && $2 == v && $3 == a { print $4 }' "$PINS")
	case $want in
	"$digest") return ;;
	?*) die "package $1 $2 for $3 is not the one that $PINS pins: its SHA-256 is $digest" ;;
	esac
	[ -z "${PIN_STRICT:-}" ] || die "package $1 $2 for $3 is not pinned in $PINS; try it, then pin it with layers/pg_dump/pin"
	say "note: $1 $2 for $3 is newer than what layers/pg_dump/versions pins; Debian's signature was verified"
}

# fetch DIR ROOT PACKAGE... downloads packages and unpacks them below ROOT. The list of what
# was unpacked, "name version" per line, is ROOT.packages.
fetch() {
	local dir=$1 root=$2 pool=$1/pool name version arch file
	shift 2
	rm -rf "$root" "$root.packages"
	mkdir -p "$pool" "$root"
	(cd "$pool" && apt_in "$dir" apt-get download "$@") >"$dir/log/download.log" 2>&1 ||
		{ cat "$dir/log/download.log" >&2; die "cannot download packages"; }
	apt_in "$dir" apt-cache show --no-all-versions "$@" |
		awk '$1 == "Package:" { p = $2 } $1 == "Version:" { v = $2 } $1 == "Architecture:" { a = $2 }
			/^$/ { print p, v, a; p = "" } END { if (p != "") print p, v, a }' | sort -u >"$root.packages"
	while read -r name version arch; do
		file=$pool/${name}_$(printf '%s' "$version" | sed 's/:/%3a/')_$arch.deb
		[ -f "$file" ] || die "package $name $version was not downloaded to $pool"
		check_pin "$name" "$version" "$arch" "$file"
		dpkg-deb -x "$file" "$root"
	done <"$root.packages"
}
