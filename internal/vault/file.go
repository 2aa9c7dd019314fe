package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/engawa/engawa"
)

// format is the version of the file's layout.
const format = 1

// maxFile bounds the file, in bytes: 100 years of epochs are under half of it.
const maxFile = 16 << 20

// file is a ring on disk: JSON, keys in base64.
type file struct {
	Format  int      `json:"format"`
	Ring    string   `json:"ring"`
	Epochs  []epoch  `json:"epochs"`
	Index   secret   `json:"index"`
	Signing []secret `json:"signing"`
}

// Load reads a ring. A missing file is an error for which
// errors.Is(err, fs.ErrNotExist) holds. A file that others than its owner can
// read, and one that is damaged, is an *engawa.Error that says what to do.
func Load(path string) (*Keyring, error) {
	f, err := readFile(path)
	if err != nil {
		return nil, err
	}
	k := &Keyring{id: f.Ring, kept: true}
	k.adopt(f)
	k.at(path)
	return k, nil
}

// Reload takes over what another process has written to the ring's file since.
// It refuses the file of another ring.
func (k *Keyring) Reload(path string) error {
	k.saving.Lock()
	defer k.saving.Unlock()
	f, err := readFile(path)
	if err != nil {
		return err
	}
	if f.Ring != k.id {
		return otherRing(path)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.adopt(f)
	k.kept = true
	k.at(path)
	return nil
}

// Save writes the ring to path with mode 0600. The file is replaced whole and is
// on the disk when Save returns. It refuses to replace another ring's file, and
// one that holds keys this ring has never had: they would be lost for ever. Of
// several processes that each save a new ring to one path, one succeeds.
func (k *Keyring) Save(path string) error {
	k.saving.Lock()
	defer k.saving.Unlock()
	f, text, err := k.encode()
	if err != nil {
		return fmt.Errorf("save key ring: %w", err)
	}
	if err := f.mayReplace(path); err != nil {
		return err
	}
	place := os.Rename
	if !k.kept {
		place = os.Link // fails where another process has made the file meanwhile
	}
	if err := writeSynced(path, text, place); errors.Is(err, fs.ErrExist) {
		return otherRing(path)
	} else if err != nil {
		return fmt.Errorf("save key ring: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = true
	k.at(path)
	k.current, k.signer = f.Epochs[len(f.Epochs)-1].ID, f.Signing[len(f.Signing)-1].ID
	return nil
}

// at notes which file the ring was read from or written to. The lock is held,
// or the ring is not shared yet.
func (k *Keyring) at(path string) {
	k.path = path
	if info, err := os.Stat(path); err == nil {
		k.read = info
	}
}

// refresh reads the ring's file again if it was changed since: another node that
// shares it has rotated. It reports whether there may be new keys.
func (k *Keyring) refresh() bool {
	k.mu.RLock()
	path, read := k.path, k.read
	k.mu.RUnlock()
	if path == "" {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || read != nil && os.SameFile(info, read) && info.ModTime().Equal(read.ModTime()) {
		return false
	}
	return k.Reload(path) == nil
}

// encode returns the ring as it is now, and its text. Of the returned file only
// the ids may be used: Expire clears keys in place.
func (k *Keyring) encode() (file, []byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	f := file{
		Format: format, Ring: k.id, Index: k.index,
		Epochs: slices.Clone(k.epochs), Signing: slices.Clone(k.signing),
	}
	text, err := json.MarshalIndent(f, "", "  ")
	return f, append(text, '\n'), err
}

// adopt takes the keys of f. The lock is held, or the ring is not shared yet.
func (k *Keyring) adopt(f file) {
	for i, e := range f.Epochs {
		if e.Key != nil {
			f.Epochs[i].aead = newAEAD(e.Key)
		}
	}
	k.epochs, k.index, k.signing = f.Epochs, f.Index, f.Signing
	k.current, k.signer = f.Epochs[len(f.Epochs)-1].ID, f.Signing[len(f.Signing)-1].ID
}

// mayReplace reports whether f holds whatever the file at path holds.
func (f file) mayReplace(path string) error {
	old, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case old.Ring != f.Ring:
		return otherRing(path)
	}
	for _, id := range old.ids() {
		if !slices.Contains(f.ids(), id) {
			return &engawa.Error{
				Code:    engawa.CodeConflict,
				Message: fmt.Sprintf("the key file %s holds key %s, which this process does not know", path, id),
				Remedy:  "another process has rotated the keys: read the file again before writing it",
			}
		}
	}
	return nil
}

func (f file) ids() []string {
	ids := []string{f.Index.ID}
	for _, e := range f.Epochs {
		ids = append(ids, e.ID)
	}
	for _, s := range f.Signing {
		ids = append(ids, s.ID)
	}
	return ids
}

// readFile reads and checks the file at path.
func readFile(path string) (file, error) {
	h, err := os.Open(path)
	if err != nil {
		return file{}, fmt.Errorf("read key ring: %w", err)
	}
	defer h.Close() //nolint:errcheck // only read
	info, err := h.Stat()
	if err != nil {
		return file{}, fmt.Errorf("read key ring: %w", err)
	}
	if err := checkPrivate(path, info); err != nil {
		return file{}, err
	}
	text, err := io.ReadAll(io.LimitReader(h, maxFile))
	if err != nil {
		return file{}, fmt.Errorf("read key ring: %w", err)
	}
	f, err := decode(text)
	if err != nil {
		return file{}, &engawa.Error{
			Code:    engawa.CodeInvalid,
			Message: fmt.Sprintf("the key file %s is damaged: %s", path, err),
			Remedy:  "restore the key file from your separate key backup; without it sealed data cannot be read",
		}
	}
	return f, nil
}

// decode parses text. Its errors never quote a key.
func decode(text []byte) (file, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return file{}, err
	}
	if d.More() {
		return file{}, errors.New("text follows the ring")
	}
	return f, f.check()
}

func (f file) check() error {
	switch {
	case f.Format != format:
		return fmt.Errorf("its format is %d, this version reads %d", f.Format, format)
	case f.Ring == "" || len(f.Epochs) == 0 || len(f.Signing) == 0:
		return errors.New("the ring's id, its epochs or its signing keys are missing")
	case f.Epochs[len(f.Epochs)-1].Key == nil:
		return errors.New("the newest epoch has no key")
	}
	for _, e := range f.Epochs {
		if e.Key != nil && len(e.Key) != keySize {
			return fmt.Errorf("key %q has %d bytes, not %d", e.ID, len(e.Key), keySize)
		}
	}
	for _, s := range append([]secret{f.Index}, f.Signing...) {
		if len(s.Key) != keySize {
			return fmt.Errorf("key %q has %d bytes, not %d", s.ID, len(s.Key), keySize)
		}
	}
	ids := f.ids()
	slices.Sort(ids)
	if ids[0] == "" || len(slices.Compact(ids)) != len(f.ids()) {
		return errors.New("a key has no id, or two have the same")
	}
	return nil
}

// writeSynced writes the file at path whole: a crash leaves the old or the new
// one. What was written beside it gets its name by place.
func writeSynced(path string, text []byte, place func(from, to string) error) error {
	dir := filepath.Dir(path)
	h, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(h.Name()) //nolint:errcheck // gone already when all went well
	_, err = h.Write(text)
	if err := errors.Join(err, h.Sync(), h.Close()); err != nil {
		return err
	}
	if err := place(h.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func otherRing(path string) error {
	return &engawa.Error{
		Code:    engawa.CodeConflict,
		Message: fmt.Sprintf("the key file %s holds another key ring", path),
		Remedy:  "use the key file that this database was made with; every node needs the same one",
	}
}
