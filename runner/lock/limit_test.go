package lock_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/lock"
	"remoterun/runner/sh"
)

// odd is a host whose lock's holder does not do what it is there for.
type odd struct {
	host.Conn
	holder func() (host.Output, error)
}

func (o odd) Exec(context.Context, host.As, sh.Cmd) (host.Output, error) { return o.holder() }

// TestHolderIsOdd: a holder that ends as if all were well, and one that never
// says anything, are hosts that don't keep to the protocol: unreachable.
func TestHolderIsOdd(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		for name, c := range map[string]struct {
			holder func() (host.Output, error)
			want   string
		}{
			"ends": {func() (host.Output, error) { return host.Output{}, nil }, "h: take the lock of the project p: the host does not keep to the protocol: its lock's holder ended without having the lock"},
			"says nothing": {func() (host.Output, error) { <-stop; return host.Output{}, nil },
				"h: take the lock of the project p: the host does not keep to the protocol: its lock's holder has said nothing for 50ms"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := lock.Take(t.Context(), odd{dial(), c.holder}, host.As{}, "h", "p", "x", lock.Options{Dir: t.TempDir(), Within: 50 * time.Millisecond})
				if err == nil || err.Error() != c.want || !errors.Is(err, host.ErrTransport) || !errors.Is(err, host.ErrProtocol) {
					t.Errorf("got  %v\nwant %s", err, c.want)
				}
			})
		}
	})
}

// nobody is a host that does not say who its user is.
type nobody struct{ host.Conn }

func (nobody) Shell(context.Context, host.As) (host.Shell, error) { return silentShell{}, nil }

type silentShell struct{ host.Shell }

func (silentShell) Run(context.Context, sh.Cmd) (host.Output, error) { return host.Output{}, nil }

// TestFindNamesTheHost: not the project.
func TestFindNamesTheHost(t *testing.T) {
	_, err := lock.Take(t.Context(), nobody{}, host.As{}, "web1", "p", "x", lock.Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "web1: find the lock's folder: the host does not keep to the protocol") {
		t.Errorf("%v", err)
	}
}
