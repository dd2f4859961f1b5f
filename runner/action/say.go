package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

func str(args *value.Map, names ...string) (string, bool) {
	for _, n := range names {
		if v, ok := args.Lookup(n); ok && !v.IsNull() {
			return value.Str(v), true
		}
	}
	return "", false
}

func debug(ctx context.Context, t *Turn, args *value.Map) (Did, error) {
	if lvl, ok := args.Lookup("verbosity"); ok {
		lvl, err := t.Expr.Render(ctx, lvl, t.Scope)
		if err != nil {
			return Did{}, err
		}
		n, err := strconv.Atoi(value.Str(lvl))
		if err != nil {
			return Did{}, fmt.Errorf("invalid literal for int() with base 10: '%s'", value.Str(lvl))
		}
		if n > t.Verbosity {
			return Did{Result: play.Result{Skipped: true, Data: value.MapOf("skipped_reason", value.String("Verbosity threshold not met."))}}, nil
		}
	}
	expr := t.Expr
	_, both := args.Lookup("msg")
	if name, ok := args.Lookup("var"); ok {
		if both {
			return Did{}, errors.New("'msg' and 'var' are incompatible options")
		}
		n, err := expr.Render(ctx, name, t.Scope)
		if err != nil {
			return Did{}, err
		}
		key := value.Str(n)
		if n.Marks()&value.Unsafe != 0 { // what a host says is no expression; Ansible shows it so
			return Did{Result: play.Result{Data: value.MapOf(key, value.MarkedString("{{"+key+"}}", n.Marks()))}}, nil
		}
		v, err := expr.Render(ctx, value.String("{{ "+key+" }}"), t.Scope)
		var undefined interface{ Undefined() bool }
		if err != nil && !errors.As(err, &undefined) { // what is wrong otherwise is a failure
			return Did{}, err
		}
		if err != nil {
			v = value.String("VARIABLE IS NOT DEFINED!")
			if t.Verbosity > 0 {
				v = value.String("VARIABLE IS NOT DEFINED!: " + err.Error())
			}
		}
		return Did{Result: play.Result{Data: value.MapOf(key, v)}}, nil
	}
	msg, ok := args.Lookup("msg")
	if !ok {
		msg = value.String("Hello world!")
	}
	v, err := expr.Render(ctx, msg, t.Scope)
	if v.IsOmit() {
		v = value.String("Hello world!")
	}
	return Did{Result: play.Result{Data: value.MapOf("msg", v)}}, err
}

func assert(ctx context.Context, t *Turn, args *value.Map) (Did, error) {
	that, said := args.Lookup("that")
	if !said {
		return Did{}, errors.New(`conditional required in "that" string`)
	}
	conds := that.Items()
	if _, isList := that.AsSeq(); !isList {
		conds = []value.Value{that}
	}
	expr := t.Expr
	if value.HasTemplate(that) && that.Kind() == value.KindString { // one that gives a list gives conditions
		if v, err := expr.Render(ctx, that, t.Scope); err == nil {
			if _, isList := v.AsSeq(); isList {
				conds = v.Items()
			}
		}
	}
	var need *host.ErrNeed
	message := func(name, otherwise string) value.Value {
		v, ok := args.Lookup(name)
		if !ok && name == "fail_msg" {
			v, ok = args.Lookup("msg")
		}
		if !ok {
			return value.String(otherwise)
		}
		r, err := expr.Render(ctx, v, t.Scope)
		if err == nil {
			return r
		}
		errors.As(err, &need)
		return v
	}
	quiet := false
	if v, ok := args.Lookup("quiet"); ok {
		v, err := expr.Render(ctx, v, t.Scope)
		if err != nil {
			return Did{}, err
		}
		quiet, _ = keyword.Truth(v)
	}
	result := func(r play.Result) (Did, error) {
		r.Quiet = quiet
		if need != nil {
			return Did{Result: r}, need
		}
		return Did{Result: r}, nil
	}
	if wrong := saidWrong(args); wrong != "" {
		return Did{Result: play.Result{Failed: true, Data: value.MapOf("msg", value.String(wrong))}}, nil
	}
	for _, c := range conds {
		if c.IsNull() {
			continue // an empty one holds, as in Ansible
		}
		ok, err := expr.Test(ctx, c, t.Scope)
		if err != nil {
			return Did{}, &play.Unjudged{Condition: c, Err: err}
		}
		if !ok {
			return result(play.Result{Failed: true, Data: value.MapOf("assertion", c, "evaluated_to", value.Bool(false), "msg", message("fail_msg", "Assertion failed"))})
		}
	}
	return result(play.Result{Data: value.MapOf("msg", message("success_msg", "All assertions passed"))})
}

// saidWrong is why what an assert shall say is neither text nor a list of text, as
// it is written.
func saidWrong(args *value.Map) string {
	for _, m := range [][2]string{{"fail_msg", "fail_msg or msg"}, {"msg", "fail_msg or msg"}, {"success_msg", "success_msg"}} {
		v, _ := args.Lookup(m[0])
		_, isList := v.AsSeq()
		switch {
		case isList && slices.ContainsFunc(v.Items(), func(v value.Value) bool { return v.Kind() != value.KindString }):
			return "Type of one of the elements in " + m[1] + " list is not string type"
		case !isList && v.Kind() != value.KindString && !v.IsNull() && !v.IsOmit():
			return "Incorrect type for " + m[1] + ", expected a string or list and got <class '" + value.TypeName(v) + "'>"
		}
	}
	return ""
}

func fail(_ context.Context, _ *Turn, args *value.Map) (Did, error) {
	msg, ok := args.Lookup("msg")
	if !ok || msg.IsNull() {
		msg = value.String("Failed as requested from task")
	}
	if msg.Kind() == value.KindString {
		return Did{Result: play.Failure(value.Str(msg))}, nil
	}
	return Did{Result: play.Result{Failed: true, Data: value.MapOf("msg", msg)}}, nil
}
