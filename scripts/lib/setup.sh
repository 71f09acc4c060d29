# Brings what the relay needs on a fresh Debian, Ubuntu, Alpine, Fedora or macOS:
# npm, the Node modules, Node.js 24, and redis-server or valkey-server.
# To be sourced by a POSIX shell, with $root set to the checkout.
# Afterwards $NODE is a Node.js that runs the relay, first in PATH.
# An installation that fails is noticed by what is still missing after it.

EX_UNAVAILABLE=69
NODE_NEEDED=24
packages_refreshed=no

say() { printf 'sts-relay: %s\n' "$*" >&2; }

give_up() {
	say "$*"
	exit "$EX_UNAVAILABLE"
}

have() { command -v "$1" >/dev/null 2>&1; }

set_up() {
	ensure_npm
	ensure_modules
	ensure_node
	ensure_redis
}

ensure_npm() {
	if have npm && have node; then return; fi
	say "npm is missing"
	case $(package_manager) in
	apt | apk | dnf) install_packages nodejs npm || true ;;
	brew) install_packages node || true ;;
	*) give_up "install Node.js $NODE_NEEDED with npm from https://nodejs.org and run this again" ;;
	esac
	hash -r
	have npm || give_up "npm is still missing: install Node.js $NODE_NEEDED from https://nodejs.org and run this again"
}

# npm writes node_modules/.package-lock.json when an installation is complete.
ensure_modules() {
	if [ -f "$root/node_modules/.package-lock.json" ] &&
		[ ! "$root/package-lock.json" -nt "$root/node_modules/.package-lock.json" ]; then
		return
	fi
	say "installing the Node modules (npm ci)"
	# Nothing to be read from a terminal: some package's script must not wait for an answer.
	(cd "$root" && npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error </dev/null >&2) ||
		give_up "npm ci failed: see above; a registry that cannot be reached is the usual cause"
	touch "$root/node_modules/.package-lock.json"
}

# The system's Node.js when it is new enough, else the one among the modules.
ensure_node() {
	for NODE in "$(command -v node)" "$root/node_modules/.bin/node"; do
		if is_new_enough "$NODE"; then
			PATH=$(dirname "$NODE"):$PATH
			export PATH NODE
			return
		fi
	done
	# Alpine's musl cannot run the binary among the modules, but has packages of recent releases.
	if [ "$(package_manager)" = apk ]; then
		say "Node.js $NODE_NEEDED is missing"
		install_packages nodejs-current || true
		hash -r
		NODE=$(command -v node)
		if is_new_enough "$NODE"; then
			export NODE
			return
		fi
	fi
	give_up "Node.js $NODE_NEEDED or later is needed: install it from https://nodejs.org and run this again"
}

is_new_enough() {
	[ -x "$1" ] || return 1
	version=$("$1" --version 2>/dev/null) || return 1
	major=${version#v}
	[ "${major%%.*}" -ge "$NODE_NEEDED" ] 2>/dev/null
}

ensure_redis() {
	if has_redis; then return; fi
	say "redis-server is missing"
	case $(package_manager) in
	apt) install_packages redis-server || install_packages valkey-server || true ;;
	apk | dnf) install_packages redis || install_packages valkey || true ;;
	brew) install_packages redis || true ;;
	*) give_up "install redis-server or valkey-server and run this again" ;;
	esac
	hash -r
	has_redis || give_up "redis-server is still missing: install redis-server or valkey-server and run this again"
	stop_packaged_redis
}

has_redis() { have redis-server || have valkey-server; }

# The package's own service was not wanted: the relay runs its server itself, on a socket.
stop_packaged_redis() {
	[ -d /run/systemd/system ] || return 0
	for service in redis-server valkey-server redis valkey; do
		as_root systemctl disable --now "$service" >/dev/null 2>&1 || true
	done
}

# For the tests only: Python's mail parser reads the relay's reports back, a reader that nobody here wrote.
ensure_python() {
	if have python3; then return; fi
	say "python3 is missing"
	install_packages python3 || true
	hash -r
	have python3 || give_up "python3 is still missing: install it and run this again"
}

package_manager() {
	for manager in apt-get apk dnf brew; do
		if have "$manager"; then
			echo "${manager%-get}"
			return
		fi
	done
	echo none
}

install_packages() {
	manager=$(package_manager)
	say "installing $* with $manager"
	case $manager in
	apt)
		if [ "$packages_refreshed" = no ]; then
			as_root apt-get update -qq >&2 || say "the list of packages could not be refreshed"
			packages_refreshed=yes
		fi
		# RUNLEVEL=1 keeps a package from starting its service where systemd does not run.
		as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
			apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
		;;
	apk) as_root apk add --quiet "$@" </dev/null >&2 ;;
	dnf) as_root dnf install -y -q "$@" </dev/null >&2 ;;
	brew) brew install --quiet "$@" </dev/null >&2 ;;
	*) return 1 ;;
	esac
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif have sudo; then
		if ! sudo -n true 2>/dev/null; then say "root is needed to install it; sudo may ask for your password"; fi
		sudo "$@"
	else
		give_up "root is needed for: $*"
	fi
}
