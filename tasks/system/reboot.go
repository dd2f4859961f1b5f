package system

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// rebootArgs are the arguments of reboot.
type rebootArgs struct {
	Before  int      `arg:"pre_reboot_delay,pre_reboot_delay_sec" default:"0" help:"seconds before it goes down"`
	After   int      `arg:"post_reboot_delay,post_reboot_delay_sec" default:"0" help:"seconds before the first look"`
	Timeout int      `arg:"reboot_timeout,reboot_timeout_sec" default:"600" help:"seconds until it has to be back; the test command has as long again"`
	Connect int      `arg:"connect_timeout,connect_timeout_sec" default:"0" help:"accepted: one try takes a minute at most"`
	Test    string   `arg:"test_command" default:"whoami" help:"what has to succeed before it counts as back"`
	Msg     string   `arg:"msg" default:"Reboot initiated by Ansible" help:"what users who are logged in are told"`
	Paths   []string `arg:"search_paths" default:"/sbin,/bin,/usr/sbin,/usr/bin,/usr/local/sbin" type:"list of path" help:"where shutdown is looked for"`
	BootCmd string   `arg:"boot_time_command" help:"text for the host's shell whose output is another one after a reboot; default: the kernel's own mark"`
	Command string   `arg:"reboot_command" help:"text for the host's shell instead of shutdown"`
}

// Reboot restarts the host and waits until it is back.
func Reboot() play.Module {
	return kit.Define(kit.Doc{Name: "reboot", Short: "restart the host and wait until it is back", Options: true}, reboot{})
}

type reboot struct{}

func (reboot) Facts(rebootArgs) []host.Question { return nil }

func (reboot) Plan(a rebootArgs, _ host.Seen) (play.Plan, error) {
	return play.Plan{
		Steps: []host.Step{rebootStep{a}}, Repeats: true,
		Result: play.Result{Changed: true, Data: value.MapOf("elapsed", value.Int(0), "rebooted", value.Bool(true))},
		Finish: func(ran []host.Output) (play.Result, error) {
			n, _ := strconv.ParseInt(string(ran[0].Stdout), 10, 64)
			r := play.Result{Changed: true, Data: value.MapOf("elapsed", value.Int(n), "rebooted", value.Bool(ran[0].Status == 0))}
			if ran[0].Status != 0 {
				r.Failed, r.Msg = true, string(ran[0].Stderr)
				r.Changed = ran[0].Status == 2
			}
			return r, nil
		},
	}, nil
}

// bootText prints what is another text after a reboot: a command, or empty.
const bootText sh.Constant = `if [ -n "$1" ]; then eval "$1"; else cat /proc/sys/kernel/random/boot_id 2>/dev/null || who -b; fi`

// bootedText succeeds when that text is another one now, and not empty: command,
// the old text.
const bootedText sh.Constant = `n=$(if [ -n "$1" ]; then eval "$1"; else cat /proc/sys/kernel/random/boot_id 2>/dev/null || who -b; fi) && [ -n "$n" ] && [ "$n" != "$2" ]`

// downText restarts the host once this command has ended: seconds, a command (or
// empty), the message, folders of programs.
const downText sh.Constant = `d=$1 c=$2 m=$3
shift 3
if [ -z "$c" ]; then
p=
for x; do if [ -x "$x/shutdown" ]; then p=$x/shutdown; break; fi; done
for x; do if [ -z "$p" ] && [ -x "$x/reboot" ]; then p=$x/reboot; fi; done
if [ -z "$p" ] && command -v reboot >/dev/null; then p=reboot; fi
if [ -z "$p" ]; then echo "Unable to find command \"shutdown\" in search paths: $*" >&2; exit 1; fi
fi
(
trap "" 1
sleep "$((d + 1))"
if [ -n "$c" ]; then eval "$c"
elif [ "${p##*/}" = shutdown ]; then "$p" -r now "$m"
else "$p"; fi
) >/dev/null 2>&1 </dev/null &`

// testText runs the test command.
const testText sh.Constant = `eval "$1"`

// rebootStep takes the host down and waits.
type rebootStep struct{ a rebootArgs }

// Describe says what is done.
func (rebootStep) Describe() string { return "reboot, and wait until the host is back" }

// Do prints the seconds that it took. Status 1: it did not go down; 2: it did not
// come back.
func (r rebootStep) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	start := time.Now()
	elapsed := func() []byte { return []byte(strconv.Itoa(int(time.Since(start).Seconds()))) }
	if err := w.Redial(ctx, nil, 0); err != nil {
		return host.Output{Status: 1, Stderr: []byte("Running reboot with local connection would reboot the control node.")}, nil
	}
	mark, err := w.Run(ctx, sh.Script(bootText, r.a.BootCmd))
	if err != nil {
		return host.Output{}, err
	}
	if mark.Status != 0 {
		return host.Output{Status: 1, Stderr: []byte(fmt.Sprintf("failed to get host boot time info, rc: %d, stderr: %s", mark.Status, mark.Stderr))}, nil
	}
	args := append([]string{strconv.Itoa(max(r.a.Before, 0)), r.a.Command, r.a.Msg}, r.a.Paths...)
	down, err := w.Run(ctx, sh.Script(downText, args...))
	if err != nil || down.Status != 0 {
		down.Stdout = elapsed()
		return down, err
	}
	w.Say("the host goes down")
	limit := time.Duration(max(r.a.Timeout, 1)) * time.Second
	if err := wait(ctx, r.a.Before+1+max(r.a.After, 0)); err != nil {
		return host.Output{}, err
	}
	for _, until := range []host.Probe{
		host.NewProbe(bootedText, r.a.BootCmd, strings.TrimRight(string(mark.Stdout), "\n")).Wide(),
		host.NewProbe(testText, r.a.Test).Wide(),
	} {
		if err := w.Redial(ctx, until, limit); err != nil {
			if ctx.Err() != nil || errors.Is(err, host.ErrNoRedial) {
				return host.Output{}, err
			}
			late := fmt.Sprintf("Timed out waiting for last boot time check (timeout=%d): %v", r.a.Timeout, err)
			return host.Output{Status: 2, Stdout: elapsed(), Stderr: []byte(late)}, nil
		}
	}
	return host.Output{Stdout: elapsed()}, nil
}

// wait sleeps unless the task is cancelled.
func wait(ctx context.Context, seconds int) error {
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
