# Brings what scripts/bench measures with, and compiles its load tools. To be
# sourced by a POSIX shell after setup.sh and test-programs.sh, with $root set. Debian and Ubuntu only.

bench_packages="postfix-mta-sts-resolver dnsmasq-base dnsutils redis-server gcc libc6-dev libssl-dev iproute2 ca-certificates"

bring_bench_programs() {
	[ "$(package_manager)" = apt ] || give_up "scripts/bench brings Postfix and its tools with apt: run it on Debian or Ubuntu"
	[ "$(id -u)" -eq 0 ] || give_up "scripts/bench makes a network of its own: run it as root"
	# shellcheck disable=SC2086 # names of packages, one word each
	missing=$(missing_packages $bench_packages)
	if [ -n "$missing" ]; then
		# shellcheck disable=SC2086
		install_packages $missing || give_up "could not be installed: $missing"
		stop_packaged_redis
	fi
	ensure_test_postfix || give_up "Postfix could not be installed"
}

# $1: where to put them.
compile_load_tools() {
	mkdir -p "$1"
	load=$root/scripts/lib/bench/load
	gcc -O2 -Wall -o "$1/sink" "$load/sink.c" "$load/session.c" "$load/count.c" -lssl -lcrypto &&
		gcc -O2 -Wall -o "$1/source" "$load/source.c" || give_up "the load tools could not be compiled"
}
