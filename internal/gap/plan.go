package gap

import (
	"context"
	"errors"
	"hash/fnv"
	"time"

	"github.com/engawa/engawa"
	"github.com/engawa/engawa/internal/appstore"
	"github.com/engawa/engawa/internal/store"
)

// How far the store's history of notifications reaches (App Store Server API,
// "Get Notification History"), less what passes until it is asked.
const (
	reachProduction = 180*24*time.Hour - time.Hour
	reachSandbox    = 30*24*time.Hour - time.Hour
)

const (
	// overlap is read again of what is known: what was on its way then.
	overlap = time.Hour
	// peekEvery is how long what did not arrive stays unknown at most.
	peekEvery = time.Hour
	// old is how long a living subscription goes without being asked about.
	old = 30 * 24 * time.Hour
	// quiet is when nightly checks begin in the workspace's zone, and spread the
	// time over which accounts are spread.
	quiet  = 3 * time.Hour
	spread = 2 * time.Hour
)

// Night is when an account's next nightly check after now is due: at its own
// minute between 3 and 5 in the morning of the zone.
func Night(account string, zone *time.Location, now time.Time) time.Time {
	h := fnv.New32a()
	h.Write([]byte(account))
	minute := int(quiet/time.Minute) + int(h.Sum32()%uint32(spread/time.Minute))
	local := now.In(zone)
	at := func(days int) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+days, 0, minute, 0, 0, zone).UTC()
	}
	if tonight := at(0); tonight.After(now) {
		return tonight
	}
	return at(1)
}

// begin begins the check that is due, or says when the next one is.
func begin(cu engawa.Checkup, environment string, zone *time.Location, now time.Time) store.CheckupStep {
	if cu.NightAt.IsZero() {
		cu.NightAt = Night(cu.Account, zone, now)
	}
	cause := due(cu, now)
	if cause == "" {
		return store.CheckupStep{Checkup: cu, Next: earlier(cu.NightAt, cu.PeekAt)}
	}
	cu.Now = &engawa.Check{Cause: cause, Stage: engawa.StageHistory, From: from(cu.KnownTo, environment, now), To: now, BegunAt: now}
	return store.CheckupStep{Checkup: cu, Begins: true}
}

// due is why a check is due; empty: none is.
func due(cu engawa.Checkup, now time.Time) engawa.CheckCause {
	switch {
	case cu.Asked:
		return engawa.CheckAsked
	case !now.Before(cu.NightAt): // it finds what an absence lost too
		return engawa.CheckNight
	case !cu.AbsentFrom.IsZero():
		return engawa.CheckAbsence
	case !now.Before(cu.PeekAt):
		return engawa.CheckFailures
	}
	return ""
}

func from(known time.Time, environment string, now time.Time) time.Time {
	reach := reachProduction
	if environment == engawa.Sandbox {
		reach = reachSandbox
	}
	if first := now.Add(-reach); known.Add(-overlap).Before(first) {
		return first
	}
	return known.Add(-overlap)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// finish ends the check under way.
func finish(cu engawa.Checkup, zone *time.Location, now time.Time) engawa.Checkup {
	done := *cu.Now
	done.EndedAt = now
	cu.Now, cu.Last, cu.PeekAt = nil, &done, now.Add(peekEvery)
	if done.Cause == engawa.CheckNight || done.Cause == engawa.CheckAsked {
		cu.NightAt = Night(cu.Account, zone, now)
	}
	if done.Cause != engawa.CheckFailures && !done.Broken {
		cu.KnownTo = done.To
	}
	switch {
	case done.Broken:
		cu = troubled(cu, engawa.TroubleHistory, now)
	case cu.Trouble != engawa.TroubleBusy:
		cu.Trouble, cu.TroubleAt = "", time.Time{}
	}
	return cu
}

// troubled names what keeps an account from being checked, since when.
func troubled(cu engawa.Checkup, why engawa.CheckTrouble, now time.Time) engawa.Checkup {
	if cu.Trouble != why {
		cu.Trouble, cu.TroubleAt = why, now
	}
	return cu
}

// fate is what an error of the store means for a check.
type fate string

const (
	goOn    fate = ""
	busy    fate = "busy"  // later it may answer
	waits   fate = "waits" // and it says when
	noKey   fate = "key"   // it does not take the key
	anew    fate = "anew"  // the place in the history is lost: begin it again
	odd     fate = "odd"   // an answer that cannot be read
	refuses fate = "refuses"
)

// fateOf judges an error, and says until when to wait where the store does.
func fateOf(err error, now time.Time) (fate, time.Time) {
	if e, ok := errors.AsType[*appstore.Error](err); ok {
		if e.Class == appstore.ClassRetryable {
			return busy, time.Time{}
		}
		return odd, time.Time{}
	}
	e, ok := errors.AsType[*appstore.APIError](err)
	switch {
	case err == nil:
		return goOn, time.Time{}
	case !ok:
		return refuses, time.Time{}
	case e.Code == 4000014 || e.Code == 4000017: // the token is none any more, or is too old
		return anew, time.Time{}
	case e.Status == 401:
		return noKey, time.Time{}
	case e.RetryAt.After(now):
		return waits, e.RetryAt
	case errors.Is(err, context.DeadlineExceeded) || e.Passing():
		return busy, time.Time{}
	case e.Status == 200:
		return odd, time.Time{}
	}
	return refuses, time.Time{}
}

// backoff is how long to wait after failures one after the other.
func backoff(failures int) time.Duration {
	return min(time.Minute<<min(max(failures-1, 0), 5), 30*time.Minute)
}
