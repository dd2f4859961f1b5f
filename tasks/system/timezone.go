package system

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// timezoneArgs are the arguments of timezone.
type timezoneArgs struct {
	Name    string `arg:"name" help:"the zone, Europe/Berlin"`
	HWClock string `arg:"hwclock,rtc" choices:"local,UTC" help:"what the machine's own clock shows"`
}

// Timezone keeps the host's time zone.
func Timezone() play.Module {
	return kit.Define(kit.Doc{Name: "timezone", Short: "the host's time zone"}, timezone{})
}

type timezone struct{}

func (timezone) Validate(a timezoneArgs) *play.ArgError {
	if a.Name == "" && a.HWClock == "" {
		return &play.ArgError{Msg: "one of the following is required: hwclock, name"}
	}
	if strings.HasPrefix(a.Name, "/") || strings.Contains("/"+a.Name+"/", "/../") || strings.ContainsAny(a.Name, " \n\t") || strings.HasPrefix(a.Name, "-") {
		return &play.ArgError{Arg: "name", Msg: fmt.Sprintf("given timezone %q is not available", a.Name)}
	}
	return nil
}

// zoneText prints the zone, whether the one that is asked for is there, and the
// machine's clock: zone.
const zoneText sh.Constant = `z=$(readlink -f /etc/localtime 2>/dev/null)
case $z in */zoneinfo/*) z=${z#*/zoneinfo/} ;; *) z=$(cat /etc/timezone 2>/dev/null || echo) ;; esac
if [ -h /etc/localtime ]; then l=$(readlink /etc/localtime); case $l in */zoneinfo/*) z=${l#*/zoneinfo/} ;; esac; fi
printf "%s\n" "$z"
if [ -z "$1" ] || [ -f "/usr/share/zoneinfo/$1" ]; then echo there; else echo none; fi
if [ "$(sed -n 3p /etc/adjtime 2>/dev/null)" = LOCAL ]; then echo local; else echo UTC; fi
if [ -f /etc/timezone ]; then cat /etc/timezone; fi`

// zoneStep sets it: zone, clock. timedatectl where systemd runs; else the link and,
// where it is there, /etc/timezone.
const zoneStep sh.Constant = kit.Hold + `z=$1 c=$2
if [ -d /run/systemd/system ] && command -v timedatectl >/dev/null; then
if [ -n "$z" ]; then timedatectl set-timezone "$z" || exit 1; fi
case $c in local) timedatectl set-local-rtc 1 ;; UTC) timedatectl set-local-rtc 0 ;; esac || exit 1
elif [ -n "$z" ]; then
k_hold /etc/localtime || exit 1
_name .
k_t=./${_t##*/}
ln -s "/usr/share/zoneinfo/$z" "$k_t" && k_mv || exit 1
fi
if [ -n "$z" ] && [ -f /etc/timezone ] && [ "$(cat /etc/timezone)" != "$z" ]; then
k_hold /etc/timezone && k_new && printf "%s\n" "$z" >"$k_8" && chmod 644 "$k_8" && k_mv || exit 1
fi
if [ -n "$c" ] && [ ! -d /run/systemd/system ]; then
case $c in local) hwclock --localtime --systohc ;; UTC) hwclock --utc --systohc ;; esac
fi`

func (timezone) Facts(a timezoneArgs) []host.Question {
	return []host.Question{host.NewProbe(zoneText, a.Name)}
}

func (timezone) Plan(a timezoneArgs, s host.Seen) (play.Plan, error) {
	ans, err := s.Answer(host.NewProbe(zoneText, a.Name))
	if err != nil {
		return play.Plan{}, err
	}
	l := kit.Lines{Rest: string(ans.Stdout)}
	zone, there, clock := l.Next(), l.Next(), l.Next()
	file := strings.TrimSpace(l.Rest)
	if there != "there" {
		return kit.Failure("given timezone \"%s\" is not available: the host has no /usr/share/zoneinfo/%s (package tzdata)", a.Name, a.Name), nil
	}
	before, after := value.NewMap(), value.NewMap()
	wantZone, wantClock := "", ""
	if a.Name != "" {
		before.Put("name", kit.HostText(zone))
		after.Put("name", value.String(a.Name))
		if zone != a.Name || file != "" && file != a.Name {
			wantZone = a.Name
		}
	}
	if a.HWClock != "" {
		before.Put("hwclock", value.String(clock))
		after.Put("hwclock", value.String(a.HWClock))
		if clock != a.HWClock {
			wantClock = a.HWClock
		}
	}
	if wantZone == "" && wantClock == "" {
		return kit.Unchanged("the time zone is as it shall be", value.NewMap()), nil
	}
	return play.Plan{
		Steps:  []host.Step{host.Run{Cmd: sh.Script(zoneStep, wantZone, wantClock), What: strings.TrimSpace("set the time zone " + wantZone + " " + wantClock)}},
		Diff:   []play.Diff{kit.JSONDiff(before, after)},
		Result: play.Result{Changed: true, Data: value.NewMap()},
	}, nil
}
