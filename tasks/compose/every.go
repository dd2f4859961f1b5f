package compose

// EveryText defines a function of sh: every FORMAT [-a] prints what docker inspect
// says by FORMAT of each running container, with -a of each container. A container
// that goes meanwhile is left out. Where the engine fails, or does not tell of one
// that is there, it returns 1 and says why on fd 2: what was printed is then not
// all, and nobody may take it for that.
const EveryText = `every() {
	_f=$1; shift
	_ids=$(docker ps -q --no-trunc "$@") || return 1
	[ -n "$_ids" ] || return 0
	_s=$(docker inspect --type container -f "$_f" $_ids 2>/dev/null) && { printf '%s\n' "$_s"; return 0; }
	for _c in $_ids; do
		_s=$(docker inspect --type container -f "$_f" "$_c" 2>&1) && { printf '%s\n' "$_s"; continue; }
		_now=$(docker ps -a -q --no-trunc) || return 1
		case $_now in *"$_c"*) printf 'container %s: %s\n' "$_c" "$_s" >&2; return 1;; esac
	done
}
`

// GoneText defines a function of sh: gone KIND NAME is true when docker itself says
// that there is no such container or volume. Any other failure ends the script with
// status 1: an engine that does not answer has not said that something is gone.
const GoneText = `gone() {
	_s=$(docker inspect --type "$1" -f x "$2" 2>&1) && return 1
	case $_s in *[Nn]o\ such\ *) return 0;; esac
	printf '%s %s: %s\n' "$1" "$2" "$_s" >&2
	exit 1
}
`
