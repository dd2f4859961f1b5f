package net_test

import (
	"fmt"
	"io"
	"net/http"
)

// echo says what came: method, a header, who it was, the body.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	user, pw, _ := r.BasicAuth()
	w.Header().Add("Set-Cookie", "a=b; Path=/")
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"method": %q, "type": %q, "x": %q, "user": %q, "body": %q}`, r.Method, r.Header.Get("Content-Type"), r.Header.Get("X-A"), user+":"+pw, body)
}
