package sh

// Groups is text that gives the word _groups: of the processes that are its
// arguments it puts the process groups into $_g, with those of all that they have
// begun. A program can leave the group of its command and still be waited for:
// timeout has one of its own, setsid -w a session. Who begins one and goes is a
// daemon, and is not found. A session counts where its first process is among them:
// on the laptop it may be the operator's own.
const Groups Constant = `_join() {
case $_a in *" $1 "*) ;; *)
case $_a in *" $2 "*) ;; *)
case $_g in *" $3 "*) ;; *)
case $_s in *" $4 "*) ;; *) _o="$_o $1:$2:$3:$4"; return ;; esac
esac
esac
_a="$_a$1 " _n=y
esac
case $_g in *" $3 "*) ;; *) _g="$_g$3 " _n=y ;; esac
[ "$3" != "$4" ] || case $_s in *" $4 "*) ;; *) _s="$_s$4 " _n=y ;; esac
}
_groups() {
_a=" $* " _g=" " _s=" " _o= _n=
for _f in /proc/[0-9]*/stat; do
{ IFS= read -r _t <"$_f"; } 2>/dev/null || continue
_p=${_t%% *} _t=${_t##*) }
_t=${_t#* }
_q=${_t%% *} _t=${_t#* }
_r=${_t%% *} _t=${_t#* }
_join $_p $_q $_r ${_t%% *}
done
while [ -n "$_n" ]; do
_l=$_o _o= _n=
for _p in $_l; do
_t=${_p#*:} _r=${_p#*:*:}
_join ${_p%%:*} ${_t%%:*} ${_r%%:*} ${_r#*:}
done
done
}
`
