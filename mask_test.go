package engawa_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/access"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/channel"
	"github.com/engawa/engawa/internal/channel/channeltest"
	"github.com/engawa/engawa/internal/config"
	"github.com/engawa/engawa/internal/source/csv"
	"github.com/engawa/engawa/internal/store"
)

// canary is what no print may show: as an address, a name, a word, a secret.
const canary = "canary.canary@canary.example"

// held are the types that hold addresses and secrets, each filled with the
// canary wherever one can be.
func held(t *testing.T) []any {
	parcel := engawa.Parcel{
		Message: "msg_1", Delivery: "dlv_1", Account: "acc_1", To: canary, ToName: canary, Unsubscribe: canary,
		Content: engawa.Content{Subject: canary, Text: canary, HTML: canary}, Carry: []byte(canary),
	}
	known := store.Known{Facts: engawa.Facts{Account: "acc_1", Customer: "cus_1", Content: engawa.ContentFacts{Subject: canary, Text: canary}}, To: canary, ToName: canary}
	claimed := &store.Claimed{Message: engawa.Message{Content: parcel.Content, Unsubscribe: canary}, Known: known, Carry: []byte(canary)}
	return []any{
		engawa.Address(canary), engawa.Secret(canary), config.DSN("postgres://user:canary@db.example/engawa?password=canary"),
		engawa.ContactPoint{Address: canary},
		engawa.Destination{Address: canary},
		engawa.Member{Mail: canary},
		engawa.Suppression{Address: canary},
		engawa.Account{ID: "acc_1", Settings: map[string]string{"password": canary}},
		parcel, channeltest.Cleared(t, channeltest.Parcel(canary)),
		known, claimed,
		store.Result{Claimed: claimed, Suppress: &engawa.Suppression{Address: canary}},
		store.NewCustomer{ContactPoints: []engawa.ContactPoint{{Address: canary}}},
		csv.Member{Mail: canary, Phone: canary},
		store.Told{Body: []byte(canary)},
		store.Remembered{Key: store.ToldKey{Kind: store.ToldMember}, Body: []byte(canary)},
		channel.Settings{"password": canary},
		channel.Place{Address: canary},
		access.Provider{ClientSecret: canary},
		access.Claims{Mail: canary},
		config.OIDC{ClientSecret: canary},
		appstore.Key{PrivateKey: canary},
	}
}

// TestMasks prints every one of them, a pointer to it and a list of it, under
// every verb, into logs and as JSON.
func TestMasks(t *testing.T) {
	for _, v := range held(t) {
		pointer := reflect.New(reflect.TypeOf(v))
		pointer.Elem().Set(reflect.ValueOf(v))
		for _, x := range []any{v, pointer.Interface(), []any{v}, map[string]any{"v": v}, struct{ V any }{v}, struct{ P any }{pointer.Interface()}} {
			for way, got := range printed(t, x) {
				if got = strings.ToLower(got); strings.Contains(got, "canary") || strings.Contains(got, fmt.Sprintf("%x", "canary")) {
					t.Errorf("%T by %s: %s", v, way, got)
				}
			}
		}
	}
}

func printed(t *testing.T, v any) map[string]string {
	out := map[string]string{}
	for verb := range strings.SplitSeq("%v %+v %#v %s %q %x %X % x %d %t %e %T %c %U %10.4v %-20s", " %") {
		out[verb] = fmt.Sprintf("%"+strings.TrimPrefix(verb, "%"), v)
	}
	out["Sprint"] = fmt.Sprint(v)
	out["error"] = fmt.Errorf("send %v: %+v", v, v).Error()
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v, slog.Group("g", "v", v))
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v, slog.Group("g", "v", v))
	out["slog"] = b.String()
	one, err1 := json.Marshal(v)
	two, err2 := jsonv2.Marshal(v)
	if err1 != nil || err2 != nil {
		t.Errorf("%T: %v, %v", v, err1, err2)
	}
	out["json"], out["json v2"] = string(one), string(two)
	return out
}

// TestMasksAll: no struct that holds an address or a secret is forgotten. One
// with an exported field is in held; one with an unexported field, of which fmt
// calls no method, has a Format of its own. Structs that are themselves only
// reached through another's are the exceptions.
func TestMasksAll(t *testing.T) {
	table := map[string]bool{}
	for _, v := range held(t) {
		table[reflect.TypeOf(v).String()] = true
	}
	for _, p := range packages(t) {
		if strings.HasSuffix(p.path(), "test") || p.path() == "internal/demo" {
			continue // sample data and simulators' secrets
		}
		formats := map[string]bool{}
		files := parse(t, p)
		for _, file := range files {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "Format" && f.Recv != nil {
					formats[typeName(f.Recv.List[0].Type)] = true
				}
			}
		}
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				st, ok := spec.Type.(*ast.StructType)
				if !ok || formats[spec.Name.Name] {
					return true
				}
				for _, f := range st.Fields.List {
					if !masked(f.Type, p.path()) {
						continue
					}
					open := slices.ContainsFunc(f.Names, (*ast.Ident).IsExported)
					if !open || spec.Name.IsExported() && !table[p.Name+"."+spec.Name.Name] {
						t.Errorf("%s.%s has %v: put it into held, or give it a Format", p.Name, spec.Name.Name, f.Names)
					}
				}
				return true
			})
		}
	}
}

// masked reports whether a field's type is an address, a secret, or a parcel.
func masked(e ast.Expr, in string) bool {
	name := typeName(e)
	if in == "" {
		return name == "Address" || name == "Secret" || name == "Parcel"
	}
	s, ok := e.(*ast.SelectorExpr)
	return ok && typeName(s.X) == "engawa" && slices.Contains([]string{"Address", "Secret", "Parcel"}, name)
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// TestMaskForms: what is left to see of an address.
func TestMaskForms(t *testing.T) {
	for address, want := range map[engawa.Address]string{"taro@example.jp": "t…@e….jp", "U123": "U…", "": "", "@": "…@…", "田中@例.jp": "田…@例….jp", "a@b.example/secret": "a…@b…", "a@b.averylonglabel": "a…@b…"} {
		if got := fmt.Sprintf("%s|%v", address, address); got != want+"|"+want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := fmt.Sprintf("%s %v [%8s]", engawa.Secret("x"), engawa.Secret(""), engawa.Secret("x")); got != "••••••  [  ••••••]" {
		t.Errorf("%q", got)
	}
}
