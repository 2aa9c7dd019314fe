package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, 100 on every Linux (time(7)).
const tick = time.Second / 100

// server is what PostgreSQL's processes have taken of the processors since it was
// started. It runs on this machine: script/postgres started it.
func (p *place) server(ctx context.Context) (busy time.Duration, err error) {
	if p.name == "" {
		return 0, nil
	}
	db, err := sql.Open("pgx", p.dsn)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var backend int
	if err := db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return 0, err
	}
	self, err := readStat(backend)
	if err != nil {
		return 0, fmt.Errorf("PostgreSQL is not on this machine: %w", err)
	}
	return family(self.parent)
}

// family is what a process, its children and those of them that have ended took.
func family(pid int) (busy time.Duration, err error) {
	s, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	busy = s.own + s.ended
	folders, err := filepath.Glob("/proc/[0-9]*")
	for _, f := range folders {
		id, _ := strconv.Atoi(filepath.Base(f)) // it begins with a digit: at worst no process
		if child, err := readStat(id); err == nil && child.parent == pid {
			busy += child.own
		}
	}
	return busy, err
}

// stat is a line of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	parent     int
	own, ended time.Duration // of itself; of children that have ended
}

func readStat(pid int) (s stat, err error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // behind the name: field 3 and what follows
	var state string
	var skip, user, system, childUser, childSystem int64
	_, err = fmt.Sscan(after, &state, &s.parent, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system, &childUser, &childSystem)
	s.own, s.ended = time.Duration(user+system)*tick, time.Duration(childUser+childSystem)*tick
	return s, err
}
