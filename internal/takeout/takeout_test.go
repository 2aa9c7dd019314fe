package takeout

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
	"github.com/engawa/engawa/internal/vault"
)

// asChild makes this test binary a program that is killed while it works.
const asChild = "ENGAWA_TEST_TAKEOUT_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(asChild) {
	case "":
		os.Exit(m.Run())
	case "create":
		Create(childFile, func(w io.Writer) error {
			w.Write(make([]byte, 1<<20))
			return halfway()
		})
	case "import":
		fmt.Println(bringIn())
	}
	os.Exit(1)
}

// halfway says so and waits for the end.
func halfway() error {
	fmt.Println("half")
	select {}
}

// The files of a child, in its folder.
const (
	childFile     = "file"
	childKey      = "engawa.key"
	childDatabase = "engawa.db"
)

func bringIn() error {
	ring, err := vault.Load(childKey)
	if err != nil {
		return err
	}
	s, err := store.Open(context.Background(), childDatabase, vault.New(ring))
	if err != nil {
		return err
	}
	t, err := Open(childFile, "")
	if err != nil {
		return err
	}
	if _, err := t.Check(context.Background()); err != nil {
		return err
	}
	next, _ := t.Rows(context.Background(), nil)
	n := 0
	_, err = s.TakeIn(context.Background(), store.TakeIn{Next: func() (string, []byte, error) {
		if n++; n == 2500 {
			return "", nil, halfway()
		}
		return next()
	}})
	return err
}

// killHalfway runs the child in dir until it is half way, and kills it.
func killHalfway(t *testing.T, what, dir string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Dir, c.Env = dir, []string{asChild + "=" + what}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 5)
	if _, err := io.ReadFull(out, said); err != nil || string(said) != "half\n" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the child said %q %q, %v", said, rest, err)
	}
	c.Process.Kill()
	c.Wait()
}

// hub is a store with a ring in a file.
func hub(t *testing.T) (s *store.Store, database, key string) {
	t.Helper()
	dir := t.TempDir()
	database, key = filepath.Join(dir, childDatabase), filepath.Join(dir, childKey)
	ring := vault.Generate(time.Now())
	if err := ring.Save(key); err != nil {
		t.Fatal(err)
	}
	return reopen(t, database, key), database, key
}

func reopen(t *testing.T, database, key string) *store.Store {
	t.Helper()
	ring, err := vault.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), database, vault.New(ring))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// written is a takeout of a workspace with customers and a long journal.
func written(t *testing.T) []byte {
	t.Helper()
	s, _, _ := hub(t)
	ctx, now := t.Context(), time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
	err := s.AddWorkspace(ctx, engawa.Workspace{ID: "ws_1", Name: "ひなた珈琲", Zone: "Asia/Tokyo", CreatedAt: now})
	for i, name := range []string{"=1+1", "＝SUM(A1)", "+81 90", "-1", "@cmd", "田中, \"太郎\"\n改行"} {
		id := fmt.Sprint("cus_", i)
		err = errors.Join(err, s.AddCustomer(ctx, store.NewCustomer{
			Customer:      engawa.Customer{Workspace: "ws_1", ID: id, Kind: "person", Name: name, CreatedAt: now},
			ContactPoints: []engawa.ContactPoint{{Workspace: "ws_1", ID: "cp_" + id, Customer: id, Kind: "mail", Address: engawa.Address(id + "@customer.example"), CreatedAt: now}},
			Consents: []engawa.Consent{{
				Workspace: "ws_1", ID: "cns_" + id, Customer: id, Controller: engawa.ControllerWorkspace, Act: engawa.ActContact, Purpose: engawa.Marketing, Given: true, At: now,
				Evidence: engawa.Evidence{Wording: "受け取る", Version: "1", Where: "会員登録", How: "checkbox"},
			}},
		}))
	}
	evs := make([]engawa.Event, 3000)
	for i := range evs {
		evs[i] = engawa.Event{Workspace: "ws_1", ID: fmt.Sprintf("evt_%04d", i), Account: "api", Type: "shop.visited", DedupKey: fmt.Sprint(i), OccurredAt: now, ReceivedAt: now, Data: []byte(`{}`)}
	}
	_, kept := s.Journal(ctx, evs)
	if err := errors.Join(err, kept); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	shown := map[string]int{}
	m, err := Write(ctx, s, Options{Workspace: "ws_1", Program: "v1.2.3", Progress: func(kind string, rows int) { shown[kind] = rows }}, &out)
	if err != nil || m.Counts["customers"] != 6 || m.Counts["events"] != 3000 || shown["events"] != 3000 {
		t.Fatalf("%v, %v, shown %v", m.Counts, err, shown)
	}
	return out.Bytes()
}

