#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# make's vmm- targets on another machine, one with KVM: the tree goes there by rsync, make runs there, what
# came of it comes back into BUILD/remote. Nothing of what was built there, the guest included, is touched
# by the next one.
#
#	REMOTE=user@host tools/remote.sh sync                 the tree, without what was built
#	REMOTE=user@host tools/remote.sh make TARGET [VAR=value]...
#	REMOTE=user@host tools/remote.sh shell                a shell there, in the tree
#	REMOTE=user@host tools/remote.sh ssh COMMAND          a command there, in the tree
#
# REMOTE_DIR (rondo): where, from that user's home or absolute. REMOTE_SSH (ssh): with options, as for
# another port or key.

set -eu
cd "$(dirname "$0")/.."
usage()
{
	sed -n '4,14s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
[ -n "${REMOTE:-}" ] || { echo "remote.sh: REMOTE=user@host says where" >&2; exit 2; }
# What begins with a dash would be an option of ssh's.
case $REMOTE in
-* | *[[:space:]]*) echo "remote.sh: REMOTE=$REMOTE: user@host" >&2; exit 2 ;;
esac
dir=${REMOTE_DIR:-rondo}
build=$(realpath -m "${BUILD:-build}")
read -r -a ssh <<<"${REMOTE_SSH:-ssh}"
for p in rsync "${ssh[0]}"; do
	command -v "$p" >/dev/null || { echo "remote.sh: $p is not here (rsync, openssh-client)" >&2; exit 1; }
done

# there COMMAND: one string, which the other side's shell reads, in the tree.
there()
{
	"${ssh[@]}" "${tty[@]}" "$REMOTE" "cd $(printf %q "$dir") && $1"
}
tty=()

sync_tree()
{
	"${ssh[@]}" "$REMOTE" "mkdir -p $(printf %q "$dir")" &&
		rsync -az --delete --exclude=/build/ --exclude=/.git -e "${ssh[*]}" ./ "$REMOTE:$dir/"
}

# Stores, reports and logs, not programs and not the guest.
fetch()
{
	mkdir -p "$build/remote"
	rsync -az -e "${ssh[*]}" --prune-empty-dirs --include='/vmm-demo/***' --include='/run/***' \
		--include='/demo/***' --include='/tests/' --include='/tests/logs/***' --exclude='*' \
		"$REMOTE:$dir/build/" "$build/remote/"
}

case ${1:-} in
sync) sync_tree ;;
make)
	[ $# -ge 2 ] || usage
	shift
	sync_tree || { echo "remote.sh: the tree could not be brought to $REMOTE:$dir" >&2; exit 1; }
	words=$(printf ' %q' "$@")
	status=0
	[ ! -t 0 ] || [ ! -t 1 ] || tty=(-t)
	there "make -j\$(nproc)$words" || status=$?
	tty=()
	fetch || { echo "remote.sh: the results could not be fetched from $REMOTE:$dir" >&2; exit 1; }
	exit $status
	;;
shell)
	tty=(-t)
	there "exec \${SHELL:-sh} -l"
	;;
ssh)
	[ $# -ge 2 ] || usage
	there "$2"
	;;
*) usage ;;
esac
