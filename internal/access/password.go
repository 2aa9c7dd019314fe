package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/engawa/engawa"
)

// Lengths of a password. OWASP ASVS 5.0, 6.2: at least 8 characters, no rules of
// composition; the upper end bounds the work before the hash.
const (
	MinPassword = 8     // characters
	MaxPassword = 1_024 // bytes
)

const (
	saltSize = 16
	hashSize = 32
	maxWork  = 1 << 20 // KiB; a stored hash that asks for more is damaged
)

// Cost is the work of one Argon2id hash (RFC 9106).
type Cost struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

// DefaultCost is ASVS's 64 MiB: about 0.1 s on one core of 2026.
func DefaultCost() Cost { return Cost{Memory: 64 << 10, Passes: 3, Lanes: 1} }

// Passwords hashes and checks passwords, a few at a time. It is safe for concurrent use.
type Passwords struct {
	cost  Cost
	slots chan struct{}
	decoy string // what an unknown member's password is checked against
}

// NewPasswords returns a hasher of the given cost that works on at most
// parallel passwords at once; the others wait. Each takes cost.Memory.
func NewPasswords(cost Cost, parallel int) *Passwords {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // crypto/rand.Read never fails (Go 1.24)
	decoy := phc(cost, salt, make([]byte, hashSize))
	return &Passwords{cost: cost, slots: make(chan struct{}, parallel), decoy: decoy}
}

// Hash returns the PHC string to keep for password. A password that is too short
// or too long is refused with an *engawa.Error, and so is everybody while ctx
// ends before their turn.
func (p *Passwords) Hash(ctx context.Context, password engawa.Secret) (string, error) {
	plain, err := prepare(password)
	if err != nil {
		return "", err
	}
	if n := utf8.RuneCount(plain); n < MinPassword {
		return "", engawa.Invalid("/password", "use at least 8 characters; 15 or more are better, a sentence is fine",
			"the password has %d characters", n)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // crypto/rand.Read never fails (Go 1.24)
	sum, err := p.work(ctx, p.cost, plain, salt)
	if err != nil {
		return "", err
	}
	return phc(p.cost, salt, sum), nil
}

// Check answers nil if password is the one that kept, a PHC string, was made
// from. An unknown member has the empty string, and gets the answer of a wrong
// password after the same work. With rehash the password is right and kept was
// made at another cost: keep a new Hash. Errors are *engawa.Error, but for a
// damaged hash.
func (p *Passwords) Check(ctx context.Context, kept string, password engawa.Secret) (rehash bool, err error) {
	plain, err := prepare(password)
	if err != nil {
		return false, refuse(SignInInvalid, nil)
	}
	known := kept != ""
	if !known {
		kept = p.decoy
	}
	cost, salt, want, err := parsePHC(kept)
	if err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	sum, err := p.work(ctx, cost, plain, salt)
	if err != nil {
		return false, err
	}
	if same := subtle.ConstantTimeCompare(sum, want) == 1; !same || !known {
		return false, refuse(SignInInvalid, nil)
	}
	return cost != p.cost, nil
}

// work hashes when it is this one's turn.
func (p *Passwords) work(ctx context.Context, c Cost, plain, salt []byte) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, refuse(SignInBusy, ctx.Err())
	}
	defer func() { <-p.slots }()
	return argon2.IDKey(plain, salt, c.Passes, c.Memory, c.Lanes, hashSize), nil
}

// prepare returns the password's bytes in one Unicode form (RFC 8265 §4.2.2), so
// that two keyboards that compose が or é differently give the same password.
func prepare(password engawa.Secret) ([]byte, error) {
	s := password.Reveal()
	if len(s) > MaxPassword || !utf8.ValidString(s) {
		return nil, engawa.Invalid("/password", "use a password of at most 1,024 bytes of text", "the password is %d bytes", len(s))
	}
	return norm.NFC.Bytes([]byte(s)), nil
}

// costForm is how a PHC string spells a Cost.
const costForm = "m=%d,t=%d,p=%d"

var errPHC = errors.New("the kept hash is not Argon2id in PHC form")

// phc writes a hash as $argon2id$v=19$m=65536,t=3,p=1$salt$hash.
func phc(c Cost, salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$"+costForm+"$%s$%s",
		argon2.Version, c.Memory, c.Passes, c.Lanes, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

func parsePHC(s string) (c Cost, salt, sum []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Cost{}, nil, nil, errPHC
	}
	_, err = fmt.Sscanf(parts[3], costForm, &c.Memory, &c.Passes, &c.Lanes)
	if err != nil || parts[3] != fmt.Sprintf(costForm, c.Memory, c.Passes, c.Lanes) { // Sscanf does not look behind the last
		return Cost{}, nil, nil, errPHC
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(sum) != hashSize ||
		c.Memory < 8 || c.Memory > maxWork || c.Passes < 1 || c.Passes > 64 || c.Lanes < 1 {
		return Cost{}, nil, nil, errPHC
	}
	return c, salt, sum, nil
}
