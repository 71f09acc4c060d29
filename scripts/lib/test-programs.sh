# Brings the foreign programs that scenario tests speak with: mail clients, two
# mail servers, a browser, and what reads metrics. To be sourced by a POSIX shell after setup.sh, with $root set.
# Debian and Ubuntu only: elsewhere, and where nothing can be installed, the
# tests skip what is missing, or fail in CI (CI=true).

test_clients="swaks libnet-ssleay-perl python3 curl postfix-mta-sts-resolver iproute2"
# Root's own, since root starts what is in it, and open to the users that servers change to.
test_server_cache=/var/cache/sts-relay-test-servers

bring_test_programs() {
	if [ "$(package_manager)" != apt ]; then
		say "the foreign mail programs of the tests are installed on Debian and Ubuntu only"
	elif [ "$(id -u)" -ne 0 ] && ! have sudo; then
		say "root is needed to install the foreign mail programs of the tests"
	else
		# One package that cannot be had must not keep the others away.
		ensure_test_clients || say "not all mail clients of the tests could be installed"
		ensure_test_postfix || say "Postfix could not be installed: its tests will miss it"
		ensure_test_exim || say "Exim could not be brought: its tests will miss it"
		ensure_test_browser || say "Chromium could not be installed: the tests of the admin page will miss it"
		ensure_promtool || say "promtool could not be brought: the tests of the metrics will miss it"
	fi
}

ensure_test_clients() {
	# shellcheck disable=SC2086 # names of packages, one word each
	missing=$(missing_packages $test_clients)
	# shellcheck disable=SC2086
	[ -z "$missing" ] || install_packages $missing
}

# --no-remove: whoever has another mail server keeps it, Debian allows one only.
# The package is left without a configuration: the tests bring their own, and no
# server is to listen on port 25.
ensure_test_postfix() {
	[ -n "$(missing_packages postfix)" ] || return 0
	echo 'postfix postfix/main_mailer_type select No configuration' | as_root debconf-set-selections
	install_packages --no-remove postfix
}

# Exim cannot be installed beside Postfix, so it is unpacked into a directory of
# its own; its libraries and its user are where its package would have put them.
ensure_test_exim() {
	user=Debian-exim
	if ! getent passwd "$user" >/dev/null; then
		as_root useradd --system --user-group --no-create-home --home-dir /var/spool/exim4 \
			--shell /usr/sbin/nologin "$user" || return
	fi
	[ ! -d "$test_server_cache/exim4" ] || return 0
	say "unpacking exim4-daemon-light into $test_server_cache/exim4"
	download=$(mktemp -d) || return
	if download_package exim4-daemon-light "$download" && install_libraries_of "$download"/*.deb; then
		unpack_server "$download"/*.deb exim4
	fi
	rm -rf "$download"
	[ -d "$test_server_cache/exim4" ]
}

ensure_test_browser() {
	[ -z "$(missing_packages chromium)" ] || install_packages chromium fonts-dejavu-core
}

# Installed, its package would begin to collect metrics as a service.
ensure_promtool() {
	! command -v promtool >/dev/null 2>&1 && [ ! -d "$test_server_cache/promtool" ] || return 0
	say "unpacking promtool into $test_server_cache/promtool"
	download=$(mktemp -d) || return
	download_package prometheus "$download" && unpack_server "$download"/*.deb promtool
	rm -rf "$download"
	[ -d "$test_server_cache/promtool" ]
}

install_libraries_of() {
	libraries=$(dpkg-deb -f "$1" Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ :]*\).*/\1/p')
	# shellcheck disable=SC2086
	missing=$(missing_packages $libraries)
	# shellcheck disable=SC2086
	[ -z "$missing" ] || install_packages $missing
}

unpack_server() {
	as_root rm -rf "$test_server_cache/unpacking"
	as_root mkdir -p "$test_server_cache"
	as_root dpkg-deb -x "$1" "$test_server_cache/unpacking" &&
		# A second program that makes root of anybody is not wanted: the tests start it as root.
		as_root chmod -R u-s,g-s "$test_server_cache/unpacking" &&
		# Under its name only when all is in it.
		as_root mv "$test_server_cache/unpacking" "$test_server_cache/$2"
}

# The list of packages may be missing, or older than the archive.
download_package() {
	(
		cd "$2" || exit
		apt-get download -qq "$1" </dev/null >/dev/null 2>&1 && exit
		as_root apt-get update -qq </dev/null >&2
		apt-get download -qq "$1" </dev/null >&2
	)
}

missing_packages() {
	for package in "$@"; do
		state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || state=unknown
		[ "$state" = installed ] || printf '%s ' "$package"
	done
}
