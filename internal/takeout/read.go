package takeout

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/engawa/engawa"
)

// Takeout is a file to read.
type Takeout struct {
	file       *os.File
	passphrase engawa.Secret
	key        []byte // what the passphrase opened: deriving it takes a second
	sums       map[string]File
}

// Format says nothing of it, whatever the verb.
func (t *Takeout) Format(f fmt.State, _ rune) { fmt.Fprint(f, "takeout") }

// Open opens a takeout. The passphrase may be empty for one that is not sealed.
func Open(path string, passphrase engawa.Secret) (*Takeout, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open takeout: %w", err)
	}
	return &Takeout{file: f, passphrase: passphrase}, nil
}

// Close closes the file.
func (t *Takeout) Close() error { return t.file.Close() }

// sealedBegin and zipBegin are how the two forms of a takeout begin.
const (
	sealedBegin = "age-encryption.org/v1\n"
	zipBegin    = "\x1f\x8b"
)

// unsealed reads the takeout from its begin, opened and decompressed.
func (t *Takeout) unsealed() (*gzip.Reader, error) {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read takeout: %w", err)
	}
	in := bufio.NewReaderSize(t.file, 1<<16)
	begin, err := in.Peek(len(sealedBegin))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read takeout: %w", err)
	}
	var plain io.Reader = in
	switch {
	case string(begin) == sealedBegin:
		if plain, err = t.unseal(in); err != nil {
			return nil, err
		}
	case !strings.HasPrefix(string(begin), zipBegin):
		return nil, engawa.Invalid("", "name a file that engawa export wrote", "this is no takeout")
	}
	zip, err := gzip.NewReader(plain)
	if err != nil {
		return nil, torn(err)
	}
	return zip, nil
}

func (t *Takeout) unseal(in io.Reader) (io.Reader, error) {
	if t.key == nil {
		var head bytes.Buffer
		if err := t.open(io.TeeReader(in, &head), &head); err != nil {
			return nil, err
		}
		in = io.MultiReader(&head, in)
	}
	plain, err := age.Decrypt(in, age.NewInjectedFileKeyIdentity(t.key))
	if err != nil {
		return nil, torn(err)
	}
	return plain, nil
}

// open opens the file's key in its head with the passphrase. head is what was
// read of in.
func (t *Takeout) open(in io.Reader, head *bytes.Buffer) error {
	if t.passphrase.Reveal() == "" {
		return engawa.Invalid("", "put its passphrase into a file that only you can read, and name that with --passphrase-file", "this takeout is sealed with a passphrase")
	}
	who, err := age.NewScryptIdentity(t.passphrase.Reveal())
	if err != nil {
		return fmt.Errorf("unseal takeout: %w", err)
	}
	if _, err := age.ExtractHeader(in); err != nil {
		return torn(err)
	}
	t.key, err = age.DecryptHeader(head.Bytes(), who)
	if wrong := (*age.NoIdentityMatchError)(nil); errors.As(err, &wrong) {
		return engawa.Invalid("", "name the file with the passphrase that it was exported with", "the passphrase does not open this takeout")
	}
	if err != nil {
		return torn(err)
	}
	return nil
}

// Seal returns a writer that seals with a passphrase what is written to it, so
// that the program age (https://age-encryption.org) opens it. Close ends it.
func Seal(w io.Writer, passphrase engawa.Secret) (io.WriteCloser, error) {
	whom, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		return nil, fmt.Errorf("seal takeout: %w", err)
	}
	return age.Encrypt(w, whom)
}

// torn says that a file is not as it was written.
func torn(err error) error {
	return &engawa.Error{
		Code: engawa.CodeInvalid, Message: "the takeout is damaged or not complete; nothing was brought in", Remedy: "take the file again from where it was written or kept", Err: err,
	}
}

// fileMost is the most bytes of one file of a takeout: far above partSize and
// any row, and below what a forged one could fill the memory with.
const fileMost = 256 << 20

