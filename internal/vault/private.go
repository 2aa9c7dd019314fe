package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/engawa/engawa"
)

// tooOpen are the permissions that a file with a secret must not have: writing
// by its group, and everything by others. Reading by the group is allowed,
// since orchestrators hand secrets to a process by its group.
const tooOpen fs.FileMode = 0o027

// CheckPrivate refuses a file with a secret that others on the machine may read
// or change; the error is an *engawa.Error that says what to do. A file that does
// not exist is the caller's affair.
func CheckPrivate(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	return checkPrivate(path, info)
}

func checkPrivate(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &engawa.Error{
			Code: engawa.CodeInvalid, Message: path + " is to hold a secret and is no plain file", Remedy: "name a plain file",
		}
	}
	if mode := info.Mode().Perm(); mode&tooOpen != 0 {
		return &engawa.Error{
			Code:    engawa.CodeInvalid,
			Message: fmt.Sprintf("%s holds a secret and others on this machine may read or change it (mode %04o): run chmod 600 %s", path, mode, path),
			Remedy:  "run: chmod 600 " + path + "; change the secret if it may have been seen",
		}
	}
	return nil
}
