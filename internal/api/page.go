package api

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// Paging asks for a part of a list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most"`
	Cursor string `query:"cursor" maxLength:"200" doc:"The next of the page before, unchanged; empty for the first page"`
}

// page reads the cursor of a list whose ids begin with prefix; empty: with any.
func (in Paging) page(prefix string) (store.Page, error) {
	p := store.Page{Limit: in.Limit}
	if in.Cursor == "" {
		return p, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	at, id, ok := strings.Cut(string(plain), ".")
	us, numberErr := strconv.ParseInt(at, 36, 64)
	if err != nil || !ok || numberErr != nil || us < 0 || !idForm(id) || prefix != "" && !engawa.HasPrefix(id, prefix) {
		return p, noCursor()
	}
	p.ID = id
	if us > 0 {
		p.At = time.UnixMicro(us).UTC()
	}
	return p, nil
}

func noCursor() error {
	return engawa.Invalid("?cursor", `use the "next" of the page before, unchanged, on the list that it came from`, "this is no cursor of this list")
}

// next is the cursor behind the last row of a page, or empty if the page was
// not full.
func (in Paging) next(n int, at time.Time, id string) string {
	if n < in.Limit {
		return ""
	}
	us := int64(0)
	if !at.IsZero() {
		us = at.UnixMicro()
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(us, 36) + "." + id))
}

// part cuts a page out of a list that is read whole, since it is short by
// nature (accounts, routes, templates), and shows its rows. It takes what the
// store answered, the error too. No row of such a list is ever removed from it;
// where rows are, partAfter does it.
func part[T, Out any](in Paging, prefix string, all []T, err error, id func(T) string, show func(T) Out) ([]Out, string, error) {
	var p store.Page
	if err == nil {
		p, err = in.page(prefix)
	}
	if err != nil {
		return nil, "", err
	}
	if p.ID != "" {
		i := slices.IndexFunc(all, func(row T) bool { return id(row) == p.ID })
		if i < 0 {
			return nil, "", noCursor()
		}
		all = all[i+1:]
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		next = in.next(len(all), time.Time{}, id(all[len(all)-1]))
	}
	return shown(all, show), next, nil
}

// partAfter is part for a list, oldest first, from which rows may be taken away
// between two pages: what comes after the row's place, whether or not it is
// still there.
func partAfter[T, Out any](in Paging, prefix string, all []T, err error, place func(T) (time.Time, string), show func(T) Out) ([]Out, string, error) {
	var p store.Page
	if err == nil {
		p, err = in.page(prefix)
	}
	if err != nil {
		return nil, "", err
	}
	all = slices.DeleteFunc(all, func(row T) bool {
		at, id := place(row)
		return p.ID != "" && cmp.Or(at.Compare(p.At), cmp.Compare(id, p.ID)) <= 0
	})
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		at, id := place(all[len(all)-1])
		next = in.next(len(all), at, id)
	}
	return shown(all, show), next, nil
}

// shown shows rows; none as an empty list.
func shown[T, Out any](rows []T, show func(T) Out) []Out {
	out := make([]Out, len(rows))
	for i, row := range rows {
		out[i] = show(row)
	}
	return out
}

// idForm reports whether a text may be an id.
func idForm(id string) bool {
	if len(id) < 5 || len(id) > 64 {
		return false
	}
	for _, r := range id {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}

// utc gives a time for an answer; nil for none.
func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