// each hands over one file after the other.
func (t *Takeout) each(ctx context.Context, do func(name string, text []byte) error) error {
	zip, err := t.unsealed()
	if err != nil {
		return err
	}
	in := tar.NewReader(zip)
	for ctx.Err() == nil {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return torn(err)
		}
		if head.Size > fileMost {
			return torn(fmt.Errorf("%s has %d bytes", head.Name, head.Size))
		}
		text := make([]byte, head.Size)
		if _, err := io.ReadFull(in, text); err != nil {
			return torn(err)
		}
		if err := do(head.Name, text); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, err := io.Copy(io.Discard, zip); err != nil { // to the last checksum
		return torn(err)
	}
	return nil
}

// Check reads all of a takeout and holds it against its manifest.
func (t *Takeout) Check(ctx context.Context) (Manifest, error) {
	var m Manifest
	seen := map[string]File{}
	var order []string
	err := t.each(ctx, func(name string, text []byte) error {
		if name == manifestName {
			if err := json.Unmarshal(text, &m); err != nil {
				return torn(err)
			}
			return m.readable()
		}
		seen[name] = summed(name, text)
		order = append(order, name)
		return nil
	})
	if err != nil {
		return m, err
	}
	if m.Format == "" {
		return m, torn(errors.New("there is no manifest"))
	}
	if len(order) != len(m.Files) {
		return m, torn(fmt.Errorf("%d files of %d", len(order), len(m.Files)))
	}
	t.sums = map[string]File{}
	for i, f := range m.Files {
		if got := seen[f.Name]; order[i] != f.Name || got.SHA256 != f.SHA256 || got.Bytes != f.Bytes || f.Kind != "" && got.Rows != f.Rows {
			return m, torn(fmt.Errorf("%s is not what the manifest says", f.Name))
		}
		t.sums[f.Name] = f
	}
	return m, nil
}

func (m Manifest) readable() error {
	if m.Format != Format {
		return engawa.Invalid("", "name a file that engawa export wrote", "this is no takeout")
	}
	if m.Version > Version {
		return engawa.Invalid("", "import it with engawa "+m.Program+" or newer", "the takeout has format %d; this engawa reads up to %d", m.Version, Version)
	}
	return nil
}

func summed(name string, text []byte) File {
	sum := sha256.Sum256(text)
	return File{Name: name, Rows: bytes.Count(text, []byte{'\n'}), Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
}

// Rows hands over the rows of a takeout that was checked, as store.TakeIn wants
// them. Each file is held against the manifest once more, as it could have been
// changed meanwhile. The stop function ends it early.
func (t *Takeout) Rows(ctx context.Context, progress func(kind string, rows int)) (next func() (string, []byte, error), stop func()) {
	type part struct {
		kind string
		text []byte
	}
	ctx, stop = context.WithCancel(ctx)
	parts, failed := make(chan part), make(chan error, 1)
	go func() {
		defer close(parts)
		failed <- t.each(ctx, func(name string, text []byte) error {
			f := t.sums[name]
			if f.Kind == "" {
				return nil
			}
			if summed(name, text).SHA256 != f.SHA256 {
				return torn(fmt.Errorf("%s has changed", name))
			}
			select {
			case parts <- part{f.Kind, text}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	var now part
	n := 0
	return func() (string, []byte, error) {
		for len(now.text) == 0 {
			p, more := <-parts
			if !more {
				if err := <-failed; err != nil {
					return "", nil, err
				}
				failed <- nil
				return "", nil, io.EOF
			}
			if p.kind != now.kind {
				n = 0
			}
			now = p
		}
		line, rest, _ := bytes.Cut(now.text, []byte{'\n'})
		now.text = rest
		if n++; progress != nil && (n%1000 == 0 || len(rest) == 0) {
			progress(now.kind, n)
		}
		return now.kind, line, nil
	}, stop
}