// keep writes a file to read.
func keep(t *testing.T, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "takeout")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func check(t *testing.T, text []byte, passphrase engawa.Secret) (Manifest, error) {
	t.Helper()
	f, err := Open(keep(t, text), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Check(t.Context())
}

// entry is a file of a tar.
type entry struct{ name, text string }

func unpack(t *testing.T, text []byte) (all []entry) {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{h.Name, string(b)})
	}
}

func pack(t *testing.T, all []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := &writer{tar: tar.NewWriter(zip)}
	for _, e := range all {
		if err := w.entry(e.name, []byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.tar.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPeople: the files for people are what spreadsheets in Japanese and Korean
// open, in the workspace's zone, and run nothing.
func TestPeople(t *testing.T) {
	files := map[string]string{}
	for _, e := range unpack(t, written(t)) {
		files[e.name] = e.text
	}
	customers := files["takeout/people/customers.csv"]
	if !strings.HasPrefix(customers, "\ufeffid,kind,name,addresses,") {
		t.Errorf("it begins with %.60q", customers)
	}
	for _, want := range []string{",'=1+1,", ",'＝SUM(A1),", ",'+81 90,", ",'-1,", ",'@cmd,", "\"田中, \"\"太郎\"\"\r\n改行\"", "mail: cus_0@customer.example", "2026-03-01 09:30:00"} {
		if !strings.Contains(customers, want) {
			t.Errorf("%q lacks %q", customers, want)
		}
	}
	if consents := files["takeout/people/consents.csv"]; strings.Count(consents, "\r\n") < 7 || !strings.Contains(consents, "受け取る,1,会員登録,checkbox") {
		t.Errorf("consents: %q", consents)
	}
	if !strings.Contains(files["takeout/README.txt"], "한국어") {
		t.Error("there is no README")
	}
}

// TestDamaged: what is not as it was written is refused before anything comes
// in, wherever it is broken. Deflate has bits that mean nothing, which fill an
// octet up (RFC 1951, 3.2.4): without them every file is what it was.
func TestDamaged(t *testing.T) {
	text := written(t)
	if m, err := check(t, text, ""); err != nil || m.Program != "v1.2.3" || m.LeftOut.Tables["session"] == "" {
		t.Fatalf("as it was written: %v, %v", m, err)
	}
	dice, files := rand.New(rand.NewPCG(1, 2)), unpack(t, text)
	for range 60 {
		flipped := bytes.Clone(text)
		at := 12 + dice.IntN(len(text)-12) // what stands before says when and where it was zipped
		flipped[at] ^= 1 << dice.IntN(8)
		if _, err := check(t, flipped, ""); err == nil && !slices.Equal(unpack(t, flipped), files) {
			t.Errorf("byte %d of %d was changed and nobody noticed", at, len(text))
		}
		if _, err := check(t, text[:dice.IntN(len(text))], ""); err == nil {
			t.Error("it was cut short and nobody noticed")
		}
	}
	last := len(files) - 1
	for name, c := range map[string]struct {
		files []entry
		says  string
	}{
		"a row changed":   {replaced(files, 1, strings.Replace(files[1].text, "ひなた", "ひまわり", 1)), "damaged"},
		"a file missing":  {slices.Delete(slices.Clone(files), 2, 3), "damaged"},
		"a file twice":    {slices.Insert(slices.Clone(files), 2, files[1]), "damaged"},
		"files swapped":   {slices.Insert(slices.Delete(slices.Clone(files), 1, 2), 2, files[1]), "damaged"},
		"no manifest":     {files[:last], "damaged"},
		"a newer format":  {replaced(files, last, strings.Replace(files[last].text, `"version": 1`, `"version": 2`, 1)), "reads up to 1"},
		"another program": {replaced(files, last, strings.Replace(files[last].text, Format, "other", 1)), "no takeout"},
	} {
		if _, err := check(t, pack(t, c.files), ""); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := check(t, []byte("PK\x03\x04"), ""); err == nil || !strings.Contains(err.Error(), "no takeout") {
		t.Errorf("another file: %v", err)
	}
}

func replaced(files []entry, i int, text string) []entry {
	out := slices.Clone(files)
	out[i].text = text
	return out
}

// sealedWith seals as Seal does, with less work.
func sealedWith(t *testing.T, text []byte, passphrase string) []byte {
	t.Helper()
	whom, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	whom.SetWorkFactor(8)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, whom)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSealed: a sealed takeout opens with its passphrase alone, and shows every
// change.
func TestSealed(t *testing.T) {
	plain := written(t)
	text := sealedWith(t, plain, "correct horse")
	if _, err := check(t, text, "correct horse"); err != nil {
		t.Fatal(err)
	}
	for passphrase, says := range map[engawa.Secret]string{"": "is sealed with a passphrase", "wrong horse": "does not open"} {
		if _, err := check(t, text, passphrase); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", passphrase, err)
		}
	}
	dice := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		flipped := bytes.Clone(text)
		flipped[len(sealedBegin)+dice.IntN(len(text)-len(sealedBegin))] ^= 1 << dice.IntN(8)
		if _, err := check(t, flipped, "correct horse"); err == nil {
			t.Error("a bit was changed and nobody noticed")
		}
		if _, err := check(t, text[:len(text)-1-dice.IntN(1000)], "correct horse"); err == nil {
			t.Error("it was cut short and nobody noticed")
		}
	}
	if _, err := check(t, append(bytes.Clone(text), 0), "correct horse"); err == nil {
		t.Error("it was made longer and nobody noticed")
	}
	var out bytes.Buffer
	w, err := Seal(&out, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := check(t, out.Bytes(), "correct horse"); err != nil {
		t.Errorf("as Seal seals: %v", err)
	}
}

// TestChangedMeanwhile: a file that is changed after it was checked does not come in.
func TestChangedMeanwhile(t *testing.T) {
	text := written(t)
	path := keep(t, text)
	f, err := Open(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, text)
	i := slices.IndexFunc(files, func(e entry) bool { return strings.Contains(e.name, "consents") })
	if err := os.WriteFile(path, pack(t, replaced(files, i, strings.Replace(files[i].text, "true", "false", 1))), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, _ := hub(t)
	next, stop := f.Rows(t.Context(), nil)
	defer stop()
	if _, err := s.TakeIn(t.Context(), store.TakeIn{Next: next}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("it came in: %v", err)
	}
	if all, err := s.Workspaces(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("there is %v, %v", all, err)
	}
}

// TestKilledImport: an import that is killed half way has not happened, and the
// next one happens.
func TestKilledImport(t *testing.T) {
	text := written(t)
	s, database, key := hub(t)
	file := filepath.Join(filepath.Dir(database), childFile)
	if err := errors.Join(s.Close(), os.WriteFile(file, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	killHalfway(t, "import", filepath.Dir(database))
	s = reopen(t, database, key)
	if all, err := s.Workspaces(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("there is %v, %v", all, err)
	}
	f, err := Open(file, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, stop := f.Rows(t.Context(), nil)
	defer stop()
	if got, err := s.TakeIn(t.Context(), store.TakeIn{Next: next}); err != nil || got.Rows["events"] != 3000 {
		t.Errorf("the next import: %v, %v", got, err)
	}
}

// TestCreate: a file is whole or not there: where writing fails, on a full disk,
// when the program is killed, and where another file is already.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, childFile)
	empty := func(when string) {
		t.Helper()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: there is %v, %v", when, left, err)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	s, _, _ := hub(t)
	if err := s.AddWorkspace(t.Context(), engawa.Workspace{ID: "ws_1", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	err = Create(path, func(w io.Writer) error {
		w.Write([]byte("half"))
		_, err := Write(t.Context(), s, Options{Workspace: "ws_1"}, full)
		return err
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	empty("a full disk")
	killHalfway(t, "create", dir)
	empty("killed")
	if err := Create(path, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "whole" {
		t.Errorf("it holds %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := Create(path, func(w io.Writer) error { _, err := io.WriteString(w, "other"); return err }); err == nil {
		t.Error("a file was written over")
	}
	f, place, drop, err := named(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(place(filepath.Join(dir, "second")), f.Close(), drop()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("there is %v, %v", left, err)
	}
}

// TestPage: docs/export.md names every kind.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/export.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range store.TakeoutKinds() {
		if !strings.Contains(string(page), "`"+kind+"`") {
			t.Errorf("it does not name %s", kind)
		}
	}
}

// TestManifest: the manifest can be read by who does not know this program.
func TestManifest(t *testing.T) {
	files := unpack(t, written(t))
	var m map[string]any
	if err := json.Unmarshal([]byte(files[len(files)-1].text), &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"format", "version", "program", "made_at", "workspace", "secrets", "counts", "left_out", "files"} {
		if m[name] == nil {
			t.Errorf("it has no %s", name)
		}
	}
}
