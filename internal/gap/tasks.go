package gap

import (
	"strconv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/store"
)

// The kinds of tasks, one open of each for an account.
const (
	taskFound    = "gap.found"    // it closes by itself when the gap is filled
	taskUnproved = "gap.unproved" // notifications in the history that nobody can prove
	taskEndless  = "gap.history"  // the history cannot be read to its end
	taskKey      = "gap.key"      // the store does not take the key
)

// looked is how long a person has to look.
const looked = 3 * 24 * time.Hour

func (p place) task(kind string, args map[string]string) engawa.Task {
	args["account"] = p.app.Account.Name
	return engawa.Task{Workspace: p.w.ID, Kind: kind, Ref: p.at.Account, Args: args}
}

func (p place) found(c engawa.Check, n int) engawa.Task {
	return p.task(taskFound, map[string]string{"n": strconv.Itoa(n), "since": c.Since.In(p.zone).Format("2006-01-02 15:04")})
}

func (p place) unproved(c engawa.Check) engawa.Task {
	k := p.task(taskUnproved, map[string]string{"n": strconv.Itoa(c.Unproved)})
	k.DueAt = time.Now().Add(looked)
	return k
}

func (p place) endless() engawa.Task {
	k := p.task(taskEndless, map[string]string{})
	k.DueAt = time.Now().Add(looked)
	return k
}

func (p place) refused() engawa.Task {
	k := p.task(taskKey, map[string]string{})
	k.DueAt = time.Now().Add(looked)
	return k
}

// filled closes the task of a gap.
func (p place) filled(c engawa.Check) store.Closing {
	return store.Closing{Kind: taskFound, Ref: p.at.Account, Note: p.T("gap.note.filled", "n", c.Missed, "checked", c.Checked)}
}

// T says it in the workspace's language, for what is written down.
func (p place) T(key string, args ...any) string { return p.Words.T(p.w.Locale, key, args...) }

// noKey rests: an account without a key can only listen. Entering one does not
// wake it; it looks again soon.
func (p place) noKey() store.CheckupStep {
	now := time.Now().UTC()
	cu := troubled(p.at, engawa.TroubleNoKey, now)
	if cu.NightAt.IsZero() {
		cu.NightAt = Night(cu.Account, p.zone, now)
	}
	return store.CheckupStep{Checkup: cu, Next: now.Add(10 * time.Minute)}
}
