package takeout

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/engawa/engawa/internal/store"
)

//go:embed readme.txt
var readme []byte

// Options say what is taken out.
type Options struct {
	Workspace string
	Program   string // its version, for the manifest
	// Secret reports whether a setting of a kind of account is left out; nil: none is.
	Secret func(kind, setting string) bool
	// Progress is told of the kind that is being written and its rows so far; nil: nobody is.
	Progress func(kind string, rows int)
}

// Write writes the takeout of a workspace to w, unsealed, and returns its
// manifest. All of it is of one moment.
func Write(ctx context.Context, s *store.Store, o Options, w io.Writer) (Manifest, error) {
	zip := gzip.NewWriter(w)
	out := &writer{
		tar: tar.NewWriter(zip), told: o.Progress,
		Manifest: Manifest{Format: Format, Version: Version, Program: o.Program, MadeAt: time.Now().UTC().Truncate(time.Second), Secrets: o.Secret == nil, Counts: map[string]int{}},
	}
	err := s.TakeOut(ctx, store.TakeOut{Workspace: o.Workspace, Secret: o.Secret}, out.all)
	if err == nil {
		err = errors.Join(out.tar.Close(), zip.Close())
	}
	return out.Manifest, err
}

// writer writes the files of a takeout one after the other.
type writer struct {
	Manifest
	tar  *tar.Writer
	told func(kind string, rows int)
	part bytes.Buffer
	rows int // in part
}

// partSize is about how large a file gets before the next one begins: it is in
// memory, since a tar says a file's size before its content.
const partSize = 4 << 20

func (w *writer) all(k *store.Taking) error {
	if err := w.file(File{Name: readmeName}, readme); err != nil {
		return err
	}
	people := newPeople()
	for _, kind := range store.TakeoutKinds() {
		if err := w.kind(k, kind, people); err != nil {
			return err
		}
	}
	if err := people.write(k, w); err != nil {
		return err
	}
	w.LeftOut = LeftOut{Settings: k.Left, Values: k.Unknown, Tables: store.TakeoutStays()}
	text, err := json.MarshalIndent(w.Manifest, "", "  ")
	if err != nil {
		return err
	}
	return w.entry(manifestName, text)
}

// kind writes the rows of a kind.
func (w *writer) kind(k *store.Taking, kind string, people *people) error {
	n, part := 0, 0
	flush := func() error {
		if w.rows == 0 {
			return nil
		}
		part++
		err := w.file(File{Name: fmt.Sprintf("%s%s-%04d.jsonl", folder, kind, part), Kind: kind, Rows: w.rows}, w.part.Bytes())
		w.part.Reset()
		w.rows = 0
		return err
	}
	err := k.Each(kind, func(line []byte) error {
		if kind == "workspace" {
			if err := json.Unmarshal(line, &w.Workspace); err != nil {
				return err
			}
		}
		if err := people.note(kind, line); err != nil {
			return err
		}
		w.part.Write(line)
		w.part.WriteByte('\n')
		w.rows++
		if n++; w.told != nil && n%1000 == 0 {
			w.told(kind, n)
		}
		if w.part.Len() < partSize {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if w.told != nil {
		w.told(kind, n)
	}
	w.Counts[kind] = n
	return err
}

// file writes a file and notes it in the manifest.
func (w *writer) file(f File, text []byte) error {
	sum := sha256.Sum256(text)
	f.Bytes, f.SHA256 = int64(len(text)), hex.EncodeToString(sum[:])
	w.Files = append(w.Files, f)
	return w.entry(f.Name, text)
}

func (w *writer) entry(name string, text []byte) error {
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), ModTime: w.MadeAt, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := w.tar.Write(text)
	return err
}
